"""Jensen-Shannon distances of histograms, and their intervals by block bootstrap. NumPy and SciPy only."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.distance import jensenshannon

from jamun.evaluation.estimates import missing

# The largest possible value: distributions that share nothing.
JS_MAX = math.sqrt(math.log(2.0))
# Blocks that a run is cut into for the bootstrap, and resamples.
BLOCKS = 20
RESAMPLES = 200


def js_distance(p: np.ndarray, q: np.ndarray, dims: int = 1) -> np.ndarray:
    """Jensen-Shannon distance (natural logarithm, the square root of the divergence) of histograms.

    `p`, `q` are counts or probabilities of one shape (..., bins) or, with `dims` 2, (..., bins, bins); they are
    normalised here. The result has shape (...), NaN where a histogram is empty. Definition: scipy's jensenshannon.
    """
    bins = int(np.prod(p.shape[p.ndim - dims :]))  # spelled out: there may be no histogram at all
    flat_p = p.reshape(*p.shape[: p.ndim - dims], bins).astype(float)
    flat_q = q.reshape(*q.shape[: q.ndim - dims], bins).astype(float)
    shape = np.broadcast_shapes(flat_p.shape, flat_q.shape)
    flat_p, flat_q = np.broadcast_to(flat_p, shape), np.broadcast_to(flat_q, shape)
    empty = (flat_p.sum(-1) == 0) | (flat_q.sum(-1) == 0)
    uniform = np.ones(shape[-1])
    result = jensenshannon(
        np.where(empty[..., None], uniform, flat_p), np.where(empty[..., None], uniform, flat_q), axis=-1
    )
    # Rounding can leave a tiny negative divergence, of which scipy takes the root.
    return np.where(empty, np.nan, np.nan_to_num(result, nan=0.0))


def histograms(angles: np.ndarray, bins: int) -> np.ndarray:
    """Counts (K, bins) on (-pi, pi) of angles (F, K) in radians."""
    places = np.clip(((angles + np.pi) / (2 * np.pi) * bins).astype(np.int64), 0, bins - 1)
    offset = places + np.arange(angles.shape[1]) * bins
    return np.bincount(offset.ravel(), minlength=angles.shape[1] * bins).reshape(angles.shape[1], bins)


def pair_histograms(angles: np.ndarray, pairs: np.ndarray, bins: int) -> np.ndarray:
    """Counts (P, bins, bins) on (-pi, pi)^2 of the pairs (P, 2) of columns of angles (F, K); [first, second]."""
    places = np.clip(((angles + np.pi) / (2 * np.pi) * bins).astype(np.int64), 0, bins - 1)
    counts = np.zeros((len(pairs), bins * bins), dtype=np.int64)
    for row, (first, second) in enumerate(pairs):
        counts[row] = np.bincount(places[:, first] * bins + places[:, second], minlength=bins * bins)
    return counts.reshape(len(pairs), bins, bins)


def blocks_of_chains(chains: np.ndarray, count: int = BLOCKS) -> np.ndarray:
    """A block number for each frame: whole chains where there are enough of them, else stretches of frames.

    `chains` (F,) is the chain (or replica) of each frame. Frames of one chain are correlated, chains are independent.
    """
    labels, index = np.unique(chains, return_inverse=True)
    if len(labels) >= 8:
        return index * min(count, len(labels)) // len(labels)
    stretches = max(1, count // len(labels))
    blocks = np.empty(len(chains), dtype=np.int64)
    for label in range(len(labels)):
        frames = np.flatnonzero(index == label)
        blocks[frames] = label * stretches + np.arange(len(frames)) * stretches // max(len(frames), 1)
    return blocks


def block_weights(blocks: int, seed: int) -> np.ndarray:
    """How often each block is drawn (RESAMPLES, blocks) when as many blocks as there are are drawn with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=RESAMPLES)


def interval(value: float, resampled: np.ndarray, count: int) -> dict[str, float | int | str | None]:
    """{"value", "low", "high", "count"}: a 95 % interval from bootstrap values (RESAMPLES,), and how many torsions or
    pairs the value is of; without a value, nulls and a "reason".

    A resample is farther from its reference than the data are, so distances of resamples are biased upwards; their
    spread is kept and centred on the value.
    """
    resampled = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(resampled) == 0:
        reason = "the molecule has none of these" if count == 0 else "a histogram is empty"
        return missing(reason, count)
    low, high = np.percentile(resampled, [2.5, 97.5]) - resampled.mean()
    return {
        "value": float(value),
        "low": float(np.clip(value + low, 0, JS_MAX)),
        "high": float(np.clip(value + high, 0, JS_MAX)),
        "count": count,
    }
