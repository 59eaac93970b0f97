"""The GPUs that PyTorch uses, where several jobs share those of one machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from jamun.io.gpu import Gpu, cuda_gpus, slots


@contextmanager
def gpu_slots(folder: Path, wanted: bool, jobs_per_gpu: int, count: int = 1) -> Iterator[list[int]]:
    """Hold slots of `count` GPUs, the first of which is PyTorch's current device; gives their indices.

    Holds none and gives [] where no GPU is `wanted` or PyTorch sees none. See jamun.io.gpu.slots.
    """
    if not wanted or not torch.cuda.is_available():
        yield []
        return
    # AMD's GPUs are PyTorch's "cuda" too, and have no driver of NVIDIA's.
    gpus = cuda_gpus() or [Gpu(index, f"torch_{index}") for index in range(torch.cuda.device_count())]
    with slots(folder, gpus, jobs_per_gpu, count) as indices:
        torch.cuda.set_device(indices[0])
        yield indices
