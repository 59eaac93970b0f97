"""The GPUs of one machine as OpenMM counts them."""

import os
from itertools import takewhile
from pathlib import Path

import openmm

from jamun.io.gpu import Gpu, cuda_gpus
from jamun.simulate.platform import one_particle

_MOST_DEVICES = 64


def devices(platform: openmm.Platform) -> list[Gpu]:
    """The GPUs that OpenMM can use on this platform, as far as the environment shows them to the process."""
    if platform.getName() == "CUDA":
        return cuda_gpus()
    indices = takewhile(lambda index: one_particle(platform, {"DeviceIndex": str(index)}), range(_MOST_DEVICES))
    return [Gpu(index, f"{platform.getName()}_{index}") for index in indices]


def multi_process_service() -> bool:
    """Whether NVIDIA's Multi-Process Service runs here, with which simulations on one GPU compute side by side instead
    of in turns; CUDA uses it by itself."""
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
    return (pipe / "control").exists()
