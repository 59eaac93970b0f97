"""The denoiser against plain e3nn, its symmetries, and its limits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from e3nn import o3
from e3nn_oracle import PerEdgeNetwork, as_irreps, per_edge_weights
from toy import ensemble, molecule, random_conditioning

from jamun.config.network import NetworkSettings
from jamun.model.conditioning import Conditioning
from jamun.model.convolution import Convolution, Edges
from jamun.model.denoiser import Denoiser, preconditioning
from jamun.model.geometry import centre, pair_geometry, superpose
from jamun.model.loss import noisy
from jamun.model.radial import BesselBasis, GaussianBasis, envelope

A = 0.3  # nm^2
SMALL = {"hidden_irreps": "12x0e + 5x1e", "n_convolutions": 3, "n_radial": 8, "radial_width": 16}
HIGHER = {"hidden_irreps": "6x0e + 4x1e + 3x2e", "lmax": 2, "n_convolutions": 3, "n_radial": 6, "radial_width": 8}
NATURAL = HIGHER | {"hidden_irreps": "6x0e + 4x1o + 3x2e"}
DTYPES = [torch.float64, torch.float32]


def make(dtype: torch.dtype, seed: int = 0, **settings: object) -> Denoiser:
    """A denoiser all of whose parameters are away from their neutral start."""
    torch.manual_seed(seed)
    denoiser = Denoiser(NetworkSettings(**(SMALL | settings)), A).to(dtype)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
        denoiser.gain.fill_(1.0)
    return denoiser


def points(graphs: int, atoms: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.3 * torch.randn(graphs, atoms, 3, generator=generator, dtype=torch.float64)).to(dtype)


def tolerance(dtype: torch.dtype) -> float:
    return 1e-10 if dtype == torch.float64 else 1e-5


def relative(a: torch.Tensor, b: torch.Tensor, floor: float = 1e-12) -> float:
    return float((a - b).norm() / b.norm().clamp(min=floor))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("settings", [{}, HIGHER, NATURAL], ids=["lmax1", "lmax2", "natural parity"])
@pytest.mark.parametrize("cutoff", [None, 0.6], ids=["full", "cutoff"])
@pytest.mark.parametrize("case", ["plain", "padded", "one", "two", "coincident", "shared"])
def test_equals_plain_e3nn(dtype: torch.dtype, settings: dict, cutoff: float | None, case: str) -> None:
    denoiser = make(dtype, cutoff=cutoff, residue_index_embedding=4, **settings)
    atoms = {"one": 1, "two": 2}.get(case, 7)
    graphs = 3
    conditioning = random_conditioning(1 if case == "shared" else graphs, atoms)
    y = points(graphs, atoms, dtype)
    if case == "padded":
        conditioning.mask[0, 4:] = conditioning.mask[1, 6:] = False
    if case == "coincident":
        y[1, 2] = y[1, 5]
    y.requires_grad_()
    sigma = torch.tensor([0.03, 0.04, 0.06])
    leaves = [y, *denoiser.parameters()]
    ours, theirs = denoiser(y, sigma, conditioning), PerEdgeNetwork(denoiser)(y, sigma, conditioning)
    assert torch.isfinite(ours).all()
    # float32 is accurate to 1e-5 of the size of the positions, of which a few additions cancel
    scale = max(float(theirs.detach().abs().max()), 0.1)
    assert float((ours - theirs).abs().max()) <= tolerance(dtype) * scale
    # In this direction the gradient by the gain, a sum over all atoms, is as large as any: it does not cancel.
    direction = points(graphs, atoms, dtype, seed=3)
    gradients = [
        torch.autograd.grad((value * direction).sum(), leaves, allow_unused=True, materialize_grads=True)
        for value in (ours, theirs)
    ]
    mine, other = ((part[0], torch.cat([gradient.flatten() for gradient in part[1:]])) for part in gradients)
    assert all(torch.isfinite(part).all() for part in mine)
    assert relative(mine[0], other[0], floor=0.1) <= tolerance(dtype)  # by positions: of order one, 0 for one atom
    assert relative(mine[1], other[1]) <= tolerance(dtype)  # by all parameters
    # Parameter by parameter: in float32 a small gradient is what large terms leave that cancel, and e3nn's own differs
    # from the float64 one by up to 4e-5.
    whole = float(other[1].norm())
    for first, second in zip(*gradients, strict=True):
        assert relative(first, second, floor=1e-3 * whole + 1e-12) <= (1e-10 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("lmax", [1, 2])
def test_convolution_is_the_e3nn_tensor_product(lmax: int) -> None:
    """Order of weights and normalisation, for irreps of several degrees."""
    torch.manual_seed(0)
    inputs, outputs = {0: 5, 1: 3}, {0: 4, 1: 2, 2: 2}
    convolution = Convolution(inputs, outputs, lmax, 7).double()
    torch.set_default_dtype(torch.float64)
    try:
        product = o3.FullyConnectedTensorProduct(
            as_irreps(inputs), o3.Irreps.spherical_harmonics(lmax, p=1), as_irreps(outputs), shared_weights=False
        )
    finally:
        torch.set_default_dtype(torch.float32)
    atoms = 4
    x = torch.randn(atoms, as_irreps(inputs).dim).double()
    hidden = torch.randn(atoms, atoms, 7).double()
    hidden = (hidden + hidden.transpose(0, 1)) * (1 - torch.eye(atoms).double())[..., None]
    y = points(1, atoms, torch.float64)
    _, harmonics = pair_geometry(y, lmax)
    receiver, sender = (1 - torch.eye(atoms)).nonzero(as_tuple=True)
    weights = hidden[receiver, sender] @ per_edge_weights(convolution) / math.sqrt(7)
    edge = torch.cat([part[:, 0, receiver, sender] for part in harmonics]).T
    expected = torch.zeros(atoms, as_irreps(outputs).dim).double()
    expected.index_add_(0, receiver, product(x[sender], edge, weights))
    parts, start = {}, 0
    for degree, count in inputs.items():
        stop = start + count * (2 * degree + 1)
        parts[degree] = x[:, start:stop].reshape(1, atoms, count, 2 * degree + 1).permute(3, 0, 1, 2)
        start = stop
    for kept in (None, convolution.transform(parts, everything=True)):  # both orders of the sums
        result = convolution(parts, Edges(hidden[None], harmonics), kept)
        flat = torch.cat([part[:, 0].permute(1, 2, 0).flatten(1) for part in result.values()], 1)
        torch.testing.assert_close(flat, expected, rtol=0, atol=1e-12)


def test_public_network_size() -> None:
    denoiser = Denoiser(NetworkSettings(), A)
    count = sum(parameter.numel() for parameter in denoiser.parameters())
    assert 10.2e6 < count < 10.8e6
    inner = denoiser.blocks[1].convolution
    assert inner.outputs == {0: 152, 1: 32}
    assert per_edge_weights(inner).shape == (64, 28_992)


def test_public_network_starts_at_order_one_and_agrees_in_float32() -> None:
    """Appendix B normalises F to order one; six blocks of nearly parallel messages must not spoil it."""
    torch.manual_seed(0)
    denoiser = Denoiser(NetworkSettings(), A)
    conditioning = Conditioning.from_molecule(molecule(["ALA"] * 4))
    clean = torch.from_numpy(ensemble(conditioning.mask.shape[1], 2, 0))
    mask = conditioning.mask.expand(2, -1)
    y = noisy(centre(clean, mask), mask, 0.04, 1, align=True)
    with torch.no_grad():
        denoiser.gain.fill_(1.0)
        c_noise = torch.tensor(math.log(0.04) / 4).view(1, 1, 1)
        size = denoiser.network(y / math.sqrt(A), c_noise, denoiser.prepare(conditioning)).square().mean().sqrt()
        assert 0.1 < float(size) < 10
        ours, theirs = denoiser(y, 0.04, conditioning), PerEdgeNetwork(denoiser)(y, 0.04, conditioning)
        exact = PerEdgeNetwork(denoiser.double())(y.double(), 0.04, conditioning)
    assert relative(ours, theirs) < 1e-5
    assert relative(ours.double(), exact) < 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("settings", [{}, HIGHER | {"cutoff": 0.7}], ids=["lmax1", "lmax2"])
def test_moves_with_rotations_and_translations(dtype: torch.dtype, settings: dict) -> None:
    denoiser = make(dtype, **settings)
    conditioning = random_conditioning(2, 8)
    y = points(2, 8, dtype)
    torch.manual_seed(1)
    rotation = o3.rand_matrix(dtype=torch.float64).to(dtype)
    with torch.no_grad():
        expected = denoiser(y, 0.04, conditioning) @ rotation.T
        moved = denoiser(y @ rotation.T + torch.tensor([0.5, -2.0, 1.0], dtype=dtype), 0.04, conditioning)
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-12 if dtype == torch.float64 else 2e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_tells_mirror_images_apart(seed: int) -> None:
    """SE(3), not O(3): a network that mirrored its output with its input would give symmetric Ramachandran maps."""
    denoiser = make(torch.float64, seed)
    conditioning = random_conditioning(1, 8)
    y = points(1, 8, torch.float64)
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        mirrored = denoiser(y * mirror, 0.04, conditioning)
        expected = denoiser(y, 0.04, conditioning) * mirror
        linear = Denoiser(denoiser.settings, A).double()(y, 0.04, conditioning)
    update = (expected - linear * mirror).abs().max()
    assert (mirrored - expected).abs().max() > 0.1 * update


@pytest.mark.parametrize("irreps", ["12x0e + 5x1o", "6x0e + 4x1o + 3x2e"])
def test_natural_parity_cannot_tell_mirror_images_apart(irreps: str) -> None:
    """The twin of O(3): its output is mirrored with its input."""
    denoiser = make(torch.float64, hidden_irreps=irreps, lmax=2)
    conditioning = random_conditioning(1, 8)
    y = points(1, 8, torch.float64)
    mirror = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    with torch.no_grad():
        mirrored = denoiser(y * mirror, 0.04, conditioning)
        torch.testing.assert_close(mirrored, denoiser(y, 0.04, conditioning) * mirror, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, HIGHER, NATURAL], ids=["lmax1", "lmax2", "natural parity"])
def test_positions_and_hands_reflect_together(settings: dict) -> None:
    """O(3) with the hand as a pseudoscalar, whatever the hands are: of one kind, or of both in one molecule."""
    denoiser = make(torch.float64, **settings)
    conditioning = random_conditioning(2, 8)
    conditioning.hand[1, 3:] = -1
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    y = points(2, 8, torch.float64)
    with torch.no_grad():
        expected = denoiser(y, 0.04, conditioning) * mirror
        mirrored = denoiser(y * mirror, 0.04, replace(conditioning, hand=-conditioning.hand))
    torch.testing.assert_close(mirrored, expected, rtol=0, atol=1e-12)


def test_natural_hands_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What weights of before hands were told gave stays: against convolutions that are told of none."""
    denoiser = make(torch.float32)
    conditioning = random_conditioning(2, 8)
    y = points(2, 8, torch.float32)
    with torch.no_grad():
        told = denoiser(y, 0.04, conditioning)
        monkeypatch.setattr("jamun.model.denoiser.Edges", lambda hidden, harmonics, **_: Edges(hidden, harmonics))
        assert torch.equal(denoiser(y, 0.04, conditioning), told)


def test_the_hand_of_an_atom_is_seen() -> None:
    denoiser = make(torch.float64)
    conditioning = random_conditioning(1, 8)
    other = replace(conditioning, hand=conditioning.hand.clone())
    other.hand[0, 4] = -1
    y = points(1, 8, torch.float64)
    with torch.no_grad():
        assert (denoiser(y, 0.04, conditioning) - denoiser(y, 0.04, other)).abs().max() > 1e-4


def test_permutation_and_padding_change_nothing() -> None:
    denoiser = make(torch.float64)
    conditioning = random_conditioning(1, 6)
    y = points(1, 6, torch.float64)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = Conditioning(
        conditioning.mask,
        conditioning.element[:, order],
        conditioning.atom_name[:, order],
        conditioning.residue[:, order],
        conditioning.residue_index[:, order],
        conditioning.bonded[:, order][:, :, order],
        conditioning.hand,
    )
    padded = Conditioning.batch([conditioning, random_conditioning(1, 9)])
    wide = torch.full((2, 9, 3), 7.0, dtype=torch.float64)  # what stands in the padding must not matter
    wide[0, :6] = y[0]
    with torch.no_grad():
        xhat = denoiser(y, 0.04, conditioning)
        torch.testing.assert_close(denoiser(y[:, order], 0.04, shuffled), xhat[:, order], rtol=0, atol=1e-12)
        result = denoiser(wide, 0.04, padded)
    torch.testing.assert_close(result[0, :6], xhat[0], rtol=0, atol=1e-12)
    assert (result[0, 6:] == 0).all()


def test_prepared_conditioning_gives_the_same() -> None:
    denoiser = make(torch.float64)
    conditioning = Conditioning.from_molecule(molecule(["ALA", "GLY"]))
    y = points(5, conditioning.mask.shape[1], torch.float64)
    with torch.no_grad():
        prepared = denoiser.prepare(conditioning)
        assert prepared.kept is not None
        expected = denoiser(y, 0.04, Conditioning.batch([conditioning] * 5))
        torch.testing.assert_close(denoiser(y, 0.04, prepared), expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(denoiser(y, 0.04, conditioning), expected, rtol=0, atol=1e-12)


def test_starts_as_the_best_linear_denoiser() -> None:
    denoiser = Denoiser(NetworkSettings(**SMALL), A)
    conditioning = random_conditioning(2, 5)
    y = points(2, 5, torch.float32)
    c_skip = A / (A + 6 * 0.04**2)
    expected = c_skip * (y - y.mean(1, keepdim=True))
    torch.testing.assert_close(denoiser(y, 0.04, conditioning), expected, rtol=1e-6, atol=1e-7)


def test_preconditioning_is_that_of_appendix_b() -> None:
    sigma = torch.tensor(0.05, dtype=torch.float64)
    c_in, c_skip, c_out, c_noise = (float(value) for value in preconditioning(sigma, 0.285))
    assert c_in == pytest.approx(1 / math.sqrt(0.3))
    assert c_skip == pytest.approx(0.95)
    assert c_out == pytest.approx(math.sqrt(0.285 * 0.015 / 0.3))
    assert c_noise == pytest.approx(math.log(0.05) / 4)
    # and it does what it is for: scaled noisy pair distances have mean square 1
    torch.manual_seed(0)
    x = torch.randn(2000, 10, 3, dtype=torch.float64) * math.sqrt(0.285 / 6)
    y = c_in * (x + 0.05 * torch.randn_like(x))
    squared = torch.cdist(y, y).square().sum((1, 2)) / 90
    assert float(squared.mean()) == pytest.approx(1.0, rel=0.02)


def test_noise_level_matters_after_training_only() -> None:
    denoiser = Denoiser(NetworkSettings(**SMALL), A).double()
    assert all((scale.offset[k] == 0).all() for block in denoiser.blocks for scale in [block.scale] for k in "01")
    trained = make(torch.float64)
    y, conditioning = points(1, 5, torch.float64), random_conditioning(1, 5)
    one = trained.network(y, torch.tensor(-0.8).double().view(1, 1, 1), trained.prepare(conditioning))
    two = trained.network(y, torch.tensor(-0.4).double().view(1, 1, 1), trained.prepare(conditioning))
    assert (one - two).abs().max() > 1e-6


def test_gradients_against_finite_differences() -> None:
    denoiser = make(torch.float64, hidden_irreps="4x0e + 2x1e", n_convolutions=2, n_radial=4, radial_width=4)
    conditioning = random_conditioning(1, 4)
    y = points(1, 4, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: denoiser(y, 0.04, conditioning), (y,), atol=1e-6)


def test_cutoff_is_smooth_and_without_it_all_see_all() -> None:
    ratio = torch.linspace(0, 1.2, 1201, dtype=torch.float64, requires_grad=True)
    value = envelope(ratio)
    (slope,) = torch.autograd.grad(value.sum(), ratio)
    assert float(value[0]) == 1.0
    assert value[1000:].abs().max() < 1e-12
    assert slope[1000:].abs().max() < 1e-8
    y = points(1, 4, torch.float64)
    y[0, 3] += 50.0  # far beyond any cutoff: only the mean moves
    conditioning = random_conditioning(1, 4)
    conditioning.bonded[:] = False
    shift = torch.zeros_like(y)
    shift[0, 3] = torch.tensor([3.0, 1.0, -2.0])
    for cutoff, alone in ((0.8, True), (None, False)):
        denoiser = make(torch.float64, cutoff=cutoff)
        prepared = denoiser.prepare(conditioning)
        c_noise = torch.tensor(-0.8, dtype=torch.float64).view(1, 1, 1)
        change = denoiser.network(y + shift, c_noise, prepared) - denoiser.network(y, c_noise, prepared)
        assert (float(change[0, :3].abs().max()) < 1e-12) == alone


@pytest.mark.parametrize("basis", [BesselBasis, GaussianBasis])
def test_radial_bases(basis: type) -> None:
    end, size = 3.0, 6
    distance = torch.tensor([0.0, 1e-4, 0.5, 2.9], dtype=torch.float64, requires_grad=True)
    values = basis(size, end)(distance)
    assert values.shape == (4, size)
    assert torch.isfinite(torch.autograd.grad(values.sum(), distance)[0]).all()
    d, n = 0.5, 3
    if basis is BesselBasis:
        expected = math.sqrt(2 / end) * math.sin(n * math.pi * d / end) / d
    else:
        expected = math.exp(-(((d - (n - 1) * end / (size - 1)) / (end / (size - 1))) ** 2)) * math.sqrt(size) / 1.12
    assert float(values[2, n - 1]) == pytest.approx(expected)
    torch.testing.assert_close(values[0], values[1], rtol=1e-3, atol=1e-6)


def test_harmonics_are_those_of_e3nn() -> None:
    y = points(1, 5, torch.float64)
    y[0, 1] = y[0, 3]
    distance, harmonics = pair_geometry(y, 3)
    torch.testing.assert_close(distance, torch.cdist(y, y), rtol=0, atol=1e-7)
    difference = y[0, 0] - y[0, 2]
    for degree in range(4):
        expected = o3.spherical_harmonics(degree, difference, normalize=True, normalization="component")
        torch.testing.assert_close(harmonics[degree][:, 0, 0, 2], expected, rtol=0, atol=1e-6)
        if degree:
            assert (harmonics[degree][:, 0, 1, 3] == 0).all()


def test_superposition_is_proper_and_exact() -> None:
    torch.manual_seed(0)
    fixed = points(4, 6, torch.float64)
    mask = torch.ones(4, 6, dtype=torch.bool)
    mask[1, 4:] = False
    fixed = centre(fixed, mask)
    rotation = o3.rand_matrix(4, dtype=torch.float64)
    torch.testing.assert_close(superpose(fixed @ rotation, fixed, mask), fixed, rtol=0, atol=1e-12)
    # a mirror image cannot be superposed by a proper rotation, and the result keeps its handedness
    mirrored = fixed * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    best = superpose(mirrored, fixed, mask)
    assert (best - fixed).abs().max() > 1e-2
    triple = [torch.linalg.det(x[0, :3]) for x in (mirrored, best)]
    assert triple[0] * triple[1] > 0
    # no random proper rotation does better
    for _ in range(50):
        other = mirrored @ o3.rand_matrix(4, dtype=torch.float64)
        assert ((other - fixed).square().sum((1, 2)) >= (best - fixed).square().sum((1, 2)) - 1e-12).all()


@pytest.mark.parametrize("irreps", ["8x0e + 4x1e + 4x1o", "8x0o + 4x1e", "8x0e + 4x1o + 2x2o"])
def test_mixed_parity_is_refused(irreps: str) -> None:
    with pytest.raises(ValueError, match=r"parit|scalars"):
        Denoiser(NetworkSettings(hidden_irreps=irreps), A)


@pytest.mark.parametrize("settings", [{}, HIGHER, NATURAL], ids=["lmax1", "lmax2", "natural parity"])
@pytest.mark.parametrize("case", ["batch", "shared"])
def test_harmonics_before_the_sums_are_the_same_function(
    settings: dict, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that narrow products take. Autocast leaves float64 as it is, so both are exact."""
    denoiser = make(torch.float64, residue_index_embedding=4, **settings)
    conditioning = random_conditioning(1 if case == "shared" else 3, 7)
    y = points(3, 7, torch.float64).requires_grad_()
    degrees: set[int] = set()
    moments = Edges.moments

    def spied(edges: Edges, degree: int) -> torch.Tensor:
        degrees.add(degree)
        return moments(edges, degree)

    monkeypatch.setattr(Edges, "moments", spied)
    found = []
    for narrow in (False, True):
        degrees.clear()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            xhat = denoiser(y, 0.04, conditioning)
        assert (1 in degrees) is narrow
        found.append([xhat, *torch.autograd.grad(xhat.square().sum(), [y, *denoiser.parameters()])])
    for own, expected in zip(*found, strict=True):
        assert relative(own, expected) <= 1e-10
