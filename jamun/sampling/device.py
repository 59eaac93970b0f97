"""Where the network runs, and how its matrix products are rounded."""

from __future__ import annotations

import torch

from jamun.config.sampling import SamplingSettings
from jamun.sampling.starts import SamplingError

# Processors that have one of these multiply bfloat16 at twice the rate of float32; on others it is emulated.
_BFLOAT16_UNITS = ("avx512_bf16", "amx_bf16")
# GPUs of this compute capability and later have TF32.
_TF32 = (8, 0)


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
