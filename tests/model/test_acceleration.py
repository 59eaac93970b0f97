"""Narrower products, torch.compile, CUDA graphs: what they change, and what happens where they cannot work."""

from __future__ import annotations

import logging
import platform
import subprocess
import sys

import pytest
import torch
from test_denoiser import make, points
from toy import random_conditioning

from jamun.model.acceleration import accelerated, compiler_works, float32_products, matmul_precision
from jamun.model.cuda_graphs import CudaGraphs

CPU = torch.device("cpu")


def test_compiled_is_the_same_function_with_the_same_gradients() -> None:
    denoiser = make(torch.float32, n_convolutions=1)
    assert compiler_works("cpu") is None, "the tests need a C++ compiler (gcc)"
    fast = accelerated(denoiser, "default", CPU)
    conditioning, y = random_conditioning(2, 6), points(2, 6, torch.float32)
    results = []
    for call in (denoiser, fast):
        denoiser.zero_grad()
        xhat = call(y, 0.04, conditioning)
        xhat.square().sum().backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in denoiser.parameters()])
        results.append((xhat.detach(), gradient))
    (plain, plain_gradient), (quick, quick_gradient) = results
    torch.testing.assert_close(quick, plain, rtol=0, atol=1e-6)
    assert float((quick_gradient - plain_gradient).norm() / plain_gradient.norm()) < 1e-5


def test_without_a_compiler_it_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no C++ compiler found")

    compiler_works.cache_clear()
    monkeypatch.setattr(torch, "compile", broken)
    denoiser = make(torch.float32)
    with caplog.at_level(logging.WARNING):
        assert accelerated(denoiser, "default", CPU) == denoiser.__call__
    assert "no C++ compiler found" in caplog.text
    assert "going on without it" in caplog.text
    assert accelerated(denoiser, "off", CPU) == denoiser.__call__
    compiler_works.cache_clear()


def test_cuda_graphs_without_a_gpu_are_said_to_need_one(caplog: pytest.LogCaptureFixture) -> None:
    denoiser = make(torch.float32)
    with caplog.at_level(logging.WARNING):
        assert accelerated(denoiser, "cuda_graphs", CPU) == denoiser.__call__
    assert "needs a GPU" in caplog.text
    assert isinstance(accelerated(denoiser, "cuda_graphs", torch.device("cuda")), CudaGraphs)


def test_bfloat16_rounds_products_and_nothing_else() -> None:
    """The error is that of 8 bits in the network's part of xhat, far below sigma; positions keep their own."""
    denoiser, conditioning = make(torch.float32), random_conditioning(3, 8)
    y = points(3, 8, torch.float32)
    with torch.no_grad():
        exact = denoiser(y, 0.04, conditioning)
        with matmul_precision("bfloat16", CPU):
            rounded = denoiser(y, 0.04, conditioning)
        with matmul_precision("float32", CPU):
            same = denoiser(y, 0.04, conditioning)
        skip = 0.3 / (0.3 + 6 * 0.04**2) * (y - y.mean(1, keepdim=True))
    assert rounded.dtype == torch.float32
    assert torch.equal(same, exact)
    update, error = (exact - skip).norm(), (rounded - exact).norm()
    assert 1e-5 * update < error < 3e-2 * update


def test_tf32_is_allowed_within_the_block_only() -> None:
    assert torch.get_float32_matmul_precision() == "highest"
    with float32_products("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
        with float32_products("float32"):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == "highest"


# Ten steps that each make twenty arrays of 8 MB and free them; prints the pages that the last five steps asked for.
# Of 195,000 that are written, these are all where nothing is kept.
_STEPS = """
import resource, torch
from jamun.model.acceleration import keep_freed_memory
keep_freed_memory()
for step in range(10):
    if step == 5:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [torch.ones(2_000_000) for _ in range(20)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="without glibc nothing is kept")
def test_freed_memory_is_used_again() -> None:
    ran = subprocess.run([sys.executable, "-c", _STEPS], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 2_000
