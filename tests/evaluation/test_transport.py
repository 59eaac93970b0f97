"""2-Wasserstein distances that are known, and an assignment by SciPy."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from jamun.config.evaluation import DynamicsSettings
from jamun.evaluation.runs import Points, cut_into_runs
from jamun.evaluation.transport import euclidean_cost, torsion_cost, transport_distance, wasserstein

OPTIONS = DynamicsSettings(transport_frames=2000, transport_repeats=5)


def of(points, weights=None):
    return Points(points, cut_into_runs(np.zeros(len(points), int)), weights)


def test_a_shift_is_its_own_distance():
    points = np.random.default_rng(0).normal(size=(300, 2))
    moved = points + np.array([3.0, -4.0])
    found = transport_distance(of(points), of(moved), euclidean_cost, OPTIONS)
    assert found["value"] == pytest.approx(5.0)
    assert found["low"] < 5 < found["high"]
    assert found["frames"] == [300, 300]
    assert found["count"] == 20


def test_torsions_go_the_short_way_round():
    cost = torsion_cost(np.array([[np.pi - 0.1, 0.0]]), np.array([[-np.pi + 0.1, 0.3], [np.pi - 0.1 + 4 * np.pi, 0.0]]))
    np.testing.assert_allclose(cost, [[0.2**2 + 0.3**2, 0]], atol=1e-12)
    angles = np.random.default_rng(1).normal(np.pi, 0.2, size=(200, 3))
    wrapped = (angles + np.pi) % (2 * np.pi) - np.pi
    assert wasserstein(torsion_cost(wrapped, wrapped + 0.1)) == pytest.approx(0.1 * np.sqrt(3))
    assert torsion_cost(angles, -angles).max() <= 3 * np.pi**2 + 1e-9


def test_an_assignment_of_scipy_agrees():
    rng = np.random.default_rng(2)
    first, second = rng.uniform(-np.pi, np.pi, size=(2, 150, 5))
    cost = torsion_cost(first, second)
    apart = np.angle(np.exp(1j * (first[:, None] - second)))
    np.testing.assert_allclose(cost, (apart**2).sum(-1), atol=1e-9)
    rows, columns = linear_sum_assignment(cost)
    assert wasserstein(cost) == pytest.approx(np.sqrt(cost[rows, columns].mean()), rel=1e-6)


def test_sets_of_different_size():
    assert wasserstein(euclidean_cost(np.array([[0.0]]), np.array([[1.0], [-1.0], [2.0]]))) == pytest.approx(np.sqrt(2))


def test_an_ensemble_with_itself_is_zero_and_its_halves_are_not():
    points = np.random.default_rng(3).normal(size=(1000, 2))
    options = DynamicsSettings(transport_frames=300, transport_repeats=5)
    itself = transport_distance(of(points), of(points), euclidean_cost, options)
    assert itself["value"] == pytest.approx(0, abs=1e-7)
    assert itself["frames"] == [300, 300]
    halves = transport_distance(of(points[:500]), of(points[500:]), euclidean_cost, options)
    assert 0 < halves["low"] < halves["value"] < 0.5
    again = transport_distance(of(points[:500]), of(points[500:]), euclidean_cost, options)
    assert again == halves
