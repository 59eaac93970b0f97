"""Histograms and their distances. NumPy and SciPy only."""

import math

import numpy as np
from scipy.spatial.distance import jensenshannon

# The largest possible value: distributions that share nothing.
JS_MAX = math.sqrt(math.log(2.0))


def js_distance(p: np.ndarray, q: np.ndarray, dims: int = 1) -> np.ndarray:
    """Jensen-Shannon distance, sqrt((KL(P|M) + KL(Q|M)) / 2) with M = (P + Q) / 2 and the natural logarithm.

    Args:
        p: Counts or probabilities (..., bins) or, with `dims` 2, (..., bins, bins); normalised here.
        q: Counts or probabilities of the same shape.
        dims: Trailing axes that one histogram has.

    Returns:
        Distances (...), between 0 and JS_MAX; NaN where a histogram is empty. Definition: SciPy's jensenshannon.
    """
    bins = int(np.prod(p.shape[p.ndim - dims :]))  # spelled out: there may be no histogram at all
    flat_p = p.reshape(*p.shape[: p.ndim - dims], bins).astype(float)
    flat_q = q.reshape(*q.shape[: q.ndim - dims], bins).astype(float)
    flat_p, flat_q = np.broadcast_arrays(flat_p, flat_q)
    empty = (flat_p.sum(-1) == 0) | (flat_q.sum(-1) == 0)
    filled = [np.where(empty[..., None], 1.0, flat) for flat in (flat_p, flat_q)]
    # Rounding can leave a tiny negative divergence, of which SciPy takes the root.
    with np.errstate(invalid="ignore"):
        result = jensenshannon(*filled, axis=-1)
    return np.where(empty, np.nan, np.nan_to_num(result, nan=0.0))


def w1_distance(p: np.ndarray, q: np.ndarray, width: float) -> np.ndarray:
    """1-Wasserstein distance (...) of histograms (..., bins), sum_i |P_i - Q_i| width with cumulative shares P and Q.

    `width` is that of a bin, in the unit of the result. Exact up to a bin; NaN where a histogram is empty.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.cumsum(p, -1) / p.sum(-1, keepdims=True)
        second = np.cumsum(q, -1) / q.sum(-1, keepdims=True)
    return np.abs(first - second).sum(-1) * width


def _bins_of(angles: np.ndarray, bins: int) -> np.ndarray:
    return np.clip(((angles + np.pi) / (2 * np.pi) * bins).astype(np.int64), 0, bins - 1)


def histograms(angles: np.ndarray, bins: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Histograms (K, bins) of angles (F, K), radians on (-pi, pi); without `weights` (F,) frames count alike."""
    columns = angles.shape[1]
    flat = (_bins_of(angles, bins) + np.arange(columns) * bins).ravel()
    repeated = None if weights is None else np.repeat(weights, columns)
    return np.bincount(flat, repeated, minlength=columns * bins).reshape(columns, bins)


def pair_histograms(angles: np.ndarray, pairs: np.ndarray, bins: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Histograms (P, bins, bins) of pairs of angles on (-pi, pi)^2, the first angle of a pair first.

    `angles` are (F, K) in radians, `pairs` are columns (P, 2) of them; without `weights` (F,) frames count alike.
    """
    places = _bins_of(angles, bins)
    counts = np.zeros((len(pairs), bins * bins), dtype=np.int64 if weights is None else float)
    for row, (first, second) in enumerate(pairs):
        counts[row] = np.bincount(places[:, first] * bins + places[:, second], weights, minlength=bins * bins)
    return counts.reshape(len(pairs), bins, bins)
