"""Distances and intervals against definitions and known answers."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from jamun.evaluation.bootstrap import block_weights, blocks_of_chains, centred
from jamun.evaluation.js import JS_MAX, histograms, js_distance, pair_histograms


@pytest.fixture
def angles():
    return np.random.default_rng(0).vonmises(0.5, 2.0, size=(5000, 3))


def test_a_set_with_itself_is_zero_and_disjoint_sets_are_at_the_bound(angles):
    counts = histograms(angles, 100)
    assert np.array_equal(js_distance(counts, counts), np.zeros(3))
    assert js_distance(np.array([1, 0]), np.array([0, 7])) == pytest.approx(math.sqrt(math.log(2)), abs=1e-12)
    assert pytest.approx(0.8325546) == JS_MAX


def test_equals_scipy_and_numpy_histograms(angles):
    other = np.random.default_rng(1).vonmises(-0.5, 1.0, size=(3000, 3))
    counts, other_counts = histograms(angles, 100), histograms(other, 100)
    pairs = np.array([(0, 1), (2, 0)])
    ours_2d = js_distance(pair_histograms(angles, pairs, 50), pair_histograms(other, pairs, 50), dims=2)
    ours = js_distance(counts, other_counts)
    for k in range(3):
        edges = np.linspace(-np.pi, np.pi, 101)
        p, q = np.histogram(angles[:, k], edges)[0], np.histogram(other[:, k], edges)[0]
        np.testing.assert_array_equal(counts[k], p)
        assert ours[k] == pytest.approx(jensenshannon(p, q), abs=1e-12)
        middle = (p / p.sum() + q / q.sum()) / 2
        divergence = sum(
            0.5 * x * np.log(x / m) for d in (p / p.sum(), q / q.sum()) for x, m in zip(d, middle, strict=True) if x > 0
        )
        assert ours[k] == pytest.approx(math.sqrt(divergence), abs=1e-9)
    edges = np.linspace(-np.pi, np.pi, 51)
    for k, (first, second) in enumerate(pairs):
        p = np.histogram2d(angles[:, first], angles[:, second], (edges, edges))[0]
        q = np.histogram2d(other[:, first], other[:, second], (edges, edges))[0]
        assert ours_2d[k] == pytest.approx(jensenshannon(p.ravel(), q.ravel()), abs=1e-12)


def test_pi_is_in_the_last_bin():
    assert histograms(np.array([[np.pi], [-np.pi]]), 10)[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_an_empty_histogram_has_no_distance():
    assert np.isnan(js_distance(np.zeros(5), np.ones(5)))


def test_blocks_keep_chains_whole():
    chains = np.repeat(np.arange(40), 7)
    blocks = blocks_of_chains(chains)
    assert len(np.unique(blocks)) == 20
    assert all(len(np.unique(blocks[chains == chain])) == 1 for chain in range(40))
    one = blocks_of_chains(np.zeros(1000, dtype=int))
    assert len(np.unique(one)) == 20
    assert (np.diff(one) >= 0).all()


def test_interval_covers_the_truth_as_often_as_it_says():
    # Two samples of one distribution against a far one; the true distance is known from the probabilities.
    generator = np.random.default_rng(3)
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    truth = float(js_distance(p, q))
    covered = 0
    for trial in range(200):
        first, second = generator.multinomial(200, p, size=20), generator.multinomial(200, q, size=20)
        value = float(js_distance(first.sum(0), second.sum(0)))
        resampled = js_distance(block_weights(20, trial) @ first, block_weights(20, trial + 999) @ second)
        found = centred(value, resampled, 1)
        covered += found["low"] <= truth <= found["high"]
    # Intervals that always cover are as wrong as those that seldom do.
    assert 0.87 <= covered / 200 <= 0.99


def test_interval_of_nothing():
    assert centred(float("nan"), np.array([np.nan]), 0)["value"] is None
