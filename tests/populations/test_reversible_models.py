"""Populations of Markov models: against exact answers, deeptime, and potentials whose populations are known."""

import numpy as np
import pytest
from deeptime.markov.msm import MaximumLikelihoodMSM

from jamun.populations.markov import (
    Expected,
    count_transitions,
    expected_prior,
    rate_prior,
    reversible_populations,
    sample_populations,
    timescale,
)

# 5 (x^2 - 1)^2 + 0.6 x in kT, and three wells about -2, 0 and 2; forces by hand.
WELLS = {
    "two": ((5.0, 0.6, -10.0, 0.0, 5.0), (0.0,), (-1.0, 1.0), (0.2, 0.8)),
    "three": ((0.0, 0.35, 4.4, 0.0, -2.2, 0.0, 0.275), (-1.15, 1.15), (-2.0, 0.0, 2.0), (0.2, 0.2, 0.6)),
}


def known_populations(coefficients, borders):
    x = np.linspace(-3.5, 3.5, 7001)
    energy = np.polynomial.polynomial.polyval(x, coefficients)
    sums = np.bincount(np.digitize(x, borders), np.exp(energy.min() - energy))
    return sums / sums.sum()


def walks(name, repeats, walkers, frames, seed):
    """Wells (repeats, walkers, frames) of overdamped Langevin walkers, a frame each 0.01, from wrong starts; without
    the first 30 frames, in which they leave the bottoms of their wells."""
    coefficients, borders, centres, starts = WELLS[name]
    generator = np.random.default_rng(seed)
    slope = np.polynomial.polynomial.polyder(coefficients)
    x = np.array(centres)[generator.choice(len(centres), (repeats, walkers), p=starts)]
    found = np.empty((repeats, walkers, frames), dtype=np.int64)
    for frame in range(-30, frames):
        for _ in range(5):
            force = -np.polynomial.polynomial.polyval(x, slope)
            x = x + 2e-3 * force + np.sqrt(4e-3) * generator.standard_normal(x.shape)
        if frame >= 0:
            found[:, :, frame] = np.digitize(x, borders)
    return found


def random_counts(generator, models, states):
    counts = generator.gamma(0.3, 1.0, (models, states, states)) + 1e-3
    return counts + np.eye(states) * generator.gamma(1.0, 100.0, (models, states, 1))


@pytest.mark.parametrize("states", [2, 3, 6, 20])
def test_populations_are_those_of_the_most_likely_reversible_model(states):
    counts = random_counts(np.random.default_rng(states), 5, states)
    found = reversible_populations(counts)
    for own, model in zip(found, counts, strict=True):
        exact = MaximumLikelihoodMSM(reversible=True, maxerr=1e-13).fit_fetch(model).stationary_distribution
        np.testing.assert_allclose(own, exact, atol=1e-4)  # deeptime ends its iteration there where rates are low
        np.testing.assert_allclose(reversible_populations(model), own, rtol=1e-6)


def test_a_transition_matrix_in_detailed_balance_gives_its_populations_back():
    generator = np.random.default_rng(0)
    flux = generator.gamma(0.5, 1.0, (8, 8))
    flux = flux + flux.T
    populations = flux.sum(1) / flux.sum()
    np.testing.assert_allclose(reversible_populations(1000 * flux), populations, atol=1e-8)


def test_those_who_stay_do_not_hide_those_who_cross():
    """A prior may hold 1e10 of a heavily biased state, and its populations 1e-9 of another."""
    counts = np.array([[40.0, 0.5, 0.0], [0.15, 1e10, 0.35], [0.0, 0.5, 120.0]])
    found = reversible_populations(counts, Expected(np.array([1.5e-9, 1.0, 3.4e-9]), np.full(3, 0.75)))
    assert found[[0, 2]] == pytest.approx([1.5e-9, 3.5e-9], rel=0.3)
    # of two, and nothing expected, the ratio of the rates: 0.5 / 40.5 and 0.2 / (1e10 + 0.2)
    first, second = reversible_populations(np.array([[40.0, 0.5], [0.2, 1e10]]))
    assert first / second == pytest.approx(0.2 / 1e10 * 40.5 / 0.5, rel=1e-6)


def test_two_states_have_the_ratio_of_their_rates():
    counts = np.array([[1413.0, 3.0], [2.0, 70.0]])
    there, back = 3 / 1416, 2 / 72
    np.testing.assert_allclose(reversible_populations(counts), np.array([back, there]) / (there + back), atol=1e-9)


def test_the_posterior_of_two_states_is_that_of_two_beta_distributions():
    counts = np.array([[1413.0, 3.0], [2.0, 70.0]])
    drawn = sample_populations(counts, np.zeros((2, 2)), 20_000, 1).samples[:, 1]
    generator = np.random.default_rng(0)
    there, back = generator.beta(3, 1413, 20_000), generator.beta(2, 70, 20_000)
    exact = there / (there + back)
    # Of 20,000 draws a quantile is known to about 2 %.
    np.testing.assert_allclose(
        np.quantile(drawn, [0.025, 0.5, 0.975]), np.quantile(exact, [0.025, 0.5, 0.975]), rtol=0.08
    )


def test_draws_depend_on_the_seed_alone():
    counts = random_counts(np.random.default_rng(0), 1, 4)[0]
    first, again, other = (sample_populations(counts, np.zeros((4, 4)), 10, seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_states_that_are_not_connected_are_refused_and_those_without_counts_have_nothing():
    with pytest.raises(ValueError, match="connect"):
        reversible_populations(np.array([[5.0, 1, 0], [0, 5, 0], [0, 0, 5]]))
    np.testing.assert_allclose(
        reversible_populations(np.array([[5.0, 1, 0], [1, 5, 0], [0, 0, 0]])), [0.5, 0.5, 0], atol=1e-9
    )
    np.testing.assert_array_equal(reversible_populations(np.diag([0.0, 7.0])), [0, 1])


def test_one_crossing_counts_one_at_any_lag():
    run = np.repeat([0, 1], 500)
    for lag in (1, 10, 100):
        counts = count_transitions([run], 2, lag)
        assert counts[0, 1] == pytest.approx(1)
        assert counts.sum() == pytest.approx((1000 - lag) / lag)
    here = np.arange(1000) < 500
    assert count_transitions([run], 2, 10, [here])[0, 1] == 0
    assert count_transitions([run, run], 2, 10).sum() == pytest.approx(2 * 99)


def test_a_state_from_which_nothing_came_back_has_what_was_expected_and_a_wide_interval():
    counts = np.array([[400.0, 0.0], [0.0, 40.0]])  # two sides of a barrier, never crossed
    posterior = sample_populations(counts, expected_prior(counts, np.array([0.93, 0.07]), 1.0), 2000, 0)
    assert posterior.best[1] == pytest.approx(0.07, abs=0.03)
    low, high = np.percentile(posterior.samples[:, 1], [2.5, 97.5])
    assert low < 0.01
    assert high > 0.4


def test_many_crossings_make_light_of_what_was_expected():
    counts = np.array([[900.0, 100.0], [100.0, 900.0]])
    best = reversible_populations(counts + expected_prior(counts, np.array([0.99, 0.01]), 1.0))
    np.testing.assert_allclose(best, 0.5, atol=0.01)


def test_a_prior_of_rates_has_their_chances_and_so_many_transitions():
    counts = np.array([[90.0, 10.0], [1.0, 9.0]])
    prior = rate_prior(counts, 2.0)
    np.testing.assert_allclose(prior - np.diag(np.diag(prior)), [[0, 2], [2, 0]])
    np.testing.assert_allclose(prior / prior.sum(1, keepdims=True), counts / counts.sum(1, keepdims=True))


@pytest.mark.parametrize("crossings", [30.0, 300.0])
def test_what_is_expected_weighs_by_its_error(crossings):
    """Where all is nearly normal, the free energy is the mean of both, by their precisions, and so is its error."""
    counts = np.array([[20 * crossings, crossings], [crossings, 10 * crossings]])
    expected, error = np.array([0.5, 0.5]), 0.2
    of_counts = np.log(counts[0].sum() / counts[1].sum())
    variance = 2 / crossings
    precision = 1 / variance + 1 / error**2
    posterior = sample_populations(
        counts, np.zeros((2, 2)), 4000, 0, Expected(expected, np.full(2, error / np.sqrt(2)))
    )
    drawn = np.log(posterior.samples[:, 0] / posterior.samples[:, 1])
    assert drawn.mean() == pytest.approx(of_counts / variance / precision, abs=0.02)
    assert np.log(posterior.best[0] / posterior.best[1]) == pytest.approx(of_counts / variance / precision, abs=0.02)
    assert drawn.std() == pytest.approx(precision**-0.5, rel=0.06)


def test_samples_that_lack_a_state_hardly_say_how_rare_it_is():
    """Runs cross between two states that have 50 % each; no sample is in the second."""
    counts = np.array([[200.0, 20.0], [20.0, 200.0]])
    few, many = (
        sample_populations(counts, np.zeros((2, 2)), 2000, 0, Expected.of_samples(np.array([n, 0]), 1.0)).best[1]
        for n in (10, 100_000)
    )
    assert many < few
    assert few > 0.4
    assert many > 0.1


def test_what_is_expected_is_of_any_number_of_states():
    """A free energy is held by its own difference alone, whatever the number of states."""
    counts = np.diag([50.0, 50.0, 50.0]) + 1e-9
    expected = np.array([0.6, 0.3, 0.1])
    posterior = sample_populations(counts, np.zeros((3, 3)), 4000, 0, Expected(expected, np.full(3, 0.5 / np.sqrt(2))))
    np.testing.assert_allclose(posterior.best, expected, atol=1e-3)
    energies = np.log(posterior.samples)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (energies[:, one] - energies[:, other]).std() == pytest.approx(0.5, rel=0.05)


def test_timescales_are_those_of_a_known_chain():
    chances = np.array([[0.99, 0.01], [0.03, 0.97]])
    flux = np.array([0.75, 0.25])[:, None] * chances
    assert timescale(1e4 * flux, 2.0) == pytest.approx(-2.0 / np.log(0.96))
    assert timescale(np.diag([3.0, 4.0]), 1.0) == np.inf


@pytest.mark.parametrize("name", ["two", "three"])
def test_intervals_cover_known_populations_at_their_rate(name):
    """60 runs of 2 time units each, a tenth to half of which cross, from wells at wrong shares."""
    coefficients, borders, _, starts = WELLS[name]
    truth = known_populations(coefficients, borders)
    repeats, lag = 80, 20
    covered, errors, averages = [], [], []
    for runs in walks(name, repeats, 60, 200, seed=3):
        counts = count_transitions(list(runs), len(truth), lag)
        posterior = sample_populations(counts, expected_prior(counts, np.array(starts), 0.5), 200, 0)
        low, high = np.percentile(posterior.samples, [2.5, 97.5], axis=0)
        covered.append((low <= truth) & (truth <= high))
        errors.append(posterior.best - truth)
        averages.append(np.bincount(runs.ravel(), minlength=len(truth)) / runs.size - truth)
    # 95 %, give or take what 80 repeats allow (2.5 %) and what crossings within a lag cost
    assert 0.89 <= np.mean(covered) <= 0.995
    rms = [np.sqrt(np.square(values).mean()) for values in (errors, averages)]
    assert rms[0] < 0.6 * rms[1], rms
