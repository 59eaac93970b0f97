"""TICA of the reference MD's torsions, and JS distances along its slowest components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from deeptime.decomposition import TICA

from jamun.evaluation.js import block_weights, interval, js_distance
from jamun.evaluation.msm.model import features
from jamun.evaluation.runs import Runs

# Components whose time scales are reported.
KEPT = 5
# Features that vary less than this in all, in units of the circle's radius, do not move.
_LEAST_VARIANCE = 1e-8


class TICAError(ValueError):
    """Data from which no TICA can be made; the message is one sentence."""


@dataclass(frozen=True)
class Projection:
    """Slow components of torsions: (features(torsions) - mean) @ weights.

    mean (2K,), weights (2K, d) in kinetic-map scaling: each component's variance in the reference is the square of its
    eigenvalue, so that distances count slow motion. eigenvalues (d,) are autocorrelations at `lag` frames, largest
    first; `pairs` is the number of pairs of frames that they were estimated from.
    """

    mean: np.ndarray
    weights: np.ndarray
    eigenvalues: np.ndarray
    lag: int
    pairs: int

    def __call__(self, torsions: np.ndarray) -> np.ndarray:
        """Components (F, d) of torsions (F, K) in radians."""
        return (features(torsions) - self.mean) @ self.weights

    @property
    def timescales(self) -> np.ndarray:
        """-lag / ln(eigenvalue) (d,) in frames; NaN where an eigenvalue is not between 0 and 1."""
        inside = (self.eigenvalues > 0) & (self.eigenvalues < 1)
        return -self.lag / np.log(np.where(inside, self.eigenvalues, np.nan))


def fit_tica(trajectories: list[np.ndarray], lag: int, minimum_frames: int = 0) -> Projection:
    """TICA by deeptime on cos and sin of torsions, a list of (frames, K) in radians, one for each replica.

    Solves C(lag) w = eigenvalue C(0) w with covariances symmetrised over pairs of frames, none of which spans two
    replicas. A component's sign is such that its largest weight is positive. Raises TICAError, with the reason, where
    the frames are too few or the torsions do not move.
    """
    frames = sum(map(len, trajectories))
    if frames < minimum_frames:
        raise TICAError(f"{frames} reference frames are fewer than the {minimum_frames} that TICA is made of")
    torsions = trajectories[0].shape[1]
    if torsions == 0:
        raise TICAError("the molecule has no torsion")
    longest = max(map(len, trajectories))
    if longest <= 2 * lag:
        raise TICAError(f"the longest trajectory, {longest} frames, is not twice the lag time of {lag}")
    # Replicas shorter than the lag hold no pair of frames.
    parts = [features(part) for part in trajectories if len(part) > lag]
    pairs = sum(len(part) - lag for part in parts)
    if pairs <= 2 * torsions:
        raise TICAError(f"{pairs} pairs of frames do not determine {2 * torsions} features")
    if np.concatenate(parts).var(0).max() < _LEAST_VARIANCE:
        raise TICAError("the torsions of the reference do not move")
    covariances = TICA.covariance_estimator(lagtime=lag).fit(parts).fetch_model()
    try:
        model = TICA(dim=None, scaling="kinetic_map").fit_from_covariances(covariances).fetch_model()
        origin = model.transform(np.zeros((1, 2 * torsions)))
        weights = model.transform(np.eye(2 * torsions)) - origin
    except np.linalg.LinAlgError as error:
        raise TICAError(f"TICA of the torsions failed ({error})") from None
    mean = np.asarray(covariances.mean_0)
    signs = np.sign(weights[np.abs(weights).argmax(0), np.arange(weights.shape[1])])
    return Projection(mean, weights * signs, np.asarray(model.singular_values)[: weights.shape[1]], lag, pairs)


def joint_edges(first: np.ndarray, second: np.ndarray, bins: int) -> np.ndarray:
    """Edges (bins + 1,) over the range of both (F,)."""
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def block_counts(points: np.ndarray, edges: list[np.ndarray], runs: Runs) -> np.ndarray:
    """Counts by block (blocks, bins, ...) of points (F, d) in d dimensions with those edges, as NumPy's histograms."""
    shape = tuple(len(edge) - 1 for edge in edges)
    # The first and the last bin take what rounding leaves outside.
    places = [np.searchsorted(edge[1:-1], column, side="right") for edge, column in zip(edges, points.T, strict=True)]
    flat = np.ravel_multi_index((runs.frame_blocks, *places), (runs.blocks, *shape))
    return np.bincount(flat, minlength=runs.blocks * int(np.prod(shape))).reshape(runs.blocks, *shape)


def component_js(
    first: np.ndarray, first_runs: Runs, second: np.ndarray, second_runs: Runs, bins: int
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """JS distance of components (F, d) of two ensembles, d 1 or 2, on `bins` bins an axis over their joint range.

    Returns the distance with its interval, its count being the blocks of the ensemble that has fewer, and the edges.
    The projection and the edges are held fixed while blocks are drawn.
    """
    dims = first.shape[1]
    edges = [joint_edges(first[:, axis], second[:, axis], bins) for axis in range(dims)]
    counts = block_counts(first, edges, first_runs), block_counts(second, edges, second_runs)
    value = float(js_distance(counts[0].sum(0), counts[1].sum(0), dims))
    resampled = js_distance(
        np.tensordot(block_weights(first_runs.blocks, 1), counts[0], 1),
        np.tensordot(block_weights(second_runs.blocks, 2), counts[1], 1),
        dims,
    )
    return interval(value, resampled, min(first_runs.blocks, second_runs.blocks)), edges
