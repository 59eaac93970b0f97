"""Shares, means and distances with 95 % intervals by block bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np

from jamun.evaluation.estimates import missing
from jamun.evaluation.js import BLOCKS, block_weights

# Seeds of the bootstrap, of samples and of reference: fixed, so that the same data give the same intervals.
SAMPLES_SEED, REFERENCE_SEED = 1, 2


def _bounds(resampled: np.ndarray, frames: int) -> dict[str, Any]:
    resampled = resampled[np.isfinite(resampled)]
    if frames < BLOCKS or len(resampled) == 0:
        return {"low": None, "high": None, "reason": f"no interval from {frames} frames, fewer than {BLOCKS}"}
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}


def ratio(sums: np.ndarray, frames: np.ndarray, seed: int, count: int | None = None) -> dict[str, Any]:
    """A share, or a mean, of frames: sum over blocks of `sums` (blocks,) over that of `frames` (blocks,).

    {"value", "low", "high", "count"}: `count` is the number of frames unless given. Percentiles of the resamples, which
    are unbiased for a ratio of sums. A share of exactly 0 or 1 has an interval without width: it resolves 1/count.
    """
    total = int(frames.sum())
    if total == 0:
        return missing("no frames")
    weights = block_weights(len(frames), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = (weights @ sums) / (weights @ frames)
    value = {"value": float(sums.sum() / total)}
    bounds = _bounds(resampled, total)
    reason = {"reason": bounds.pop("reason")} if "reason" in bounds else {}
    return value | bounds | {"count": total if count is None else count} | reason


def centred(value: float, resampled: np.ndarray, count: int, frames: int, top: float = np.inf) -> dict[str, Any]:
    """A distance: the spread of its resamples centred on it, cut at 0 and `top`, since resamples are biased upwards.

    {"value", "low", "high", "count"}, `count` as given; `frames` are those of the smaller ensemble.
    """
    if not np.isfinite(value):
        return missing("no frames or nothing of this kind", count)
    bounds = _bounds(resampled, frames)
    if bounds["low"] is not None:
        shift = value - float(np.mean(resampled[np.isfinite(resampled)]))
        bounds = {name: float(np.clip(bounds[name] + shift, 0, top)) for name in ("low", "high")}
    reason = {"reason": bounds.pop("reason")} if "reason" in bounds else {}
    return {"value": float(value)} | bounds | {"count": count} | reason


def block_sums(values: np.ndarray, blocks: np.ndarray, number: int) -> np.ndarray:
    """Sums (number,) of values (F,), flags or numbers, by the block (F,) of each frame."""
    return np.bincount(blocks, weights=values.astype(float), minlength=number)


def binned(values: np.ndarray, low: float, high: float, bins: int, blocks: np.ndarray, number: int) -> np.ndarray:
    """Counts (number, K, bins) on (low, high) of values (F, K) by block (F,); what lies beyond counts at the ends."""
    counts = np.zeros((number, values.shape[1], bins), dtype=np.int64)
    for column in range(values.shape[1]):
        places = np.clip((values[:, column] - low) / (high - low) * bins, 0, bins - 1).astype(np.int64)
        flat = np.bincount(blocks * bins + places, minlength=number * bins)
        counts[:, column] = flat.reshape(number, bins)
    return counts


def wasserstein(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """W1 (...) = sum_i |P_i - Q_i| width of the cumulative shares P, Q of histograms (..., bins).

    In the unit of `width`, the width of a bin; exact up to a bin; NaN where a histogram is empty.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.cumsum(first, -1) / first.sum(-1, keepdims=True)
        q = np.cumsum(second, -1) / second.sum(-1, keepdims=True)
    return np.abs(p - q).sum(-1) * width
