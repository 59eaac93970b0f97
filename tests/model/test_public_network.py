"""The authors' public network: against what their program returns, against per-edge weights, its symmetries."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import mdtraj
import numpy as np
import pytest
import torch
from public_checkpoint import SIGMA, SMALL, SQUARED, content, random_weights, to_public, without_atom_names, write
from public_edge_list import EdgeListNetwork
from test_training import data, train  # noqa: F401  (a fixture)
from toy import molecule

from jamun.config.public_network import PublicNetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.training import TrainingSettings
from jamun.data.molecule import Molecule
from jamun.data.store import FeatureFile
from jamun.data.vocabulary import VocabularyError
from jamun.model.checkpoint import load_denoiser
from jamun.model.denoiser import preconditioning
from jamun.model.geometry import centre
from jamun.model.loss import validation_losses
from jamun.model.public.codes import PublicConditioning
from jamun.model.public.layout import from_public, parameter_shapes
from jamun.model.public.network import PublicDenoiser
from jamun.model.score import NetworkScore
from jamun.sampling.integrators import PhaseSpaceState
from jamun.sampling.run import SamplingFiles, sample_to_files
from jamun.sampling.walk import Dynamics, Walk

FOLDER = Path(__file__).parent / "public"
MOLECULES = ["capped_HP", "uncapped_GN", "capped_CQEMW", "uncapped_CQEMW"]
# Norm over norm. In float32 the public program itself is 4e-6 from its own float64.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    """Inputs and outputs of the public program (commit 62c4adf; generation_1: ac046c8) with `random_weights`."""
    with np.load(FOLDER / "reference.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return random_weights(PublicNetworkSettings())


def network(weights: dict[str, torch.Tensor], dtype: torch.dtype = torch.float64, **settings: object) -> PublicDenoiser:
    denoiser = PublicDenoiser(PublicNetworkSettings(**settings), SQUARED)
    state = from_public(weights, denoiser) | {"mean_squared_distance": denoiser.mean_squared_distance}
    denoiser.load_state_dict(state)
    return denoiser.to(dtype).requires_grad_(False)


def conditioning(name: str) -> PublicConditioning:
    topology = mdtraj.load_topology(str(FOLDER / f"{name}.pdb"))
    return PublicConditioning.from_molecule(Molecule.from_topology(topology))


def relative(found: torch.Tensor, expected: np.ndarray | torch.Tensor) -> float:
    expected = torch.as_tensor(expected)
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def outputs(
    denoiser: PublicDenoiser, y: torch.Tensor, sigma: float, prepared: PublicConditioning
) -> dict[str, torch.Tensor]:
    """g, xhat and score (of y as it is) of one molecule's positions (n, 3)."""
    mask = prepared.mask
    level = torch.full((1, 1, 1), sigma, dtype=torch.float64)
    c_in = preconditioning(level, denoiser.mean_squared_distance)[0].to(y.dtype)
    g = denoiser.network(c_in * centre(y[None], mask), level, denoiser.prepare(prepared))
    xhat = denoiser(y[None], sigma, prepared)
    return {"g": g[0], "xhat": xhat[0], "score": (xhat[0] - y) / sigma**2}


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_equals_the_public_program(
    reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor], dtype: torch.dtype
) -> None:
    denoiser = network(weights, dtype)
    for name in MOLECULES:
        y = torch.as_tensor(reference[f"{name}.y"]).to(dtype)
        for what, found in outputs(denoiser, y, SIGMA, conditioning(name)).items():
            expected = reference[f"{name}.{str(dtype).removeprefix('torch.')}.{what}"]
            assert relative(found, expected) <= TOLERANCE[dtype], (name, what)


def test_equals_the_public_program_at_another_noise_level(
    reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor]
) -> None:
    y = torch.as_tensor(reference["capped_HP.y"])
    found = outputs(network(weights), y, 0.08, conditioning("capped_HP"))
    for what, value in found.items():
        assert relative(value, reference[f"capped_HP.sigma_0.08.{what}"]) <= 1e-10


def test_generation_1_equals_its_program(reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor]) -> None:
    """Another range of the gaussians, another mixing, no atom names; its score is that of centred positions."""
    older = without_atom_names(weights, PublicNetworkSettings())
    assert sum(value.numel() for value in older.values()) == 10_456_249
    denoiser = network(older, generation=1)
    for name in MOLECULES:
        y = torch.as_tensor(reference[f"{name}.y"])
        found = outputs(denoiser, y - y.mean(0), SIGMA, conditioning(name))
        for what, value in found.items():
            assert relative(value, reference[f"{name}.generation_1.{what}"]) <= 1e-10


def test_a_padded_batch_is_the_single_molecules(
    reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor]
) -> None:
    batch = PublicConditioning.batch([conditioning(name) for name in MOLECULES])
    y = torch.full((4, batch.mask.shape[1], 3), 0.7, dtype=torch.float64)  # on padding, to be ignored
    for graph, name in enumerate(MOLECULES):
        y[graph, : len(reference[f"{name}.y"])] = torch.as_tensor(reference[f"{name}.y"])
    found = network(weights)(y, SIGMA, batch)
    for graph, name in enumerate(MOLECULES):
        atoms = len(reference[f"{name}.y"])
        assert relative(found[graph, :atoms], reference[f"{name}.float64.xhat"]) <= 1e-10
        assert not found[graph, atoms:].any()


def test_the_walk_is_that_of_the_public_program(
    reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor]
) -> None:
    """Five steps of BAOAB, friction per step, scores clipped at 100 / nm, the centre left to walk as theirs does."""
    denoiser, told = network(weights), conditioning("capped_HP")
    settings = SamplingSettings(friction=1.0, friction_convention="per_step", score_clip=100.0 * SIGMA)
    noise = iter(torch.as_tensor(reference["walk.noise"])[:, None])
    start, velocity = (torch.as_tensor(reference[key])[None] for key in ("capped_HP.y", "walk.v0"))
    dynamics = Dynamics.from_settings(lambda y: denoiser(y, SIGMA, told), SIGMA, settings)
    dynamics = replace(dynamics, remove_translation=False)
    walk = Walk(dynamics, lambda: next(noise), PhaseSpaceState(start, velocity, None, start))
    clipped = np.linalg.norm(reference["walk.float64.score"], axis=-1) > 100.0
    assert clipped.any()  # else the clip would not be tested
    for y in reference["walk.float64.y"][1:]:
        walk.step()
        assert relative(walk.state.y[0], y) <= 1e-10
    assert relative(walk.state.v[0], reference["walk.float64.v"]) <= 1e-10
    assert relative(walk.state.xhat[0], reference["walk.float64.xhat"]) <= 1e-10


@pytest.mark.parametrize("name", MOLECULES)
def test_codes_and_edges_are_those_of_the_public_program(name: str, reference: dict[str, np.ndarray]) -> None:
    told = conditioning(name)
    rows = told.rows(4, with_places=False)
    for ours, theirs in (("element", "atom_type"), ("atom_name", "atom_code"), ("residue", "residue_code")):
        assert rows[ours][0].tolist() == reference[f"{name}.{theirs}_index"].tolist()
    bonds = {(sender, receiver) for receiver, sender in told.bonds[0].nonzero().tolist()}
    assert bonds == {tuple(pair) for pair in reference[f"{name}.bonds"].T.tolist()}
    denoiser = PublicDenoiser(PublicNetworkSettings(), SQUARED).double()
    level = torch.full((1, 1, 1), SIGMA, dtype=torch.float64)
    y = centre(torch.as_tensor(reference[f"{name}.y"])[None], told.mask)
    c_in = preconditioning(level, denoiser.mean_squared_distance)[0]
    joined = denoiser.join(c_in * y, level, denoiser.prepare(told))
    for kind, bonded in ((joined.radial, False), (joined.bonded, True)):
        found = {(sender, receiver) for receiver, sender in kind[0, ..., 0].nonzero().tolist()}
        expected = reference[f"{name}.edges"][:, reference[f"{name}.bonded"] == bonded]
        assert found == {tuple(pair) for pair in expected.T.tolist()}


def test_number_and_order_of_parameters() -> None:
    shapes = parameter_shapes(PublicNetworkSettings())
    assert len(shapes) == 88
    assert sum(math.prod(shape) for shape in shapes.values()) == 10_552_889
    denoiser = PublicDenoiser(PublicNetworkSettings(), SQUARED)
    assert sum(value.numel() for value in denoiser.parameters()) == 10_552_889
    older = parameter_shapes(PublicNetworkSettings(generation=3))
    assert sum(math.prod(shape) for shape in older.values()) == 10_456_249
    fewer = parameter_shapes(PublicNetworkSettings(n_convolutions=5))
    assert sum(math.prod(shape) for shape in fewer.values()) == 8_586_281


@pytest.mark.parametrize("generation", range(1, 6))
def test_weights_go_both_ways(generation: int) -> None:
    settings = PublicNetworkSettings(generation=generation, **SMALL)
    weights = random_weights(settings)
    back = to_public(network(weights, torch.float32, generation=generation, **SMALL))
    assert list(back) == list(weights)
    assert all(torch.equal(back[key], value) for key, value in weights.items())


@pytest.mark.parametrize("generation", range(1, 6))
@pytest.mark.parametrize("case", ["plain", "crowded", "coincident", "one", "places"])
def test_equals_weights_an_edge(generation: int, case: str) -> None:
    """Outputs and gradients, with limits on neighbours where they bite."""
    settings = PublicNetworkSettings(generation=generation, residue_index=case == "places", **SMALL)
    denoiser = network(random_weights(settings), **settings.model_dump(exclude={"architecture"})).requires_grad_()
    atoms = {"crowded": 40, "one": 1}.get(case, 12)
    told = PublicConditioning.from_molecule(molecule(["ALA"] * 8))
    told = PublicConditioning(
        **{
            name: getattr(told, name)[:, :atoms, :atoms] if name == "bonds" else getattr(told, name)[:, :atoms]
            for name in ("element", "atom_name", "residue", "residue_index", "bonds", "mask")
        }
    ).select(torch.zeros(2, dtype=torch.long))
    generator = torch.Generator().manual_seed(generation)
    spread = 0.1 if case == "crowded" else 0.25
    y = spread * torch.randn(2, atoms, 3, generator=generator, dtype=torch.float64)
    if case == "coincident":
        y[0, 3] = y[0, 7]
    leaves = [y.requires_grad_(), *denoiser.parameters()]
    sigma = torch.tensor([0.04, 0.06])
    oracle = EdgeListNetwork(settings, SQUARED, to_public(denoiser))
    values = [denoiser(y, sigma, told), oracle(y, sigma, told)]
    assert float((values[0] - values[1]).abs().max()) <= 1e-10
    direction = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    gradients = [
        torch.autograd.grad((value * direction).sum(), leaves, allow_unused=True, materialize_grads=True)
        for value in values
    ]
    size = max(float(gradient.norm()) for gradient in gradients[1])
    for mine, other in zip(*gradients, strict=True):
        assert float((mine - other).norm()) <= 1e-10 * max(size, 1.0)


def test_limit_on_neighbours_takes_the_first_in_order() -> None:
    """An atom counts among its own neighbours and is left out afterwards: of 40 atoms in a heap, the last one sees 33
    before it, the first one 32 after it."""
    told = PublicConditioning.from_molecule(molecule(["ALA"] * 8)).select(torch.zeros(1, dtype=torch.long))
    atoms = told.mask.shape[1]
    assert atoms > 40
    y = 0.01 * torch.randn(1, atoms, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level = torch.full((1, 1, 1), SIGMA, dtype=torch.float64)
    for generation, first, last in ((4, range(1, 33), range(33)), (5, range(1, atoms), range(atoms - 1))):
        denoiser = PublicDenoiser(PublicNetworkSettings(generation=generation, **SMALL), SQUARED).double()
        radial = denoiser.join(y, level, denoiser.prepare(told)).radial[0, ..., 0]
        assert radial[0].nonzero()[:, 0].tolist() == list(first)
        assert radial[-1].nonzero()[:, 0].tolist() == list(last)


def test_rotations_but_not_reflections(reference: dict[str, np.ndarray], weights: dict[str, torch.Tensor]) -> None:
    denoiser, told = network(weights), conditioning("capped_HP")
    y = torch.as_tensor(reference["capped_HP.y"])[None]
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0]
    rotation = rotation * torch.linalg.det(rotation).sign()
    xhat = denoiser(y, SIGMA, told)
    moved = y @ rotation.T + torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    assert relative(denoiser(moved, SIGMA, told), xhat @ rotation.T) <= 1e-10
    assert relative(denoiser(-y, SIGMA, told), -xhat) > 1e-3


def named(*residues: tuple[str, list[str]]) -> Molecule:
    """Residues with their atoms, all of them carbon and bonded in a row."""
    atoms = [(place, residue, name) for place, (residue, names) in enumerate(residues) for name in names]
    return Molecule(
        elements=np.full(len(atoms), 6),
        atom_names=tuple(name for _, _, name in atoms),
        residue_names=tuple(residue for _, residue, _ in atoms),
        residue_indices=np.array([place for place, _, _ in atoms]),
        bonds=np.array([(index, index + 1) for index in range(len(atoms) - 1)]),
    )


def test_vocabulary() -> None:
    told = PublicConditioning.from_molecule(
        named(("ACE", ["CH3", "C"]), ("HIE", ["CA", "CB", "CG"]), ("GLH", ["CA"]), ("CYX", ["CA"]), ("NME", ["CH3"]))
    )
    assert told.atom_name[0].tolist() == [6, 0, 4, 5, 6, 4, 4, 0]
    assert told.residue[0].tolist() == [20, 20, 8, 8, 8, 22, 4, 21]
    known = PublicConditioning.from_molecule(named(("ACE", ["CH3", "C"]), ("GLU", ["CA"]), ("GLN", ["CA"])))
    assert known.rows(5, with_places=False)["atom_name"][0].tolist() == [7, 0, 4, 4]  # hydrogen is 6 there
    assert known.residue[0].tolist() == [20, 20, 5, 6]  # GLU before GLN
    with pytest.raises(VocabularyError, match="Generation 5"):
        told.rows(5, with_places=False)
    with pytest.raises(VocabularyError, match="10 places"):
        PublicConditioning.from_molecule(named(*[("ALA", ["CA"])] * 11)).rows(4, with_places=True)


def test_it_is_trained_from_an_imported_checkpoint_and_sampled(
    data: dict[str, object],  # noqa: F811
    tmp_path: Path,
) -> None:
    """Steps of training from a public checkpoint lower its loss, and the result samples a peptide."""
    settings = PublicNetworkSettings(**SMALL)
    start = write(tmp_path / "public.ckpt", content(settings, random_weights(settings)), settings)
    training = TrainingSettings(max_steps=20, validation_interval=20, ema_decay=0, accelerator="cpu", batch_size=16)
    checkpoint = tmp_path / "models" / "trained" / "checkpoint.ckpt"
    checkpoint.parent.mkdir(parents=True)
    train(
        **data,
        network=settings,
        training=training,
        threads=1,
        checkpoint=checkpoint,
        metrics=checkpoint.parent / "metrics.csv",
        record=checkpoint.parent / "training.json",
        work=tmp_path / "work",
        initial=start,
    )
    loaded = load_denoiser(checkpoint)
    assert float(loaded.denoiser.mean_squared_distance) == SQUARED  # what the weights mean
    files = [FeatureFile(path) for path in data["validation"]]
    losses = [
        validation_losses(loaded.denoiser, PublicConditioning, files, training)["0.04"]
        for loaded in map(load_denoiser, (start, checkpoint))
    ]
    assert losses[1] < losses[0]
    out = tmp_path / "samples"
    sample_to_files(
        NetworkScore.read(start),
        [FOLDER / "capped_HP.pdb"],
        "HP",
        SamplingSettings(samples=6, chains=2, most_generated=1000, device="cpu", score_clip=4.0),
        SamplingFiles.in_folder(out),
        threads=1,
    )
    assert mdtraj.load(str(out / "samples.xtc"), top=str(out / "topology.pdb")).xyz.shape == (6, 22, 3)
