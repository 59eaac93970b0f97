"""Weights of frames: populations of known Markov chains from short pieces of them."""

from __future__ import annotations

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from jamun.config.features import ReweightingSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.data.reweighting import (
    POSITIVE_PHI,
    Residue,
    Transitions,
    bounded,
    far_share,
    pooled_flux,
    populations_of,
    residues_of,
    reweight_to_files,
    side_counts,
    states_of,
    with_basins,
    with_far_share,
)
from jamun.data.store import FeatureFile, write_features
from jamun.io.atomic import read_json, read_npz
from jamun.peptides.build import build_peptide
from jamun.peptides.conformations import conformed
from jamun.peptides.sequences import parse_sequence

# States 0, 1 (chi1 in one rotamer, fast in psi) and 3 (another rotamer, reached from 0 alone), a reversible chain.
STATES = np.array([0, 1, 3])
POPULATIONS = np.array([0.3, 0.1, 0.6])
SLOW, FAST = 0.002, 0.05


def chain() -> np.ndarray:
    """(3, 3) transition matrix with these populations by detailed balance."""
    flux = np.zeros((3, 3))
    flux[0, 1] = flux[1, 0] = FAST * POPULATIONS[1]
    flux[0, 2] = flux[2, 0] = SLOW * POPULATIONS[2]
    matrix = flux / POPULATIONS[:, None]
    return matrix + np.diag(1.0 - matrix.sum(1))


def pieces(count: int, frames: int, start: int, seed: int) -> np.ndarray:
    """(count, frames) states of chains that all start in STATES[start]."""
    random = np.random.default_rng(seed)
    cumulative = chain().cumsum(1)
    walk = np.full((count, frames), start)
    for frame in range(1, frames):
        walk[:, frame] = (random.random(count)[:, None] > cumulative[walk[:, frame - 1]]).sum(1)
    return STATES[walk]


def transitions(walks: np.ndarray, lag: int = 5) -> Transitions:
    count, frames = walks.shape
    return Transitions.of(walks.ravel(), np.arange(count + 1) * frames, lag)


def test_populations_of_a_known_chain_from_pieces_that_start_in_one_state() -> None:
    """Pieces shorter than the slow motion have the start's populations, their transitions those of the chain; and there
    are no transitions between pieces."""
    pool = transitions(pieces(400, 100, start=0, seed=0))
    biased = pool.shares[STATES]
    assert biased[2] < 0.25 < POPULATIONS[2]
    found = pooled_flux(pool).sum(0)[STATES]
    np.testing.assert_allclose(found, POPULATIONS, atol=0.05)
    assert pool.counts[3, 1] < pool.counts[0, 1] / 5


def test_few_transitions_leave_the_frames_as_they_are() -> None:
    """One transition in three pieces says next to nothing of populations: the frames' own shares stay."""
    walks = np.zeros((3, 100), dtype=np.int64)
    walks[0, 50:] = 3
    pool = transitions(walks)
    np.testing.assert_allclose(pooled_flux(pool).sum(0)[[0, 3]], pool.shares[[0, 3]], atol=0.15)


@pytest.mark.parametrize(("frames", "pooled", "expected"), [(100, 5.0, 0.6), (100_000, 0.01, 0.3)])
def test_a_peptide_lies_between_itself_and_all(frames: int, pooled: float, expected: float) -> None:
    """Share of state 3 of a peptide that is not as the others: theirs where it has few transitions of its own and the
    prior is heavy, its own where it has many."""
    flux = pooled_flux(transitions(pieces(400, 400, start=0, seed=1)))
    random = np.random.default_rng(2)
    other = np.where(random.random(4 * frames // 200).repeat(200) < 0.3, 3, 0).reshape(4, -1)
    assert populations_of(transitions(other), flux, pooled)[3] == pytest.approx(expected, abs=0.1)


def test_states() -> None:
    degrees = {
        "phi": [-60.0, -120.0, 60.0, -60.0, -60.0],
        "psi": [-45.0, 130.0, 40.0, -45.0, 179.0],
        "chi1": [60.0, 180.0, -60.0, -179.0, 1.0],
    }
    torsions = {kind: np.radians(values) for kind, values in degrees.items()}
    assert states_of(torsions).tolist() == [1, 3, 8, 4, 0]
    del torsions["chi1"]
    assert states_of(torsions).tolist() == [10, 9, 11, 10, 9]


def crossing(count: int, frames: int, there: float, back: float, seed: int, held: float | None = None) -> np.ndarray:
    """Sides (2, count, frames), 1 for phi > 0, of two residues in pieces, half of which start with both there; each
    goes there and back with these rates, back with the rate `held` while the other is there."""
    random = np.random.default_rng(seed)
    side = np.zeros((2, count, frames), dtype=np.int64)
    side[:, ::2, 0] = 1
    for frame in range(1, frames):
        before = side[:, :, frame - 1]
        away = np.where(before[::-1] == 1, back if held is None else held, back)
        side[:, :, frame] = before ^ (random.random(before.shape) < np.where(before == 1, away, there))
    return side


def sides_of(sides: np.ndarray, beside: np.ndarray | None = None, name: str = "ALA") -> np.ndarray:
    """Counts between the sides (pieces, frames) of an alanine, alone or beside a residue of this name."""

    def residue(name: str, place: int, own: np.ndarray) -> Residue:
        return Residue(name, place, False, np.where(own == 1, 11, 10).ravel())

    others = [] if beside is None else [residue(name, 2, beside)]
    return side_counts(residue("ALA", 1, sides), others, POSITIVE_PHI, np.arange(len(sides) + 1) * sides.shape[1], 1)


def test_share_of_positive_phi_of_a_known_chain() -> None:
    """Pieces of which half start at phi > 0 have half of their frames there; the chain has a fiftieth."""
    there, back = 0.0001, 0.0049
    counts = sides_of(crossing(2000, 200, there, back, seed=0)[0])
    assert counts[1].sum() / counts.sum() > 0.3
    assert far_share(counts, counts, 0.0) == pytest.approx(there / (there + back), abs=0.006)


def test_residues_that_hold_each_other_at_positive_phi() -> None:
    """Pieces that start with both residues there and seldom leave say nothing of one that is there by itself."""
    there, back = 0.0005, 0.02
    first, second = crossing(2000, 200, there, back, seed=1, held=0.001)
    together, apart = sides_of(first), sides_of(first, second)
    expected = there / (there + back)
    assert far_share(apart, apart, 0.0) == pytest.approx(expected, rel=0.15)
    assert far_share(together, together, 0.0) > 2.5 * expected
    # Glycine crosses by itself, and is no reason to leave a frame out.
    np.testing.assert_array_equal(sides_of(first, second, "GLY"), together)


def test_pieces_that_never_cross_have_the_share_of_all_residues() -> None:
    """That four pieces start at phi > 0, or one of four, and stay is no evidence against what all others tell."""
    pool = sides_of(crossing(2000, 200, 0.0001, 0.0049, seed=0)[0])
    expected = far_share(pool, pool, 1000.0)
    for pieces_there in (1, 2):
        still = np.zeros((4, 100), dtype=np.int64)
        still[:pieces_there] = 1
        assert far_share(sides_of(still), pool, 5.0) == pytest.approx(expected, rel=0.25)
    assert far_share(np.zeros((2, 2)), pool, 5.0) == pytest.approx(expected, rel=0.01)


def test_states_of_a_side_keep_their_ratios() -> None:
    populations = np.zeros(12)
    populations[[3, 4, 5, 8]] = [0.2, 0.4, 0.3, 0.1]
    found = with_far_share(populations, POSITIVE_PHI.far, 0.01)
    np.testing.assert_allclose(found[[3, 4, 5, 8]], [0.33, 0.66, 0.0075, 0.0025])
    assert found.sum() == pytest.approx(1.0)


def test_basins_keep_their_shares_and_rotamers_theirs_within_them() -> None:
    populations, basins = np.zeros(12), np.zeros(12)
    populations[[0, 3, 1, 4]] = [0.1, 0.3, 0.36, 0.24]  # extended 0.4, helical 0.6, in two rotamers
    basins[[0, 1, 7]] = [0.8, 0.1, 0.1]
    found = with_basins(populations, basins)
    np.testing.assert_allclose(found[[0, 3, 1, 4]], [0.2, 0.6, 0.12, 0.08])
    assert found.sum() == pytest.approx(1.0)


def test_weights_are_bounded_around_one() -> None:
    weights = bounded(np.array([1e-9, 1.0, 1.0, 1e9]), 1 / 3, 3.0)
    assert weights.mean() == pytest.approx(1.0)
    assert weights.min() >= 1 / 3 - 1e-6
    assert weights.max() <= 3.0 + 1e-6
    uneven = bounded(np.array([1e-9, 1.0, 1.0, 1e9]), 0.2, 3.0)
    assert uneven.mean() == pytest.approx(1.0)
    assert uneven.min() >= 0.2 - 1e-6
    assert uneven.max() == pytest.approx(3.0, abs=0.01)
    assert bounded(np.array([1e-9, 1.0, 1.0, 1.0]), 0.2, 3.0).min() == pytest.approx(0.2, abs=1e-6)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Peptides that begin with serine, in two helical structures; their order is that of the chain, chi1 trans in its
    last state and gauche+ in the others."""
    folder = tmp_path_factory.mktemp("features")
    paths = []
    for place, name in enumerate(("SA", "SG")):
        topology, positions, _ = build_peptide(parse_sequence(name), "capped", 7.0)
        structures = np.array(
            [conformed(topology, positions, "alpha", name, rotamer) for rotamer in ("gauche+", "trans")]
        )
        top = mdtraj.Topology.from_openmm(topology)
        walks = pieces(800, 100, start=0, seed=10 + place)
        frames = structures[:, heavy_atoms(top)][(walks.ravel() == 3).astype(int)]
        boundaries = [100 * piece for piece in range(801)]
        paths.append(folder / f"{name}.h5")
        write_features(paths[-1], name, Molecule.from_topology(top), [frames], len(frames), boundaries, 2.0)
    return paths


def test_residues_and_their_states_are_read_from_features(features: list[Path]) -> None:
    file = FeatureFile(features[0])
    first, second = residues_of(file)
    assert [(residue.name, residue.place) for residue in (first, second)] == [("SER", 1), ("ALA", 2)]
    walks = pieces(800, 100, start=0, seed=10)
    assert (first.states == np.where(walks.ravel() == 3, 4, 1)).all()  # helical, trans or gauche+
    assert set(second.states.tolist()) == {10}  # helical, without chi1


def test_weighted_frames_have_the_populations_of_the_chain(features: list[Path], tmp_path: Path) -> None:
    settings = ReweightingSettings(lag="10 ps", pooled=2.0)
    reweight_to_files(features, settings, tmp_path / "weights.npz", tmp_path / "weights.json")
    weights = read_npz(tmp_path / "weights.npz")
    assert set(weights) == {"SA", "SG"}
    for path in features:
        file = FeatureFile(path)
        own = weights[file.peptide]
        trans = residues_of(file)[0].states == 4
        assert own.mean() == pytest.approx(1.0, abs=1e-5)
        assert trans.mean() < 0.25
        assert own[trans].sum() / own.sum() == pytest.approx(POPULATIONS[2], abs=0.08)
    record = read_json(tmp_path / "weights.json")
    serine = record["residues"][-1]
    assert (serine["residue_name"], serine["residue"]) == ("SER", 1)
    assert serine["weighted"]["helical, trans"] == pytest.approx(POPULATIONS[2], abs=0.06)
    assert serine["frames"]["helical, trans"] < 0.25
    effective = record["effective_share_of_frames"]
    assert 0.3 < effective["least"] <= effective["mean"] < 1.0


def test_a_residue_before_proline_has_the_share_of_all_such_residues(tmp_path: Path) -> None:
    """Half of the simulations start in helical psi, from where all that cross come, next to none go there."""
    paths = []
    for name, crossings in (("SP", 6), ("AP", 0), ("SA", 0)):
        topology, positions, _ = build_peptide(parse_sequence(name), "capped", 7.0)
        structures = np.array([conformed(topology, positions, start, name) for start in ("beta", "alpha")])
        top = mdtraj.Topology.from_openmm(topology)
        helical = np.zeros((40, 100), dtype=np.int64)
        helical[::2] = 1
        for piece in range(crossings):
            helical[2 * piece, 50:] = 0
        frames = structures[:, heavy_atoms(top)][helical.ravel()]
        paths.append(tmp_path / f"{name}.h5")
        boundaries = [100 * piece for piece in range(41)]
        write_features(paths[-1], name, Molecule.from_topology(top), [frames], len(frames), boundaries, 2.0)
    settings = ReweightingSettings(lag="10 ps", pooled=5.0, smallest=0.01)
    reweight_to_files(paths, settings, tmp_path / "weights.npz", tmp_path / "weights.json")
    weights = read_npz(tmp_path / "weights.npz")
    shares = {}
    for path in paths:
        file = FeatureFile(path)
        states = residues_of(file)[0].states % 3
        shares[file.peptide] = weights[file.peptide][states == 1].sum() / weights[file.peptide].sum()
    assert [residues_of(FeatureFile(path))[0].before_proline for path in paths] == [True, True, False]
    assert shares["SP"] < 0.1
    assert shares["AP"] < 0.15
    assert shares["SA"] == pytest.approx(0.5, abs=0.01)


def test_a_side_that_is_reached_at_the_very_end_gives_no_share(tmp_path: Path) -> None:
    """No transition starts there, so there is no rate: the frames' basins stay, and no weight is lost."""
    topology, positions, _ = build_peptide(parse_sequence("AP"), "capped", 7.0)
    structures = np.array([conformed(topology, positions, start, "AP") for start in ("beta", "alpha")])
    top = mdtraj.Topology.from_openmm(topology)
    helical = (np.arange(100) >= 97).astype(int)
    path = tmp_path / "AP.h5"
    frames = structures[:, heavy_atoms(top)][helical]
    write_features(path, "AP", Molecule.from_topology(top), [frames], 100, [0, 100], 2.0)
    reweight_to_files([path], ReweightingSettings(lag="10 ps"), tmp_path / "weights.npz", tmp_path / "weights.json")
    np.testing.assert_allclose(read_npz(tmp_path / "weights.npz")["AP"], 1.0, atol=1e-5)
