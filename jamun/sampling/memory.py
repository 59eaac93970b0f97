"""How many chains fit the memory side by side."""

from __future__ import annotations

import torch

# Of main memory, for the numbers of one evaluation; of a GPU's free memory, as a share.
_PROCESSOR_BYTES, _GPU_SHARE = 2 * 2**30, 0.5


def choose_batch(chains: int, wanted: int | None, bytes_per_chain: int, device: torch.device) -> int:
    """Chains in a batch: as wanted, or else as many as the memory is estimated to hold, at least one, at most all.

    Where they do not all fit, batches are made as equal as can be. `bytes_per_chain` is what one evaluation takes for
    each.
    """
    if wanted is None:
        free = _PROCESSOR_BYTES
        if device.type == "cuda":
            free = int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0])
        most = max(1, min(chains, free // bytes_per_chain))
        return -(-chains // -(-chains // most))
    return min(wanted, chains)
