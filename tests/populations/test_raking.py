"""Weights that give several populations at once."""

import numpy as np

from jamun.data.weights import bounded
from jamun.populations.raking import Wanted, rake, shares_of


def test_weights_give_all_wanted_populations():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 2, 5000)
    second = (generator.random(5000) < 0.2 + 0.6 * first).astype(int)  # goes with the first
    every = np.arange(5000)
    near = np.flatnonzero(first == 0)
    wanted = [
        Wanted(every, first, np.array([0.9, 0.1])),
        Wanted(every, second, np.array([0.4, 0.6])),
        Wanted(near, second[near], np.array([0.35, 0.65])),
    ]
    weights = rake(wanted, np.ones(5000))
    assert weights.mean() == np.float64(1) or abs(weights.mean() - 1) < 1e-12
    for one in wanted:
        np.testing.assert_allclose(shares_of(one.states, 2, weights[one.frames]), one.populations, atol=2e-3)


def test_frames_of_a_state_weigh_alike_and_states_without_frames_give_theirs_to_others():
    states = np.array([0, 0, 0, 2])
    weights = rake([Wanted(np.arange(4), states, np.array([0.3, 0.4, 0.3]))], np.ones(4))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2.0])


def test_shares_that_are_right_change_nothing():
    states = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(rake([Wanted(np.arange(4), states, np.array([0.5, 0.5]))], np.ones(4)), 1)


def test_bounds_hold_and_the_mean_stays_one():
    weights = bounded(np.array([0.0, 1e-3, 1.0, 100.0] * 25), 0.1, 3.0)
    assert abs(weights.mean() - 1) < 1e-9
    assert weights.min() > 0.09
    assert weights.max() < 3.1


def test_shares_that_no_weights_have_end_between_them():
    """Two steps that always change at once, and different populations asked of them."""
    states = np.repeat([0, 1], [700, 300])
    every = np.arange(1000)
    wanted = [Wanted(every, states, np.array([0.4, 0.6])), Wanted(every, states, np.array([0.5, 0.5]))]
    weights = rake(wanted, np.ones(1000))
    assert np.isfinite(weights).all()
    assert 0.4 - 1e-9 <= shares_of(states, 2, weights)[0] <= 0.5 + 1e-9
