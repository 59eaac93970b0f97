"""TICA of the reference MD's torsions, and JS distances along its slowest components."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from deeptime.decomposition import TICA

from jamun.evaluation.bootstrap import js_of_blocks
from jamun.evaluation.runs import Points

# Components whose time scales are reported.
KEPT = 5
# Features that vary less than this in all, in units of the circle's radius, do not move.
_LEAST_VARIANCE = 1e-8


class TICAError(ValueError):
    """Data from which no TICA can be made; the message is one sentence."""


def features(torsions: np.ndarray) -> np.ndarray:
    """cos and sin (F, 2K) of torsions (F, K) in radians: torsions are periodic, TICA is linear."""
    return np.concatenate([np.cos(torsions), np.sin(torsions)], 1)


@dataclass(frozen=True)
class Projection:
    """Slow components of P features, by default the cosines and sines of torsions: (features - mean) @ weights.

    mean: (P,) of the features.
    weights: (P, d). Each component's variance in the reference is the square of its eigenvalue, so that distances
        count slow motion (kinetic map).
    eigenvalues: (d,) autocorrelations at the lag time, largest first.
    lag: lag time, frames.
    pairs: pairs of frames that the covariances were estimated from.
    """

    mean: np.ndarray
    weights: np.ndarray
    eigenvalues: np.ndarray
    lag: int
    pairs: int

    def __call__(self, torsions: np.ndarray) -> np.ndarray:
        """Components (F, d) of torsions (F, K) in radians."""
        return self.of_features(features(torsions))

    def of_features(self, values: np.ndarray) -> np.ndarray:
        """Components (F, d) of features (F, P)."""
        return (values - self.mean) @ self.weights

    @property
    def timescales(self) -> np.ndarray:
        """-lag / ln(eigenvalue) (d,) in frames; NaN where an eigenvalue is not between 0 and 1."""
        inside = (self.eigenvalues > 0) & (self.eigenvalues < 1)
        return -self.lag / np.log(np.where(inside, self.eigenvalues, np.nan))


def fit_tica(trajectories: list[np.ndarray], lag: int, minimum_frames: int = 0) -> Projection:
    """Time-lagged independent component analysis of torsions, by deeptime; the only place where TICA is fitted.

    With x the cos and sin of all torsions less their mean, it solves C(lag) w = eigenvalue C(0) w, where C(t) =
    <x_s x_(s+t)^T> is symmetrised over pairs of frames, none of which spans two replicas (Perez-Hernandez et al.,
    J. Chem. Phys. 139, 015102, 2013). Components have kinetic-map scaling (Noe and Clementi, JCTC 11, 5002, 2015), and
    the sign with which their largest weight is positive. Frame weights play no part: they say how likely a frame is,
    and not what follows it.

    Args:
        trajectories: Torsions (frames, K) in radians, one array for each replica.
        lag: Lag time in frames.
        minimum_frames: With fewer frames in all nothing is fitted.

    Returns:
        The projection on min(2K, rank) components, the slowest first.

    Raises:
        TICAError: The frames are too few, or the torsions do not move.

    Example:
        A torsion that stays where it is for a hundred frames beside one that does not:

        >>> rng = np.random.default_rng(0)
        >>> slow = np.repeat(rng.choice([-1.0, 1.0], 50), 100) + rng.normal(0, 0.1, 5000)
        >>> fast = rng.normal(0, 1, 5000)
        >>> projection = fit_tica([np.stack([fast, slow], 1)], lag=10)
        >>> bool(projection.eigenvalues[0] > 0.8 > 0.1 > projection.eigenvalues[1])
        True
    """
    if trajectories[0].shape[1] == 0:
        raise TICAError("the molecule has no torsion")
    return fit_features([features(part) for part in trajectories], lag, minimum_frames)


def fit_features(trajectories: list[np.ndarray], lag: int, minimum_frames: int = 0) -> Projection:
    """The same of any features (frames, P), one array for each replica; raises TICAError likewise."""
    frames = sum(map(len, trajectories))
    if frames < minimum_frames:
        raise TICAError(f"{frames} reference frames are fewer than the {minimum_frames} that TICA is made of")
    number = trajectories[0].shape[1]
    longest = max(map(len, trajectories))
    if longest <= 2 * lag:
        raise TICAError(f"the longest trajectory, {longest} frames, is not longer than twice the lag time of {lag}")
    # Replicas shorter than the lag hold no pair of frames.
    parts = [part for part in trajectories if len(part) > lag]
    pairs = sum(len(part) - lag for part in parts)
    if pairs <= number:
        raise TICAError(f"{pairs} pairs of frames do not determine {number} features")
    if np.concatenate(parts).var(0).max() < _LEAST_VARIANCE:
        raise TICAError("the torsions of the reference do not move")
    covariances = TICA.covariance_estimator(lagtime=lag).fit(parts).fetch_model()
    try:
        model = TICA(dim=None, scaling="kinetic_map").fit_from_covariances(covariances).fetch_model()
        origin = model.transform(np.zeros((1, number)))
        weights = model.transform(np.eye(number)) - origin
    except np.linalg.LinAlgError as error:
        raise TICAError(f"TICA failed ({error})") from None
    mean = np.asarray(covariances.mean_0)
    signs = np.sign(weights[np.abs(weights).argmax(0), np.arange(weights.shape[1])])
    return Projection(mean, weights * signs, np.asarray(model.singular_values)[: weights.shape[1]], lag, pairs)


def joint_edges(first: np.ndarray, second: np.ndarray, bins: int) -> np.ndarray:
    """Edges (bins + 1,) over the range of both (F,)."""
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def block_counts(points: Points, edges: list[np.ndarray]) -> np.ndarray:
    """Counts by block (blocks, bins, ...) of points in d dimensions with those edges, as NumPy's histograms."""
    shape, blocks = tuple(len(edge) - 1 for edge in edges), points.runs.blocks
    # The first and the last bin take what rounding leaves outside.
    places = [np.searchsorted(edge[1:-1], x, side="right") for edge, x in zip(edges, points.values.T, strict=True)]
    flat = np.ravel_multi_index((points.runs.frame_blocks, *places), (blocks, *shape))
    return np.bincount(flat, points.weights, minlength=blocks * int(np.prod(shape))).reshape(blocks, *shape)


def component_js(first: Points, second: Points, bins: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """JS distance of two ensembles along one or two components, (F, d) and (G, d), by `bins` an axis over their range.

    The projection and the edges are held fixed while blocks are drawn. Returns the distance with its interval, its
    count being the blocks of the ensemble that has fewer; and the edges.
    """
    edges = [joint_edges(a, b, bins) for a, b in zip(first.values.T, second.values.T, strict=True)]
    counts = [block_counts(points, edges) for points in (first, second)]
    return js_of_blocks(counts[0], counts[1], min(map(len, counts)), first.values.shape[1]), edges
