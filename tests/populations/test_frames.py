"""Weights of MD frames, from files to files: short pieces of a chain whose populations are known."""

from __future__ import annotations

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from jamun.config.frame_weights import FrameWeightSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.data.store import write_features
from jamun.data.weights import effective_share
from jamun.io.atomic import read_json, read_npz, write_json
from jamun.peptides.build import build_peptide
from jamun.peptides.conformations import conformed
from jamun.peptides.sequences import parse_sequence
from jamun.populations.frames import load_pool, weigh_reference_to_files, weigh_training_to_files

# Of helical psi: 30 % at equilibrium; a piece crosses once or twice.
POPULATION, LEAVES = 0.3, 0.014
PIECES, LENGTH, INTERVAL = 200, 100, 2.0
BOUNDARIES = [LENGTH * piece for piece in range(PIECES + 1)]


def walks(start: int, seed: int) -> np.ndarray:
    """(PIECES * LENGTH,) states, 1 helical, of pieces that all start in `start`."""
    random = np.random.default_rng(seed)
    enters = LEAVES * POPULATION / (1 - POPULATION)
    state = np.full(PIECES, start)
    found = []
    for _ in range(LENGTH):
        found.append(state)
        crosses = random.random(PIECES) < np.where(state == 1, LEAVES, enters)
        state = np.where(crosses, 1 - state, state)
    return np.stack(found, 1).ravel()


@pytest.fixture(scope="module")
def structures() -> tuple[mdtraj.Topology, np.ndarray]:
    """A capped alanine without hydrogens, and its positions, extended and helical: (2, atoms, 3) in nm."""
    topology, positions, _ = build_peptide(parse_sequence("A"), "capped", 7.0)
    top = mdtraj.Topology.from_openmm(topology)
    heavy = heavy_atoms(top)
    return top.subset(heavy), np.array([conformed(topology, positions, start, "A") for start in ("beta", "alpha")])[
        :, heavy
    ]


@pytest.fixture(scope="module")
def weighed(structures, tmp_path_factory) -> Path:
    """A folder with weights.npz, pool.npz and record.json of two training peptides; all pieces start helical."""
    folder = tmp_path_factory.mktemp("weighed")
    topology, both = structures
    for name, seed in (("AA", 1), ("BB", 2)):
        frames = both[walks(1, seed)]
        write_features(
            folder / f"{name}.h5", name, Molecule.from_topology(topology), [frames], len(frames), BOUNDARIES, INTERVAL
        )
    train = [folder / "AA.h5", folder / "BB.h5"]
    settings = FrameWeightSettings(lag="10 ps")
    weigh_training_to_files(train, settings, folder / "weights.npz", folder / "pool.npz", folder / "record.json")
    return folder


def test_training_frames_get_the_populations_of_the_chain(weighed: Path) -> None:
    weights = read_npz(weighed / "weights.npz")
    record = read_json(weighed / "record.json")
    assert set(weights) == {"AA", "BB"}
    for name, seed in (("AA", 1), ("BB", 2)):
        helical = walks(1, seed) == 1
        assert helical.mean() > 0.5
        assert weights[name].mean() == pytest.approx(1.0, abs=1e-5)
        assert weights[name][helical].mean() * helical.mean() == pytest.approx(POPULATION, abs=0.05)
        (step,) = [one for one in record["peptides"][name] if (one["residue"], one["step"]) == (1, "helical")]
        assert step["interval"][0][1] < POPULATION < step["interval"][1][1]
        assert step["share_of_frames"][1] == pytest.approx(helical.mean())
    assert record["effective_share_of_frames"]["least"] == pytest.approx(
        min(effective_share(own) for own in weights.values()), rel=1e-6
    )


def test_a_reference_with_few_transitions_takes_those_of_the_training_peptides(
    weighed: Path, structures, tmp_path: Path
) -> None:
    """Ten pieces, all started helical, of which few come back: a strong prior knows how often that happens."""
    topology, both = structures
    md = tmp_path / "AA"
    md.mkdir()
    states = walks(1, seed=3)[: 10 * LENGTH]
    mdtraj.Trajectory(both[states], topology).save_xtc(str(md / "trajectory.xtc"))
    mdtraj.Trajectory(both[:1], topology).save_pdb(str(md / "topology.pdb"))
    write_json(md / "md.json", {"boundaries": BOUNDARIES[:11], "production": {"frame_interval_ps": INTERVAL}})
    weigh_reference_to_files(
        md / "trajectory.xtc", md / "topology.pdb", md / "md.json", weighed / "pool.npz",
        FrameWeightSettings(lag="10 ps", strength=20), md / "weights.npz",
    )  # fmt: skip
    weights, helical = read_npz(md / "weights.npz")["weights"], states == 1
    assert weights.mean() == pytest.approx(1.0)
    assert helical.mean() > 0.45
    assert weights[helical].sum() / weights.sum() == pytest.approx(POPULATION, abs=0.12)
    told = read_json(md / "weights.json")
    assert told["effective_share_of_frames"] == pytest.approx(effective_share(weights))


def test_a_pool_that_was_saved_is_the_same(weighed: Path) -> None:
    """And it holds the transitions of both peptides: some thousand, 1 for each lag time."""
    pool = load_pool(weighed / "pool.npz")
    assert pool.lag == 10.0
    counts = pool.counts["psi", "ALA", "False", "1"]
    # every window of 5 frames counts a fifth
    assert counts.sum() == pytest.approx(2 * PIECES * (LENGTH - 5) / 5)
    assert counts[1, 0] / counts[1].sum() == pytest.approx(1 - (1 - LEAVES) ** 5, rel=0.1)
