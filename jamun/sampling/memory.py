"""How many chains fit the memory side by side."""

from __future__ import annotations

import torch

from jamun.config.network import NetworkSettings
from jamun.model.layers import multiplicities

# Of main memory, for the numbers of one evaluation; of a GPU's free memory, as a share.
_PROCESSOR_BYTES, _GPU_SHARE = 2 * 2**30, 0.5
_FLOAT_BYTES = 4


def bytes_per_chain(network: NetworkSettings, atoms: int) -> int:
    """Memory that one evaluation takes for each chain, estimated from its largest tensors.

    These have a number for each pair of atoms and: function of the radial basis, once; hidden radial unit, three times
    while a convolution's are made; feature of an atom, with its components in the harmonics' place, five times while
    messages are. The rest is small beside them.
    """
    features = sum(multiplicities(network.hidden_irreps).values())
    per_pair = (network.n_radial + 2) + 3 * network.radial_width + 5 * features + 3 * (network.lmax + 1) ** 2
    return _FLOAT_BYTES * atoms**2 * per_pair


def choose_batch(chains: int, wanted: int | None, network: NetworkSettings, atoms: int, device: torch.device) -> int:
    """Chains in a batch: as wanted, or else as many as the memory is estimated to hold, at least one, at most all.

    Where they do not all fit, batches are made as equal as can be.
    """
    if wanted is None:
        free = _PROCESSOR_BYTES
        if device.type == "cuda":
            free = int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0])
        most = max(1, min(chains, free // bytes_per_chain(network, atoms)))
        return -(-chains // -(-chains // most))
    return min(wanted, chains)
