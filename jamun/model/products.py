"""Products with matrices of weights, by the library that is fastest on the processor.

PyTorch takes products of float32 matrices from Intel's MKL, which on AMD's processors uses AVX2 only. oneDNN, which
PyTorch brings too, uses AVX-512 there. On a Zen 5 its products are twice as fast (docs/performance.md). PyTorch has no
public way to choose: what is called here is the operator that its own compiler takes for linear layers.
"""

import platform
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

# Operations below which oneDNN's own start, 10 microseconds, is more than it saves.
_FEWEST_OPERATIONS = 1_000_000
# Rows below which the more exact sums of MKL are worth more than time, as for a single molecule: of 7,800 terms they
# have a relative error of 2.8e-7, those of oneDNN 5.7e-7.
_FEWEST_ROWS = 64


@cache
def onednn_is_faster() -> bool:
    """Whether this is a processor of AMD with AVX-512, and PyTorch has oneDNN with that operator. By what it is and not
    by a measurement, so that the same machine always gives the same bits."""
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    if not there or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        told = platform.processor()
    return "AuthenticAMD" in told


class _OneDnn(torch.autograd.Function):
    """x (..., K) times weight (K, N) by oneDNN, whatever the order of their axes in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, weight.t(), None, "none", [], ""))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        wanted = ctx.needs_input_grad
        of_x = product(gradient, weight.t()) if wanted[0] else None
        of_weight = product(x.flatten(0, -2).t(), gradient.flatten(0, -2)) if wanted[1] else None
        return of_x, of_weight


def by_onednn(x: Tensor, weight: Tensor) -> Tensor:
    """`product` by oneDNN: float32, on a processor."""
    return cast(Tensor, cast(Any, _OneDnn).apply(x, weight))


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight: (..., K) and (K, N) -> (..., N), with gradients of any order."""
    suits = (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == "cpu"
        and x.shape[:-1].numel() >= _FEWEST_ROWS
        and 2 * x.numel() * weight.shape[1] >= _FEWEST_OPERATIONS
        and onednn_is_faster()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
    )
    return by_onednn(x, weight) if suits else x @ weight
