"""E-W2, T-W2 and TICA-W2: distances that are known, and features that are those of the published models."""

from dataclasses import replace

import mdtraj
import numpy as np
import pytest
from pairs import built
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.pair import Ensemble, Pair
from jamun.evaluation.wasserstein import analyse, analyse_to_files, frames_with_energies, published_features
from jamun.io.atomic import read_json, read_npz
from jamun.peptides.torsions import compute_torsions

FRAMES = 400
SETTINGS = EvaluationSettings(wasserstein={"tica_lag": 5, "transport_frames": 500, "energy_frames": 500})
KT = 2.5


class AlongX:
    """A potential energy that is the first atom's x, or NaN where that is beyond 1,000 nm."""

    kt = KT

    def energies(self, heavy, seed):
        return np.where(np.abs(heavy[:, 0, 0]) < 1e3, heavy[:, 0, 0], np.nan)

    def own_energies(self, trajectory):
        return self.energies(trajectory.xyz, 0)


@pytest.fixture(scope="module")
def md():
    """Frames of uncapped AV that are shaken; torsions stay for 20 frames at a time."""
    one = built("AV", "uncapped")
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.normal(0, 0.03, (FRAMES // 20, one.n_atoms, 3)), 20, axis=0)
    shaken = mdtraj.Trajectory(one.xyz + slow + rng.normal(0, 0.005, (FRAMES, one.n_atoms, 3)), one.topology)
    torsions, angles = compute_torsions(shaken)
    chains = np.repeat([0, 1], FRAMES // 2)
    return Ensemble(torsions, angles, chains, positions=shaken.xyz.astype(float), topology=shaken.topology)


def with_energies(ensemble, values, angles=None):
    """The ensemble whose first atom's x are `values`."""
    positions = ensemble.positions.copy()
    positions[:, 0, 0] = values
    return replace(ensemble, positions=positions, angles=ensemble.angles if angles is None else angles)


def test_energies_of_two_gaussians(md):
    """W2^2 = (difference of means)^2 + (difference of standard deviations)^2, in kT."""
    quantiles = norm.ppf((np.arange(FRAMES) + 0.5) / FRAMES)
    quantiles /= quantiles.std()
    order = np.random.default_rng(1).permutation(FRAMES)
    first, second = with_energies(md, 3.0 + 2.0 * quantiles), with_energies(md, 7.0 + 5.0 * quantiles[order])
    result, arrays = analyse(Pair(first, second), SETTINGS, AlongX())
    assert result["distances"]["energy_w2"]["value"] == pytest.approx(5.0 / KT, rel=1e-6)
    assert result["energy"]["md"] == {
        "frames": FRAMES,
        "mean": pytest.approx(3.0),
        "standard_deviation": pytest.approx(2.0),
    }
    np.testing.assert_allclose(np.sort(arrays["energy_samples"]), 7.0 + 5.0 * quantiles)
    assert result["energy"]["hydrogens_w2"]["reason"] == "the MD has no hydrogens of its own"


def test_shifted_torsions_of_the_backbone_and_no_others(md):
    """Every phi and psi moved by 0.2: 0.2 sqrt(K). Side chains and omega are not in T-W2."""
    backbone = np.array([torsion.kind in ("phi", "psi") for torsion in md.torsions])
    assert [torsion.kind for torsion in md.torsions] == ["phi", "psi", "omega", "chi1"]
    moved = (md.angles + np.where(backbone, 0.2, 2.0) + np.pi) % (2 * np.pi) - np.pi
    result, _ = analyse(Pair(md, replace(md, angles=moved)), SETTINGS)
    assert result["distances"]["torus_w2"]["value"] == pytest.approx(0.2 * np.sqrt(2), rel=1e-6)


def test_an_assignment_of_scipy_agrees(md):
    angles = np.random.default_rng(2).uniform(-np.pi, np.pi, md.angles.shape)
    result, _ = analyse(Pair(md, replace(md, angles=angles)), SETTINGS)
    apart = np.angle(np.exp(1j * (md.angles[:, None, :2] - angles[None, :, :2])))
    cost = (apart**2).sum(-1)
    rows, columns = linear_sum_assignment(cost)
    assert result["distances"]["torus_w2"]["value"] == pytest.approx(np.sqrt(cost[rows, columns].mean()), rel=1e-6)


def test_an_ensemble_with_itself_is_zero_and_halves_are_not(md):
    result, _ = analyse(Pair(md, md), SETTINGS, AlongX())
    for name, estimate in result["distances"].items():
        assert estimate["value"] == pytest.approx(0, abs=1e-6)
        assert result["baselines"]["md_halves"][name]["value"] > 0
    assert result["notes"] == []
    assert result["accepted"] is None


@pytest.mark.parametrize(("sequence", "features"), [("AA", 34), ("PG", 42), ("CE", 61), ("WQ", 196)])
def test_features_are_as_many_as_those_of_the_published_models(sequence, features):
    one = built(sequence, "uncapped")
    torsions, angles = compute_torsions(one)
    ensemble = Ensemble(torsions, angles, np.zeros(1, int), positions=one.xyz, topology=one.topology)
    assert published_features(ensemble).shape == (1, features)


def test_components_of_the_published_tica_know_distances(md):
    """Moved along a direction in which no torsion turns, frames are elsewhere all the same."""
    stretched = replace(md, positions=md.positions * 1.1)
    result, _ = analyse(Pair(md, stretched), SETTINGS)
    assert result["tica"]["features"] == 10 * 9 // 2 + 6
    assert result["distances"]["torus_w2"]["value"] == pytest.approx(0, abs=1e-6)
    assert result["distances"]["tica_w2"]["value"] > 0.05


def test_weights_are_masses(md):
    """Half of the frames at 0 and half at 1; with all the weight on those at 1 the distance to 1 is 0."""
    values = np.repeat([0.0, KT], FRAMES // 2)
    weights = np.repeat([0.0, 2.0], FRAMES // 2)
    at_one = with_energies(md, np.full(FRAMES, KT))
    plain, _ = analyse(Pair(at_one, with_energies(md, values)), SETTINGS, AlongX())
    weighted, _ = analyse(Pair(at_one, replace(with_energies(md, values), weights=weights)), SETTINGS, AlongX())
    assert plain["distances"]["energy_w2"]["value"] == pytest.approx(np.sqrt(0.5))
    assert weighted["distances"]["energy_w2"]["value"] == pytest.approx(0, abs=1e-6)
    assert weighted["energy"]["samples"]["mean"] == pytest.approx(KT)


def test_accepted_samples_have_their_own(md):
    values = np.where(np.arange(FRAMES) % 4 == 0, 10.0 * KT, 0.0)
    pair = Pair(with_energies(md, np.zeros(FRAMES)), with_energies(md, values), values == 0)
    result, _ = analyse(pair, SETTINGS, AlongX())
    assert result["distances"]["energy_w2"]["value"] == pytest.approx(5.0)
    assert result["accepted"]["frames"] == 3 * FRAMES // 4
    assert result["accepted"]["distances"]["energy_w2"]["value"] == pytest.approx(0, abs=1e-6)


def test_what_there_is_not_is_told(md):
    short = md.chosen(np.arange(FRAMES) % (FRAMES // 2) < 8)
    result, arrays = analyse(Pair(short, md), SETTINGS, "in explicit solvent the potential energy is that of the water")
    assert result["energy"] is None
    assert arrays == {}
    assert "of the water" in result["distances"]["energy_w2"]["reason"]
    assert "is not longer than twice the lag" in result["distances"]["tica_w2"]["reason"]
    assert [note[:10] for note in result["notes"]] == ["No E-W2: i", "No TICA-W2"]
    assert "fewer than 20" in result["distances"]["torus_w2"]["reason"]
    broken = np.zeros(FRAMES)
    broken[:7] = 1e6
    result, arrays = analyse(Pair(with_energies(md, 0.0), with_energies(md, broken)), SETTINGS, AlongX())
    assert result["distances"]["energy_w2"]["value"] == pytest.approx(0, abs=1e-9)
    assert result["energy"]["failed"] == {"md": 0, "samples": 7}
    assert len(arrays["energy_samples"]) == FRAMES - 7
    assert result["notes"] == ["7 of the samples got no energy: their atoms lie on each other."]


def test_from_files_to_files(md, tmp_path):
    """The MD's own hydrogens are those of the frames that get energies."""
    from jamun.evaluation.pair import Files

    whole = built("AV", "uncapped", heavy=False)
    frames = mdtraj.Trajectory(np.repeat(whole.xyz, FRAMES, axis=0), whole.topology)
    frames.xyz[:, 0, 0] = np.linspace(0, 5, FRAMES)
    frames.save_xtc(str(tmp_path / "md.xtc"))
    whole.save_pdb(str(tmp_path / "md.pdb"))
    settings = EvaluationSettings(wasserstein=SETTINGS.wasserstein.model_dump() | {"energy_frames": 50})
    pair = Pair(with_energies(md, np.linspace(0, 5, FRAMES)), md, described={"peptide": "AV"})
    files = Files(tmp_path / "md.xtc", tmp_path / "md.pdb")
    analyse_to_files(pair, settings, AlongX(), files, tmp_path / "a.json", tmp_path / "a.npz")
    result, arrays = read_json(tmp_path / "a.json"), read_npz(tmp_path / "a.npz")
    chosen = np.linspace(0, 5, FRAMES)[frames_with_energies(pair, settings)]
    np.testing.assert_allclose(arrays["energy_md_own"], chosen, atol=1e-3)
    np.testing.assert_allclose(arrays["energy_md"], chosen)
    assert result["energy"]["hydrogens_w2"]["value"] == pytest.approx(0, abs=1e-3)
    assert result["peptide"] == "AV"
    assert result["energy"]["unit"] == "kJ/mol"
