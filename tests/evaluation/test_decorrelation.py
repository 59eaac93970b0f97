"""Autocorrelations against sums written out, and processes whose correlation is known."""

import numpy as np
import pytest

from jamun.evaluation.decorrelation import (
    curve_lags,
    decorrelation,
    effective_estimates,
    effective_samples,
    first_below,
    speed_up,
)
from jamun.evaluation.runs import cut_into_runs


def autoregressive(frames, phi, seed, chains=1):
    """(frames, chains) with variance 1 and autocorrelation phi^t, from its stationary distribution."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(frames, chains))
    for frame in range(1, frames):
        values[frame] = phi * values[frame - 1] + np.sqrt(1 - phi**2) * values[frame]
    return values


def interleaved(values):
    """Frames ordered by step, then by chain, as the sampler writes them, and their chains."""
    frames, chains = values.shape
    return values.ravel(), np.tile(np.arange(chains), frames)


def test_lag_sums_are_those_of_a_loop_and_cross_no_boundary():
    rng = np.random.default_rng(0)
    chains = rng.permutation(np.repeat([4, 0, 7], [30, 17, 1]))
    signal = rng.normal(size=48) + 1j * rng.normal(size=48)
    runs = cut_into_runs(chains)
    sums, pairs = runs.lag_sums(signal, 20), runs.pairs(20)
    for run, label in enumerate((0, 4, 7)):
        part = signal[chains == label]
        for lag in range(21):
            products = (part[: max(len(part) - lag, 0)].conj() * part[lag:]).real
            chosen = runs.run == run
            assert pairs[chosen, lag].sum() == len(products)
            assert sums[chosen, lag].sum() == pytest.approx(products.sum(), abs=1e-9)
    assert runs.lengths.tolist() == [17, 30, 1]
    assert runs.blocks == len(runs.starts) == 13  # six stretches of each, as many as there are frames in the third
    np.testing.assert_allclose(runs.piece_sums(signal).sum(), signal.sum())


def test_whole_chains_are_blocks_where_there_are_many():
    runs = cut_into_runs(np.tile(np.arange(40), 5))
    assert len(runs.starts) == 40
    assert runs.blocks == 20
    assert runs.piece_weights(0).sum(1).tolist() == [40] * 200
    assert np.bincount(runs.frame_blocks).tolist() == [10] * 20


def test_the_curve_is_mdgens_definition():
    angles = 0.8 * autoregressive(400, 0.9, 1)[:, 0]
    estimate, _, curve = decorrelation(angles, cut_into_runs(np.zeros(400, int)), 2.0, 0)
    baseline = np.sin(angles).mean() ** 2 + np.cos(angles).mean() ** 2
    expected = []
    for lag in curve_lags(200):
        early, late = angles[: 400 - lag], angles[lag:]
        moment = (np.sin(early) * np.sin(late) + np.cos(early) * np.cos(late)).mean()
        expected.append((moment - baseline) / (1 - baseline))
    np.testing.assert_allclose(curve["value"], expected, atol=1e-9)
    assert curve["value"][0] == pytest.approx(1)
    assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert estimate["count"] == 20


@pytest.mark.parametrize("chains", [1, 50])
def test_a_known_decorrelation_time(chains):
    # Angles that turn by independent normal steps of a wrapped walk: <cos(a_s - a_s+t)> = exp(-D t), baseline 0.
    rng = np.random.default_rng(4)
    steps = rng.normal(0, np.sqrt(2 / 20), size=(100_000 // chains, chains))
    angles, labels = interleaved(np.cumsum(steps, 0) + rng.uniform(0, 2 * np.pi, chains))
    wrapped = (angles + np.pi) % (2 * np.pi) - np.pi
    estimate, _, _ = decorrelation(wrapped, cut_into_runs(labels), 0.5, 0)
    assert estimate["value"] == pytest.approx(0.5 * 20, rel=0.1)
    assert estimate["low"] < 10 < estimate["high"]


def test_crossings():
    curves = np.array([[1, 0.5, 0.3, 0.9], [1, 0.9, 0.8, 0.7], [0.2, 0.1, 0.1, 0.1], [1, np.nan, 0.0, 0.0]])
    found = first_below(curves, 0.4)
    np.testing.assert_allclose(found[:3], [1.5, np.inf, 0])


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        (np.full(200, 0.3), "does not move"),
        (np.linspace(0, 1.0, 10), "no run has"),
    ],
)
def test_no_decorrelation_says_why(angles, words):
    estimate, resampled, curve = decorrelation(angles, cut_into_runs(np.zeros(len(angles), int)), 1.0, 0)
    assert estimate["value"] is None
    assert words in estimate["reason"]
    assert np.isinf(resampled).all()
    assert np.isnan(curve["value"]).all()


def test_a_torsion_that_differs_between_chains_only_never_decorrelates():
    angles, chains = interleaved(np.tile([0.0, 2.0] * 5, (60, 1)) + 0.1 * autoregressive(60, 0.1, 2, 10))
    estimate, _, _ = decorrelation(angles, cut_into_runs(chains), 1.0, 0)
    assert estimate["value"] is None
    assert "stays above 1/e up to 30 frames" in estimate["reason"]


@pytest.mark.parametrize(("phi", "chains"), [(0.9, 1), (0.9, 20), (0.5, 3), (0.0, 1)])
def test_effective_samples_of_an_autoregressive_process(phi, chains):
    signal, labels = interleaved(autoregressive(200_000 // chains, phi, 5, chains))
    runs = cut_into_runs(labels)
    by_run, resampled = effective_samples(signal, runs, 0)
    expected = len(signal) * (1 - phi) / (1 + phi)
    assert by_run.shape == (chains,)
    assert by_run.sum() == pytest.approx(expected, rel=0.1)
    estimate = effective_estimates(by_run, resampled, runs.blocks, 100.0, "unknown")
    assert estimate["samples"]["low"] < estimate["samples"]["value"] < estimate["samples"]["high"]
    assert estimate["per_second"]["value"] == pytest.approx(by_run.sum() / 100)


def test_a_chain_that_stays_in_one_place_counts_once():
    values = np.tile([1.0, -1.0] * 5, (200, 1)) + 0.01 * autoregressive(200, 0.0, 6, 10)
    signal, labels = interleaved(values)
    by_run, _ = effective_samples(signal, cut_into_runs(labels), 0)
    np.testing.assert_allclose(by_run, 1, atol=0.05)


def test_effective_samples_need_frames_and_motion():
    runs = cut_into_runs(np.zeros(10, int))
    by_run, resampled = effective_samples(np.arange(10.0), runs, 0)
    estimate = effective_estimates(by_run, resampled, runs.blocks, 1.0, "unknown")
    assert estimate["samples"]["value"] is estimate["per_second"]["value"] is None
    assert "no run has 20 frames" in estimate["samples"]["reason"]
    runs = cut_into_runs(np.zeros(50, int))
    by_run, resampled = effective_samples(np.ones(50), runs, 0)
    assert effective_estimates(by_run, resampled, runs.blocks, 1.0, "x")["samples"]["value"] is None


def test_speed_up_is_the_ratio_or_says_why_not():
    estimates, draws = [], []
    for phi, seed in ((0.5, 7), (0.9, 8)):
        signal, labels = interleaved(autoregressive(20_000, phi, seed))
        runs = cut_into_runs(labels)
        by_run, drawn = effective_samples(signal, runs, seed)
        estimates.append(effective_estimates(by_run, drawn, runs.blocks, 10.0, "not recorded"))
        draws.append(drawn)
    ratio = speed_up(estimates[0], draws[0], estimates[1], draws[1])
    assert ratio["value"] == pytest.approx(estimates[0]["per_second"]["value"] / estimates[1]["per_second"]["value"])
    assert ratio["low"] < (1 / 3) / (0.1 / 1.9) < ratio["high"]
    untimed = effective_estimates(by_run, drawn, runs.blocks, None, "not recorded")
    assert untimed["samples"]["value"] is not None
    nothing = speed_up(estimates[0], draws[0], untimed, draws[1])
    assert nothing["value"] is None
    assert nothing["reason"] == "MD: not recorded"
