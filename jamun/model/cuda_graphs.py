"""CUDA graphs of a network: its kernels are captured once for each shape and replayed, without launching them one by
one.

A network of ours launches some 500 small kernels forward and 1,500 with the gradient, which takes a processor far
longer than the GPU needs to run them. Nothing is compiled, so a capture takes a second.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from jamun.model.network import Network

# Calls before a capture, in which libraries set themselves up.
_WARM_UP = 3


def _uncached(device: torch.device) -> torch.autocast:
    """Autocast as it is outside, without its cache of rounded weights, which a graph would outlive."""
    return torch.autocast(
        device.type,
        torch.get_autocast_dtype(device.type),
        enabled=torch.is_autocast_enabled(device.type),
        cache_enabled=False,
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a dataclass, dictionary or list, however deep, in order."""
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _tensors(getattr(value, field.name))
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _with_tensors(value: Any, tensors: Iterator[Tensor]) -> Any:
    """`value` with the next of `tensors` in place of each of its own."""
    if isinstance(value, Tensor):
        return next(tensors)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _with_tensors(getattr(value, f.name), tensors) for f in fields(value)})
    if isinstance(value, dict):
        return {key: _with_tensors(part, tensors) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_tensors(part, tensors) for part in value)
    return value


class _Trainable(nn.Module):
    """What is captured in training: all that follows `prepare`, where the gradient of embeddings sorts on the
    processor. `prepared` gives the form of what it is called with."""

    def __init__(self, denoiser: Network, prepared: Any) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.prepared = _with_tensors(prepared, (value.detach() for value in _tensors(prepared)))

    def forward(self, y: Tensor, sigma: Tensor, *tensors: Tensor) -> Tensor:
        estimates: Tensor = self.denoiser(y, sigma, _with_tensors(self.prepared, iter(tensors)))
        return estimates


class _Replay(NamedTuple):
    """A graph without a gradient; `prepared` is kept, for its arrays are read at each replay."""

    graph: torch.cuda.CUDAGraph
    y: Tensor
    sigma: Tensor
    result: Tensor
    prepared: Any


class CudaGraphs:
    """`denoiser` on a GPU, called as it is: ``graphs(y, sigma, conditioning)``.

    Where gradients are asked for, those of the weights come from a graph too. Each must be used before the next call,
    and those of several calls must not be added up, since replays share the memory of their results. A graph reads the
    weights where they lie: they may change in place, as an optimizer does. There are no higher derivatives and no
    gradient with respect to y. What a network computes in `forward` must have shapes that follow from those of its
    input: it is told so (Network.fixed_shapes).
    """

    def __init__(self, denoiser: Network) -> None:
        self.denoiser = denoiser
        denoiser.fixed_shapes = True
        self._trained: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._replays: dict[tuple[Any, ...], _Replay] = {}

    def __call__(self, y: Tensor, sigma: float | Tensor, conditioning: Any) -> Tensor:
        """As Network.forward."""
        sigma = torch.as_tensor(sigma, dtype=torch.float64, device=y.device).reshape(-1)
        prepared = self.denoiser.prepare(conditioning)
        return self._with_gradient(y, sigma, prepared) if torch.is_grad_enabled() else self._replay(y, sigma, prepared)

    def _with_gradient(self, y: Tensor, sigma: Tensor, prepared: Any) -> Tensor:
        arguments = (y, sigma, *_tensors(prepared))
        key = tuple(argument.shape for argument in arguments)
        if key not in self._trained:
            samples = tuple(argument.detach().clone().requires_grad_(argument.requires_grad) for argument in arguments)
            with _uncached(y.device):
                self._trained[key] = torch.cuda.make_graphed_callables(
                    _Trainable(self.denoiser, prepared), samples, num_warmup_iters=_WARM_UP, allow_unused_input=True
                )
        estimates: Tensor = self._trained[key](*arguments)
        return estimates

    def _replay(self, y: Tensor, sigma: Tensor, prepared: Any) -> Tensor:
        key = (y.shape, sigma.shape, id(prepared))
        replay = self._replays.get(key)
        if replay is None:
            replay = self._replays[key] = self._record(y, sigma, prepared)
        replay.y.copy_(y)
        replay.sigma.copy_(sigma)
        replay.graph.replay()
        return replay.result.clone()

    def _record(self, y: Tensor, sigma: Tensor, prepared: Any) -> _Replay:
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
