"""How many chains are computed side by side."""

from __future__ import annotations

import torch

# Of main memory, for the numbers of one evaluation of all workers; of a GPU's free memory, as a share.
_PROCESSOR_BYTES, _GPU_SHARE = 2 * 2**30, 0.5
# Chains from which on more side by side are hardly cheaper each (a small network on one core takes 3 ms an evaluation
# beside 2.3 ms a chain of 25 atoms), and bytes of an evaluation from which on each is dearer beside other work, since
# they leave its part of the caches (3.3 ms a chain where 100 walk side by side; docs/performance.md).
_ENOUGH, _CACHED_BYTES = 16, 2**25


def choose_batch(chains: int, wanted: int | None, bytes_per_chain: int, device: torch.device, workers: int = 1) -> int:
    """Chains in a batch: as wanted, or else as many as the memory is estimated to hold, at least one, at most all, and
    on a processor no more than are fast.

    Where they do not all fit, batches are made as equal as can be. Several workers get a batch each at least, and
    several where there are chains enough, so that one that is held up by others on its core does less of the work.

    Args:
        chains: all chains.
        wanted: chains in a batch, or None.
        bytes_per_chain: what one evaluation takes for each.
        device: where the network runs.
        workers: processes that compute a batch each.
    """
    if wanted is not None:
        return min(wanted, chains)
    if device.type == "cuda":
        most = int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0]) // bytes_per_chain
    else:
        most = min(_PROCESSOR_BYTES // workers // bytes_per_chain, max(_ENOUGH, _CACHED_BYTES // bytes_per_chain))
    most = max(1, min(chains, most))
    if workers > 1:
        most = min(most, max(-(-chains // (4 * workers)), min(_ENOUGH, -(-chains // workers))))
    return -(-chains // -(-chains // most))
