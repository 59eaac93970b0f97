"""TICA and JS distances along its components against SciPy alone."""

import numpy as np
import pytest
from deeptime.decomposition import TICA
from scipy.linalg import eigh, subspace_angles
from scipy.spatial.distance import jensenshannon

from jamun.evaluation.runs import Points, cut_into_runs
from jamun.evaluation.tica import TICAError, component_js, features, fit_tica

LAG = 5


def walk(frames, torsions=3, seed=0, phi=(0.99, 0.9, 0.7)):
    """Torsions (frames, torsions) that move as autoregressive processes of different memory."""
    rng = np.random.default_rng(seed)
    angles = np.zeros((frames, torsions))
    kicks = rng.normal(size=angles.shape) * np.sqrt(1 - np.square(phi[:torsions]))
    for frame in range(1, frames):
        angles[frame] = angles[frame - 1] * phi[:torsions] + kicks[frame]
    return angles


def scipy_tica(replicas, lag):
    """Eigenvalues, largest first, and eigenvectors of C(lag) w = eigenvalue C(0) w, written out."""
    early = np.concatenate([features(part)[:-lag] for part in replicas])
    late = np.concatenate([features(part)[lag:] for part in replicas])
    mean = (early + late).mean(0) / 2
    early, late = early - mean, late - mean
    instantaneous = early.T @ early + late.T @ late
    lagged = early.T @ late + late.T @ early
    values, vectors = eigh(lagged, instantaneous)
    return values[::-1], vectors[:, ::-1], mean


def test_a_generalised_eigenproblem_of_scipy_agrees():
    replicas = [walk(4000, seed=1), walk(2500, seed=2)]
    values, vectors, mean = scipy_tica(replicas, LAG)
    projection = fit_tica(replicas, LAG)
    np.testing.assert_allclose(projection.eigenvalues, values, atol=1e-6)
    np.testing.assert_allclose(projection.mean, mean, atol=1e-9)
    for count in (1, 2):
        assert subspace_angles(projection.weights[:, :count], vectors[:, :count]).max() < 1e-6
    np.testing.assert_allclose(projection.timescales[0], -LAG / np.log(values[0]), rtol=1e-5)
    assert projection.pairs == 6500 - 2 * LAG


def test_the_projection_is_that_of_deeptime_up_to_signs():
    replicas = [walk(3000, seed=1)]
    model = TICA(lagtime=LAG, scaling="kinetic_map").fit_fetch([features(part) for part in replicas])
    ours, theirs = fit_tica(replicas, LAG)(replicas[0]), model.transform(features(replicas[0]))
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours, theirs * signs, atol=1e-6)


def test_replicas_are_not_joined():
    replicas = [walk(300, seed=1) + 0.5, walk(200, seed=2) - 0.5]
    apart, joined = fit_tica(replicas, LAG), fit_tica([np.concatenate(replicas)], LAG)
    np.testing.assert_allclose(apart.eigenvalues, scipy_tica(replicas, LAG)[0], atol=1e-6)
    assert abs(apart.eigenvalues[0] - joined.eigenvalues[0]) > 1e-5
    with_a_stub = fit_tica([*replicas, walk(LAG, seed=3)], LAG)
    np.testing.assert_allclose(with_a_stub.eigenvalues, apart.eigenvalues)


@pytest.mark.parametrize(
    ("replicas", "words"),
    [
        ([walk(80)], "fewer than the 100"),
        ([walk(8, seed=seed) for seed in range(20)], "not longer than twice the lag"),
        ([np.zeros((200, 0))], "no torsion"),
        ([np.full((200, 3), 0.7)], "do not move"),
    ],
    ids=["few frames", "short replicas", "no torsion", "frozen"],
)
def test_too_little_says_why(replicas, words):
    with pytest.raises(TICAError, match=words):
        fit_tica(replicas, LAG, minimum_frames=100)


@pytest.mark.parametrize("axes", [1, 2])
def test_js_is_that_of_scipy(axes):
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(3000, axes)), rng.normal(0.4, 1.3, size=(2000, axes))
    bins = {1: 100, 2: 50}[axes]
    ranges = [(min(a.min(), b.min()), max(a.max(), b.max())) for a, b in zip(first.T, second.T, strict=True)]
    expected = jensenshannon(
        *(np.histogramdd(points, bins=[bins] * axes, range=ranges)[0].ravel() for points in (first, second))
    )
    first, second = (
        Points(points, cut_into_runs(chains))
        for points, chains in ((first, np.zeros(3000, int)), (second, np.arange(2000) % 10))
    )
    found, edges = component_js(first, second, bins)
    assert found["value"] == pytest.approx(expected, abs=1e-6)
    assert found["low"] < found["value"] < found["high"]
    assert found["count"] == 10
    assert len(edges) == axes
    assert component_js(first, first, bins)[0]["value"] == 0
