"""Faster arithmetic for the network, each a setting: narrower matrix products, torch.compile, and CUDA graphs."""

import contextlib
import ctypes
import logging
from collections.abc import Callable, Iterator
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from jamun.io.text import in_brief
from jamun.model.cuda_graphs import CudaGraphs
from jamun.model.network import Network

logger = logging.getLogger(__name__)

Precision = Literal["float32", "tf32", "bfloat16"]
Compile = Literal["off", "default", "cuda_graphs"]

# Kernels that torch.compile keeps: one for each number of atoms among the batches, of each direction.
_KEPT_KERNELS = 64


# Of glibc's mallopt: what is kept free at the end of the heap, and from what size on memory is taken from the system
# for one array alone; and the largest values that it takes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = (-1, 2**31 - 1), (-3, 2**25)


@cache
def keep_freed_memory() -> None:
    """Let the process keep the memory of arrays that it frees, up to 2 GB, for the next ones; where the C library is
    not glibc, nothing happens.

    A training step frees all of its arrays. glibc would give them back to the system, and get them again page by page
    in the next step: a tenth to a quarter of the time (docs/performance.md).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library or function
        for option, value in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, value)


@contextlib.contextmanager
def float32_products(precision: Precision) -> Iterator[None]:
    """Within the block, products of float32 matrices keep all bits, or 10 of the mantissa for tf32 on a GPU that has it
    (a processor ignores tf32)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Matrix products in `precision` within the block: float32; tf32; or bfloat16, operands rounded to 8 bits by
    autocast. Sums, distances and positions stay float32."""
    narrow = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    with float32_products(precision), narrow:
        yield


@cache
def compiler_works(device_type: str) -> str | None:
    """None where torch.compile turns a small function and its gradient into kernels here, else why it does not."""

    def probe(x: Tensor) -> Tensor:
        return torch.sin(x).square().sum()

    x = torch.ones(32, device=device_type, requires_grad=True)
    try:
        torch.compile(probe)(x).backward()
    except Exception as error:  # whatever a missing compiler, driver or header raises
        return f"{type(error).__name__}: {in_brief(error)}"
    return None


def accelerated(denoiser: Network, mode: Compile, device: torch.device) -> Callable[..., Tensor]:
    """A call of `denoiser` by torch.compile (default) or CUDA graphs; as it is where that is off or cannot work here,
    which is logged in one sentence. Never the module itself, which an attribute of another module would take in."""
    denoiser.fixed_shapes = False
    if device.type == "cpu":
        keep_freed_memory()
    if mode == "cuda_graphs":
        if device.type == "cuda":
            return CudaGraphs(denoiser)
        logger.warning("compile: cuda_graphs needs a GPU; going on without them, slower but the same.")
    if mode != "default":
        return denoiser.__call__
    problem = compiler_works(device.type)
    if problem is not None:
        logger.warning("torch.compile does not work here (%s); going on without it, slower but the same.", problem)
        return denoiser.__call__
    denoiser.fixed_shapes = True
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _KEPT_KERNELS)
    return torch.compile(denoiser.forward, dynamic=False)
