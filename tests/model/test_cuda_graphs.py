"""CUDA graphs of the denoiser. Those on a GPU are of the full set: most machines that test have none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from test_denoiser import make, points, relative
from toy import random_conditioning

from jamun.config.training import TrainingSettings
from jamun.model.acceleration import Precision, matmul_precision
from jamun.model.cuda_graphs import CudaGraphs
from jamun.model.denoiser import Denoiser

NEEDS_A_GPU = [pytest.mark.full, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


def on_a_gpu(test: Callable) -> Callable:
    """Of the full set, and skipped where there is no GPU."""
    for mark in NEEDS_A_GPU:
        test = mark(test)
    return test


def gradients(denoiser: Denoiser, call: Callable, y: torch.Tensor, conditioning: object) -> tuple[torch.Tensor, ...]:
    """Result (G, N, 3) and the gradients of all weights, as one vector each."""
    denoiser.zero_grad()
    sigma = torch.linspace(0.01, 0.06, len(y), dtype=torch.float64, device=y.device)
    xhat = call(y, sigma, conditioning)
    (xhat - y).square().sum().backward()
    return xhat.detach().clone(), torch.cat([weight.grad.flatten() for weight in denoiser.parameters()])


def test_what_is_recorded_is_the_network_and_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU: what is given to be recorded, called as it is, makes results and gradients of all weights, those
    of the embeddings, which are not recorded, among them; and it is asked for once a shape."""
    recorded_shapes = []

    def stand_in(module: torch.nn.Module, samples: tuple[torch.Tensor, ...], **_: object) -> torch.nn.Module:
        assert all(sample.is_leaf for sample in samples)
        assert [sample.requires_grad for sample in samples] == [False] * 6 + [True]
        recorded_shapes.append(tuple(samples[0].shape))
        return module

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", stand_in)
    denoiser = make(torch.float32)
    fast = CudaGraphs(denoiser)
    for graphs, atoms in ((3, 6), (2, 8), (3, 6)):
        conditioning, y = random_conditioning(graphs, atoms, graphs), points(graphs, atoms, torch.float32)
        expected = gradients(denoiser, denoiser, y, conditioning)
        found = gradients(denoiser, fast, y, conditioning)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    assert recorded_shapes == [(3, 6, 3), (2, 8, 3)]


def test_what_cannot_be_recorded_is_refused() -> None:
    for more in ({"devices": 2}, {"accumulate": 2}, {"precision": "bfloat16"}):
        with pytest.raises(ValueError, match="cuda_graphs works on one device, without accumulate, in float32 or tf32"):
            TrainingSettings(compile="cuda_graphs", **more)


def on_gpu(lmax: int) -> Denoiser:
    """A denoiser with features of all degrees to lmax."""
    irreps = "16x0e + 4x1e" + (" + 2x2e" if lmax == 2 else "")
    return make(torch.float32, lmax=lmax, hidden_irreps=irreps).to("cuda")


@on_a_gpu
@pytest.mark.parametrize("lmax", [1, 2])
def test_replayed_training_is_the_network_on_a_gpu(lmax: int) -> None:
    """Results and gradients after the weights have changed in place, of two shapes in turn."""
    denoiser = on_gpu(lmax)
    fast = CudaGraphs(denoiser)
    for turn, (graphs, atoms) in enumerate(((3, 6), (2, 8), (3, 6), (2, 8))):
        conditioning = random_conditioning(graphs, atoms, turn).to("cuda")
        y = points(graphs, atoms, torch.float32, turn).to("cuda")
        with torch.no_grad():
            for weight in denoiser.parameters():
                weight.mul_(1.01)
        found = gradients(denoiser, fast, y, conditioning)
        expected = gradients(denoiser, denoiser, y, conditioning)
        for ours, theirs in zip(found, expected, strict=True):
            assert relative(ours, theirs) < 1e-4


@on_a_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("lmax", [1, 2])
def test_a_replayed_walk_is_the_network_on_a_gpu(precision: Precision, lmax: int) -> None:
    denoiser, device = on_gpu(lmax), torch.device("cuda")
    fast = CudaGraphs(denoiser)
    with torch.no_grad(), matmul_precision(precision, device):
        prepared = denoiser.prepare(random_conditioning(1, 7).to(device))
        for turn, (chains, sigma) in enumerate(((5, 0.04), (5, 0.02), (3, 0.04), (5, 0.04))):
            y = points(chains, 7, torch.float32, turn).to(device)
            limit = 2e-2 if precision == "bfloat16" else 1e-4
            assert relative(fast(y, sigma, prepared), denoiser(y, sigma, prepared)) < limit
