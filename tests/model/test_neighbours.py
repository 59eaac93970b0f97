"""The denoiser on lists of neighbours against the same on all pairs: they are one function."""

from __future__ import annotations

import pytest
import torch
from test_denoiser import HIGHER, NATURAL, make, points, relative, tolerance
from toy import random_conditioning

from jamun.model import denoiser as module
from jamun.model.acceleration import accelerated
from jamun.model.conditioning import Conditioning
from jamun.model.cuda_graphs import CudaGraphs
from jamun.model.denoiser import MOST_ATOMS_DENSE, Denoiser
from jamun.model.geometry import neighbour_lists

ATOMS = 20
CPU = torch.device("cpu")


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the lists that are made from now on, for molecules of any size."""
    found = []

    def watched(*arguments: object) -> torch.Tensor:
        lists = neighbour_lists(*arguments)
        found.append(lists.shape[2])
        return lists

    monkeypatch.setattr(module, "neighbour_lists", watched)
    monkeypatch.setattr(module, "MOST_ATOMS_DENSE", 0)
    monkeypatch.setattr(module, "MOST_NEIGHBOURS", 1.0)
    return found


def chain(graphs: int, atoms: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """(G, N, 3) nm: random walks with steps of a bond, stretched along x."""
    steps = points(graphs, atoms, dtype, seed) + torch.tensor([0.3, 0.0, 0.0], dtype=dtype)
    return (0.15 * steps / steps.norm(dim=-1, keepdim=True)).cumsum(1)


def both(denoiser: Denoiser, *arguments: object) -> tuple[torch.Tensor, torch.Tensor]:
    """xhat on lists, and on all pairs."""
    listed = denoiser(*arguments)
    denoiser.fixed_shapes = True
    dense = denoiser(*arguments)
    denoiser.fixed_shapes = False
    return listed, dense


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("settings", [{}, HIGHER, NATURAL], ids=["lmax1", "lmax2", "natural parity"])
@pytest.mark.parametrize("case", ["plain", "padded", "far apart", "coincident", "shared", "both hands"])
def test_equals_all_pairs(longest: list[int], dtype: torch.dtype, settings: dict, case: str) -> None:
    """Values and gradients; several molecules, at noise levels so different that the lists are too."""
    denoiser = make(dtype, cutoff=0.45, **settings)
    conditioning = random_conditioning(1 if case == "shared" else 3, ATOMS)
    y = chain(3, ATOMS, dtype)
    if case == "padded":
        conditioning.mask[0, 9:] = conditioning.mask[1, 15:] = False
    if case == "far apart":  # bonded atoms beyond the cutoff, and an atom without neighbours
        y[0, 7:] += 4.0
        y[1, 3] -= 5.0
    if case == "coincident":
        y[1, 2] = y[1, 5]
    if case == "both hands":
        conditioning.hand[:, 11:] = -1
    y.requires_grad_()
    listed, dense = both(denoiser, y, torch.tensor([0.02, 0.04, 0.3]), conditioning)
    (length,) = longest
    assert length < ATOMS - 1  # the lists leave pairs out
    # The sums are taken in another order, which in float32 costs 1e-5 of the size of the positions as in test_denoiser.
    scale = float(dense.detach().abs().max())
    assert float((listed - dense).abs().max()) <= tolerance(dtype) * scale
    leaves, direction = [y, *denoiser.parameters()], points(3, ATOMS, dtype, seed=1)
    mine, other = (
        torch.autograd.grad((value * direction).sum(), leaves, allow_unused=True, materialize_grads=True)
        for value in (listed, dense)
    )
    whole = float(torch.cat([part.flatten() for part in other[1:]]).norm())
    assert relative(mine[0], other[0]) <= tolerance(dtype)
    for first, second in zip(mine[1:], other[1:], strict=True):
        assert relative(first, second, floor=1e-3 * whole) <= 10 * tolerance(dtype)


def test_moves_and_reflects_with_the_molecule(longest: list[int]) -> None:
    denoiser = make(torch.float64, cutoff=0.45)
    conditioning, y = random_conditioning(2, ATOMS), chain(2, ATOMS, torch.float64)
    conditioning.hand[:, 11:] = -1
    turn, _ = torch.linalg.qr(points(1, 3, torch.float64)[0])
    turn = turn * -turn.det()  # improper: a reflection
    mirrored = Conditioning(**vars(conditioning) | {"hand": -conditioning.hand})
    with torch.no_grad():
        expected = denoiser(y, 0.04, conditioning) @ turn.T
        moved = denoiser(y @ turn.T + torch.tensor([0.5, -2.0, 1.0]), 0.04, mirrored)
        same_hands = denoiser(y @ turn.T, 0.04, conditioning)
    assert len(longest) == 3
    assert max(longest) < ATOMS - 1
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-12)
    assert (same_hands - expected).abs().max() > 1e-4


def test_a_molecule_is_the_same_in_any_batch(longest: list[int]) -> None:
    """Lists are as long as the longest of the batch; what is left over of the others weighs nothing."""
    denoiser = make(torch.float64, cutoff=0.45)
    conditioning, y = random_conditioning(2, ATOMS), chain(2, ATOMS, torch.float64)
    y[1] *= 0.3
    with torch.no_grad():
        together = denoiser(y, 0.04, conditioning)
        alone = denoiser(y[:1], 0.04, conditioning.select(torch.tensor([0])))
    assert longest[0] > longest[1]
    torch.testing.assert_close(together[:1], alone, rtol=0, atol=1e-12)


def test_lists_hold_the_near_atoms_in_order() -> None:
    y, cutoff = chain(2, ATOMS, torch.float64), 0.4
    edge = 1.0 - torch.eye(ATOMS, dtype=torch.float64)[None]
    edge[:, :, -1] = edge[:, -1] = 0.0  # padding
    lists = neighbour_lists(y, edge, cutoff)
    longest = 0
    for graph in range(2):
        for atom in range(ATOMS):
            near = [
                other
                for other in range(ATOMS - 1)
                if atom < ATOMS - 1 and other != atom and float((y[graph, atom] - y[graph, other]).norm()) < cutoff
            ]
            longest = max(longest, len(near))
            assert lists[graph, atom].tolist() == near + [atom] * (lists.shape[2] - len(near))
    assert lists.shape == (2, ATOMS, longest)


def test_nothing_is_near() -> None:
    y = torch.arange(3.0)[None, :, None].expand(1, 3, 3)
    lists = neighbour_lists(y, 1.0 - torch.eye(3)[None], 0.5)
    assert lists.tolist() == [[[0], [1], [2]]]


def test_only_large_molecules_with_few_neighbours_have_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones, those that are all near, networks without a cutoff, and recorded or compiled ones have all pairs."""
    used = []
    listed = module._listed
    monkeypatch.setattr(module, "_listed", lambda *arguments: (used.append(1), listed(*arguments))[1])
    atoms = MOST_ATOMS_DENSE + 1
    straight = 0.15 * torch.arange(float(atoms))[None, :, None] * torch.tensor([1.0, 0.0, 0.0])
    denoiser = make(torch.float32, cutoff=0.6)

    def lists(network: Denoiser, y: torch.Tensor) -> int:
        used.clear()
        with torch.no_grad():
            network(y, 0.04, random_conditioning(1, y.shape[1]))
        return len(used)

    assert lists(denoiser, straight) == 1
    assert lists(denoiser, straight[:, :-1]) == 0
    assert lists(denoiser, 0.01 * straight) == 0
    assert lists(make(torch.float32), straight) == 0
    CudaGraphs(denoiser)
    assert lists(denoiser, straight) == 0
    accelerated(denoiser, "off", CPU)
    assert lists(denoiser, straight) == 1
