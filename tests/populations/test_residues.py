"""Weights by residues' slow steps: chains whose populations are known, from wrong starts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jamun.peptides.torsions import Torsion
from jamun.populations.basins import is_helical, is_positive, residue_states, rotamer_of
from jamun.populations.basins_table import basins
from jamun.populations.residues import (
    PeptideRuns,
    Pool,
    ResidueSettings,
    choose_lag,
    peptide_weights,
    step_results,
    weights_by,
)
from jamun.populations.steps import STEPS, steps_of

HELICAL, EXTENDED = np.radians(-40.0), np.radians(140.0)


def chain(generator, chances, start, frames):
    """States (frames,) of a two-state chain; chances to leave each state in a frame."""
    states = np.empty(frames, dtype=np.int64)
    state = start
    uniform = generator.random(frames)
    for frame in range(frames):
        if uniform[frame] < chances[state]:
            state = 1 - state
        states[frame] = state
    return states


def peptide(generator, name, sequence, chances, starts, frames, positive=0.0):
    """Runs whose psi are chains; `positive` of the frames of the last residue are at positive phi, in one run."""
    torsions = [Torsion(kind, place, residue) for place, residue in enumerate(sequence, 1) for kind in ("phi", "psi")]
    runs = []
    for number, start in enumerate(starts):
        angles = np.empty((frames, len(torsions)))
        for place in range(len(sequence)):
            states = chain(generator, chances, start, frames)
            angles[:, 2 * place] = np.radians(-70.0) + 0.1 * generator.standard_normal(frames)
            angles[:, 2 * place + 1] = np.where(states == 1, HELICAL, EXTENDED) + 0.1 * generator.standard_normal(
                frames
            )
        if positive and number == 0:
            angles[: round(positive * frames), -2] = np.radians(55.0)
        runs.append(angles)
    return PeptideRuns(name, torsions, runs, 1.0)


def helical_share(one, weights, place=0):
    psi = np.concatenate([run[:, 2 * place + 1] for run in one.runs])
    return np.average(is_helical(np.full_like(psi, -1.0), psi), weights=np.concatenate(weights))


def test_basins_and_rotamers_by_their_angles():
    degrees = np.radians([-60.0, 60.0, 170.0, -170.0, 0.0])
    np.testing.assert_array_equal(is_positive(degrees), [False, True, False, False, False])
    assert is_helical(np.radians(-60.0), np.radians(-45.0))
    assert not is_helical(np.radians(-60.0), np.radians(140.0))
    # of positive phi the mirror image
    assert is_helical(np.radians(60.0), np.radians(45.0))
    assert is_helical(np.radians(60.0), np.radians(100.0))
    assert not is_helical(np.radians(60.0), np.radians(-140.0))
    np.testing.assert_array_equal(rotamer_of(np.radians([60.0, 180.0, -179.0, -60.0])), [0, 1, 1, 2])


def test_weights_take_the_starts_out_whichever_they_are():
    """Truth: 0.01 / (0.01 + 0.03) = 25 % helical. Runs are as long as three relaxation times."""
    found, plains = {}, []
    for start in (0, 1):
        one = peptide(np.random.default_rng(start), "AA", ["ALA", "SER"], (0.003, 0.009), [start] * 60, 100)
        weights, results = peptide_weights(one, Pool(5.0), ResidueSettings(lag=5.0, smallest=1e-3, largest=1e3))
        plain = helical_share(one, [np.ones(len(run)) for run in one.runs])
        found[start] = helical_share(one, weights)
        plains.append(plain)
        assert abs(found[start] - 0.25) < 0.08
        helical = next(result for result in results if result.step == "helical" and result.place == 1)
        assert helical.low[1] < 0.25 < helical.high[1]
        assert np.concatenate(weights).mean() == pytest.approx(1)
    assert plains[1] - plains[0] > 0.3
    assert abs(found[0] - found[1]) < 0.12


def test_every_step_of_a_residue_is_there():
    torsions = [Torsion(*one) for one in [("phi", 1, "GLY"), ("psi", 1, "GLY"), ("phi", 2, "PRO"), ("psi", 2, "PRO")]]
    torsions += [
        Torsion(*one) for one in [("chi1", 2, "PRO"), ("phi", 3, "VAL"), ("psi", 3, "VAL"), ("chi1", 3, "VAL")]
    ]
    states = residue_states(torsions, [np.zeros((5, len(torsions)))])
    assert [(step.residue.place, step.name) for step in steps_of(states)] == [
        (1, "phi > 0"),
        (1, "helical"),
        (2, "helical"),
        (3, "phi > 0"),
        (3, "helical"),
        (3, "chi1"),
    ]
    assert states[0].before_proline
    assert not states[1].before_proline


def test_a_d_residue_has_the_steps_of_its_mirror_image():
    kinds = ("phi", "psi", "chi1")
    torsions = [Torsion(kind, place, name) for place, name in ((1, "SER"), (2, "ALA")) for kind in kinds[: 4 - place]]
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, (500, 5))
    left = residue_states(torsions, [angles])
    right = residue_states(torsions, [-angles], frozenset({1, 2}))
    mixed = residue_states(torsions, [angles * [-1, -1, -1, 1, 1]], frozenset({1}))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one.positive[0], other.positive[0])
        np.testing.assert_array_equal(one.helical[0], other.helical[0])
    # Rotamers keep the sign that they are named by.
    np.testing.assert_array_equal(right[0].rotamer[0], 2 - left[0].rotamer[0])
    np.testing.assert_array_equal(mixed[0].helical[0], left[0].helical[0])
    assert [one.mirrored for one in mixed] == [True, False]
    # What is known of L residues says nothing of D residues.
    of_left, of_right = ({key for step in steps_of(own) for key in step.levels} for own in (left, right))
    assert not of_left & of_right


def test_ends_without_caps_have_the_steps_that_turn():
    kinds = (("psi", 1, "ALA"), ("phi", 2, "PRO"), ("psi", 2, "PRO"), ("phi", 3, "SER"), ("chi1", 3, "SER"))
    torsions = [Torsion(*one) for one in kinds]
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, (200, 5))
    own = PeptideRuns("APS", torsions, [angles], 1.0)
    assert [(step.residue.place, step.name) for step in own.steps] == [
        (1, "helical"),
        (2, "helical"),
        (3, "phi > 0"),
        (3, "chi1"),
    ]
    results = step_results(own, Pool(2.0), ResidueSettings(lag=2.0))
    found = [(one["place"], one["basin"]) for one in basins(results, 300.0)]
    assert found == [(1, "extended"), (1, "helical"), (2, "extended"), (2, "helical"), (3, "phi < 0"), (3, "phi > 0")]
    psi = angles[:, 0]
    assert results[0].share[1] == pytest.approx(np.mean((psi > np.radians(-120)) & (psi < np.radians(50))))


def test_the_pool_tells_what_a_peptide_does_not_know():
    """A peptide that stayed extended throughout, of residues that are mostly helical in other peptides."""
    generator = np.random.default_rng(0)
    others = [peptide(generator, str(n), ["ALA", "ALA"], (0.03, 0.01), [n % 2], 4000) for n in range(4)]
    alone = peptide(generator, "AA", ["ALA", "ALA"], (0.0, 0.0), [0], 100)
    alone.runs[0][:2, 1] = HELICAL  # two frames only, and no way there
    settings = ResidueSettings(lag=5.0)
    helical = {}
    for name, pool in (("none", Pool(5.0)), ("others", Pool.of(others, 5.0))):
        result = next(r for r in step_results(alone, pool, settings) if r.place == 1 and r.step == "helical")
        helical[name] = result.population[1]
    assert helical["none"] < 0.2
    assert helical["others"] > 0.4


def test_positive_phi_that_was_never_left_is_told_and_keeps_a_wide_interval():
    one = peptide(np.random.default_rng(0), "AA", ["ALA", "ALA"], (0.02, 0.02), [0] * 8, 200, positive=1.0)
    result = next(
        r for r in step_results(one, Pool(5.0), ResidueSettings(lag=5.0)) if r.place == 2 and r.step == "phi > 0"
    )
    assert result.transitions == 0
    assert result.one_way
    assert result.share[1] == pytest.approx(1 / 8)
    assert result.low[1] < 0.05
    assert result.high[1] > 0.3


def test_samples_say_what_runs_do_not_and_get_weights_too():
    generator = np.random.default_rng(0)
    md = peptide(generator, "A", ["ALA"], (0.0, 0.0), [0] * 10 + [1] * 10, 100)
    samples = peptide(generator, "A", ["ALA"], (0.5, 0.5), [0], 1000)
    samples.runs[0][:, 1] = np.where(np.arange(1000) < 900, EXTENDED, HELICAL)
    settings = ResidueSettings(lag=5.0, strength=1.0)
    results = step_results(md, Pool(5.0), settings, samples)
    helical = next(result for result in results if result.step == "helical")
    assert 0.05 < helical.population[1] < 0.3  # 10 % of the samples, 50 % of the runs' frames
    for frames in (md, samples):
        assert helical_share(frames, weights_by(frames, results, settings)) == pytest.approx(
            helical.population[1], abs=0.01
        )


def of_states(codes, sizes=(2, 2, 3, 2, 2)):
    """Torsions of Phe-Ala whose slow steps have these states: one number (F,) for all of phi, psi, chi1 of Phe, phi and
    psi of Ala."""
    states = np.stack(np.unravel_index(codes, sizes), -1)
    near = np.where(states[:, [0, 3]] == 1, np.radians(55.0), np.radians(-70.0))
    psi = np.where(states[:, [1, 4]] == 1, HELICAL, EXTENDED) * np.where(states[:, [0, 3]] == 1, -1, 1)
    chi1 = np.radians(60.0 + 120.0 * states[:, 2])
    return np.stack([near[:, 0], psi[:, 0], chi1, near[:, 1], psi[:, 1]], -1)


def test_steps_that_hold_each_other_settle():
    """100 runs of FA in implicit solvent, 98 ps each, a frame each 0.5 ps, and the states of 1,500 samples. Chi1 of Phe
    hardly turns, psi follows it: steps of full length go from one end to the other. In 213 ns of MD Phe is helical in
    28 to 39 %, Ala in 57 to 63 % at negative phi."""
    with np.load(Path(__file__).parent / "short_runs_of_FA.npz") as file:
        runs = [of_states(run) for run in file["md"]]
        samples = of_states(np.repeat(np.arange(48), file["samples"]))
    kinds = (("phi", 1), ("psi", 1), ("chi1", 1), ("phi", 2), ("psi", 2))
    torsions = [Torsion(kind, place, "PHE" if place == 1 else "ALA") for kind, place in kinds]
    md = PeptideRuns("FA", torsions, runs, 0.5)
    settings = ResidueSettings(lag=16.0, strength=0.5, smallest=0.0, largest=1e6)
    results = step_results(md, Pool(16.0), settings, PeptideRuns("FA", torsions, [samples], 1.0))
    weights = np.concatenate(weights_by(md, results, settings))
    helical = {result.place: result.population[1] for result in results if result.step == "helical"}
    assert 0.25 < helical[1] < 0.45
    assert 0.55 < helical[2] < 0.7
    assert weights.sum() ** 2 / np.square(weights).sum() > 0.4 * len(weights)


def test_what_samples_say_counts_by_their_error():
    generator = np.random.default_rng(0)
    md = peptide(generator, "A", ["ALA"], (0.01, 0.01), [0, 1] * 5, 200)
    samples = peptide(generator, "A", ["ALA"], (0.5, 0.5), [0], 1000)
    samples.runs[0][:, 1] = np.where(np.arange(1000) < 800, EXTENDED, HELICAL)
    found = []
    for error in (0.01, 1.0, 20.0):
        settings = ResidueSettings(lag=5.0, strength=0.5, model_error=dict.fromkeys(STEPS, error))
        results = step_results(md, Pool(5.0), settings, samples)
        found.append(next(result for result in results if result.step == "helical"))
    sure, some, none = (result.population[1] for result in found)
    assert sure == pytest.approx(0.2, abs=0.005)
    assert sure < some < none
    assert found[0].error < found[1].error < found[2].error


def test_a_state_that_nothing_was_seen_in_has_an_interval():
    generator = np.random.default_rng(0)
    md = peptide(generator, "A", ["ALA"], (0.1, 0.1), [0, 1] * 5, 200)
    upper = []
    for count in (150, 1500, 15_000):
        samples = peptide(generator, "A", ["ALA"], (0.5, 0.5), [0], count)
        settings = ResidueSettings(lag=5.0, strength=0.5, n_samples=4000, model_error=dict.fromkeys(STEPS, 2.0))
        results = step_results(md, Pool(5.0), settings, samples)
        phi = next(result for result in results if result.step == "phi > 0")
        assert phi.population.sum() == pytest.approx(1)
        np.testing.assert_allclose(phi.samples.sum(1), 1)
        # Half a visit, with the error of the model and that of counting it.
        assert phi.population[1] == pytest.approx(0.5 / count, rel=0.02)
        assert phi.high[1] == pytest.approx(0.5 / count * np.exp(1.96 * 2), rel=0.25)
        upper.append(phi.high[1])
        assert phi.error == 0  # which no MD can make smaller
        assert np.concatenate(weights_by(md, results, settings)).mean() == pytest.approx(1)
    assert upper[0] > upper[1] > upper[2]
    # Without samples there is nothing that could tell of it.
    alone = step_results(md, Pool(5.0), settings)
    assert next(result for result in alone if result.step == "phi > 0").high[1] == 0


def test_joint_draws_have_the_errors_of_steps_that_hold_each_other():
    """Residue 2 is helical where residue 1 is, which never crosses: alone it looks as sure as its crossings say."""
    generator = np.random.default_rng(0)
    runs = []
    for start in [0, 1] * 6:
        second = chain(generator, (0.02, 0.2) if start == 0 else (0.2, 0.02), start, 400)
        psi = np.where(np.stack([np.full(400, start), second], 1) == 1, HELICAL, EXTENDED)
        runs.append(np.stack([np.full(400, -1.2), psi[:, 0], np.full(400, -1.2), psi[:, 1]], 1))
    torsions = [Torsion(kind, place, "ALA") for place in (1, 2) for kind in ("phi", "psi")]
    md = PeptideRuns("AA", torsions, runs, 1.0)
    found = {}
    for joint in (False, True):
        settings = ResidueSettings(lag=2.0, strength=0.5, model_error=dict.fromkeys(STEPS, 1.0), joint=joint)
        results = step_results(md, Pool(2.0), settings, md)
        found[joint] = {result.place: result for result in results if result.step == "helical"}
    assert found[True][2].error > 2 * found[False][2].error
    assert found[True][1].error == pytest.approx(found[False][1].error, rel=0.4)
    first, second = (found[True][place].samples[:, 1] for place in (1, 2))
    assert np.corrcoef(first, second)[0, 1] > 0.4
    for result in found[True].values():
        assert result.low[1] < result.population[1] < result.high[1]


def test_the_lag_is_the_shortest_with_converged_timescales():
    """Recrossings within 4 frames of a crossing make short lags too fast."""
    generator = np.random.default_rng(0)
    one = peptide(generator, "A", ["ALA"], (0.004, 0.004), [0] * 40, 1000)
    lag, times = choose_lag(one, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    assert lag == 1.0
    assert times["ALA1 helical"][0] == pytest.approx(-1 / np.log(1 - 0.008), rel=0.25)
    rng = np.random.default_rng(1)
    again = replace(one, runs=[run.copy() for run in one.runs])
    for run in again.runs:
        noisy = rng.random(len(run)) < 0.1
        run[noisy, 1] = HELICAL + EXTENDED - run[noisy, 1]
    assert choose_lag(again, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])[0] > 4.0
