"""CUDA graphs of the denoiser: its kernels are recorded once for each shape and replayed, without launching them one by
one.

A network of this size launches some 500 small kernels forward and 1,500 with the gradient, which takes a processor far
longer than the GPU needs to run them. Nothing is compiled, so a recording takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jamun.model.denoiser import Conditioning, Denoiser, Prepared

# Calls before a recording, in which libraries set themselves up.
_WARM_UP = 3


def _uncached(device: torch.device) -> torch.autocast:
    """Autocast as it is outside, without its cache of rounded weights, which a recording would outlive."""
    return torch.autocast(
        device.type,
        torch.get_autocast_dtype(device.type),
        enabled=torch.is_autocast_enabled(device.type),
        cache_enabled=False,
    )


class _Trainable(nn.Module):
    """What is recorded in training: all that follows the embeddings, whose gradient sorts on the processor."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self, y: Tensor, sigma: Tensor, mask: Tensor, edge_weight: Tensor, bonded: Tensor, nodes: Tensor
    ) -> Tensor:
        return self.denoiser(y, sigma, Prepared(mask, edge_weight, bonded, {0: nodes}, None))


class _Replay(NamedTuple):
    """A recording without a gradient; `prepared` is kept, for its arrays are read at each replay."""

    graph: torch.cuda.CUDAGraph
    y: Tensor
    sigma: Tensor
    result: Tensor
    prepared: Prepared


class Recorded:
    """`denoiser` on a GPU, called as it is: ``recorded(y, sigma, conditioning)``.

    Where gradients are asked for, those of the weights come from a recording too. Each must be used before the next
    call, and those of several calls must not be added up, since replays share the memory of their results. A recording
    reads the weights where they lie: they may change in place, as an optimizer does. There are no higher derivatives
    and no gradient with respect to y.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self._trained: dict[tuple, Callable[..., Tensor]] = {}
        self._replays: dict[tuple, _Replay] = {}

    def __call__(self, y: Tensor, sigma: float | Tensor, conditioning: Conditioning | Prepared) -> Tensor:
        """As Denoiser.forward."""
        sigma = torch.as_tensor(sigma, dtype=torch.float64, device=y.device).reshape(-1)
        prepared = conditioning if isinstance(conditioning, Prepared) else self.denoiser.prepare(conditioning)
        return self._with_gradient(y, sigma, prepared) if torch.is_grad_enabled() else self._replay(y, sigma, prepared)

    def _with_gradient(self, y: Tensor, sigma: Tensor, prepared: Prepared) -> Tensor:
        arguments = (y, sigma, prepared.mask, prepared.edge_weight, prepared.bonded, prepared.nodes[0])
        key = tuple(argument.shape for argument in arguments)
        if key not in self._trained:
            samples = tuple(argument.detach().clone().requires_grad_(argument.requires_grad) for argument in arguments)
            with _uncached(y.device):
                self._trained[key] = torch.cuda.make_graphed_callables(
                    _Trainable(self.denoiser), samples, num_warmup_iters=_WARM_UP, allow_unused_input=True
                )
        return self._trained[key](*arguments)

    def _replay(self, y: Tensor, sigma: Tensor, prepared: Prepared) -> Tensor:
        key = (y.shape, sigma.shape, id(prepared))
        replay = self._replays.get(key)
        if replay is None:
            replay = self._replays[key] = self._record(y, sigma, prepared)
        replay.y.copy_(y)
        replay.sigma.copy_(sigma)
        replay.graph.replay()
        return replay.result.clone()

    def _record(self, y: Tensor, sigma: Tensor, prepared: Prepared) -> _Replay:
        y, sigma = y.clone(), sigma.clone()
        graph = torch.cuda.CUDAGraph()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with _uncached(y.device):
            with torch.cuda.stream(beside):
                for _ in range(_WARM_UP):
                    self.denoiser(y, sigma, prepared)
            torch.cuda.current_stream().wait_stream(beside)
            with torch.cuda.graph(graph):
                result = self.denoiser(y, sigma, prepared)
        return _Replay(graph, y, sigma, result, prepared)
