"""Products by oneDNN are those of PyTorch, and are taken where they are faster."""

import pytest
import torch
from toy import random_conditioning

from jamun.config.network import NetworkSettings
from jamun.model import products
from jamun.model.denoiser import Denoiser
from jamun.model.products import by_onednn, onednn_is_faster, product

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@needs_onednn
@pytest.mark.parametrize("leading", [(40,), (3, 5, 7)])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_and_their_gradients_are_those_of_pytorch(leading: tuple[int, ...], transposed: bool) -> None:
    x, outer = _drawn(*leading, 33), _drawn(*leading, 21)
    weight = _drawn(21, 33).t() if transposed else _drawn(33, 21)
    found = []
    for multiply in (torch.matmul, by_onednn):
        leaves = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
        made = multiply(*leaves)
        first = torch.autograd.grad((made.tanh() * outer).sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(one.square().sum() for one in first), leaves)
        found.append([made, *first, *second])
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5 * float(expected.detach().abs().max()))


@needs_onednn
def test_a_network_is_the_same_with_either(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = Denoiser(NetworkSettings(hidden_irreps="48x0e + 16x1e", n_convolutions=3, radial_width=24), 0.1)
    torch.nn.init.constant_(network.gain, 1.0)
    conditioning, y = random_conditioning(6, 20), 0.3 * _drawn(6, 20, 3)
    found, taken = [], []
    monkeypatch.setattr(products, "by_onednn", lambda x, weight: taken.append(x.shape) or by_onednn(x, weight))
    for faster in (False, True):
        monkeypatch.setattr(products, "onednn_is_faster", lambda faster=faster: faster)
        network.zero_grad()
        network(y, 0.05, conditioning).square().sum().backward()
        found.append([network(y, 0.05, conditioning)] + [one.grad.clone() for one in network.parameters()])
        assert bool(taken) is faster
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-5 * float(expected.detach().abs().max()))


def test_only_large_float32_products_of_processors_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    taken: list[torch.Size] = []
    monkeypatch.setattr(products, "by_onednn", lambda x, weight: taken.append(x.shape) or x @ weight)
    x, weight = _drawn(100, 100), _drawn(100, 100)
    assert product(x, weight).shape == (100, 100)
    assert len(taken) == 1
    product(x, weight[:, :40])  # too few operations
    product(x[:60], _drawn(100, 200))  # too few rows
    assert product(x.double(), weight.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert product(x, weight).dtype == torch.bfloat16
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("capability", "vendor", "faster"),
    [
        ("AVX512", "AuthenticAMD", True),
        ("AVX512", "GenuineIntel", False),  # whose MKL uses AVX-512 itself
        ("AVX2", "AuthenticAMD", False),
    ],
)
def test_the_rule_is_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, capability: str, vendor: str, faster: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(products.Path, "read_text", lambda _, encoding: f"vendor_id\t: {vendor}\n")
    onednn_is_faster.cache_clear()
    assert onednn_is_faster() is faster
    onednn_is_faster.cache_clear()
