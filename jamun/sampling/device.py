"""Where the network runs, how its matrix products are rounded, and how many chains are computed side by side."""

from __future__ import annotations

import torch

from jamun.config.sampling import SamplingSettings
from jamun.sampling.starts import SamplingError

# Processors that have one of these multiply bfloat16 at twice the rate of float32; on others it is emulated.
_BFLOAT16_UNITS = ("avx512_bf16", "amx_bf16")
# GPUs of this compute capability and later have TF32.
_TF32 = (8, 0)
# Of main memory, for the numbers of one evaluation of all workers; of a GPU's free memory, as a share.
_PROCESSOR_BYTES, _GPU_SHARE = 2 * 2**30, 0.5
# Chains from which on more side by side are hardly cheaper each (a small network on one core takes 3 ms an evaluation
# beside 2.3 ms a chain of 25 atoms), and bytes of an evaluation from which on each is dearer beside other work, since
# they leave its part of the caches (3.3 ms a chain where 100 walk side by side; docs/performance.md).
_ENOUGH, _CACHED_BYTES = 16, 2**25


def choose_device(wanted: str) -> torch.device:
    """The device; auto is CUDA where there is one. Raises SamplingError for a GPU that is not there."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SamplingError("sampling.device is cuda, but PyTorch sees no GPU here; use auto or cpu.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def with_precision(settings: SamplingSettings, device: torch.device) -> SamplingSettings:
    """The settings with what `auto` is on the device, so that what decides the samples is told and kept.

    It follows from the hardware alone and is never measured, so that a stopped run goes on as it was.
    """
    if settings.precision != "auto":
        return settings
    if device.type == "cuda":
        precision = "tf32" if torch.cuda.get_device_capability(device) >= _TF32 else "float32"
    else:
        units = torch.cpu.get_capabilities()
        precision = "bfloat16" if any(units.get(name) for name in _BFLOAT16_UNITS) else "float32"
    return settings.model_copy(update={"precision": precision})


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
