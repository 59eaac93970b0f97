"""A number with its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

# Fewer frames than this in a run, or in a piece of MD, hold no distribution and no correlation function.
FEWEST_FRAMES = 20


def missing(reason: str, count: int = 0) -> dict[str, Any]:
    """Nulls and the reason; `count` as in the numbers that there are."""
    return {"value": None, "low": None, "high": None, "count": count, "reason": reason}


def mean_of_pairs(estimates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of numbers of one kind and of the ends of their intervals; what is missing is left out.

    Numbers of pairs that share a replica are not independent, so the intervals do not shrink as pairs are added.
    """
    known = [estimate for estimate in estimates if estimate["value"] is not None]
    if not known:
        return dict(estimates[0])
    return known[0] | {end: float(np.mean([one[end] for one in known])) for end in ("value", "low", "high")}


def positive(
    value: float, resampled: np.ndarray, count: int, reason: str = "there is no finite value"
) -> dict[str, Any]:
    """A positive number and the 95 % interval of its bootstrap values (R,), `count` the blocks that were drawn.

    Resampling biases such a number; the spread of its logarithm is kept and centred on the value.
    """
    if not np.isfinite(value) or value <= 0:
        return missing(reason, count)
    resampled = resampled[np.isfinite(resampled) & (resampled > 0)]
    if len(resampled) == 0:
        return missing("no resample has a value", count)
    low, high = np.percentile(np.log(resampled), [2.5, 97.5]) - np.log(resampled).mean()
    return {
        "value": float(value),
        "low": float(value * np.exp(low)),
        "high": float(value * np.exp(high)),
        "count": count,
    }


def waiting_time(value: float, resampled: np.ndarray, count: int, unit: float, reason: str) -> dict[str, Any]:
    """A time until something happens, in frames, as a multiple of `unit`, and percentiles of its bootstrap values (R,).

    Infinity means that it did not happen: without a value that is `reason`; an upper end beyond reach is null.
    """
    if not np.isfinite(value):
        return missing(reason, count)
    # An order statistic and no interpolation, since some values may be infinite.
    low, high = np.percentile(resampled, [2.5, 97.5], method="nearest")
    low, high = min(low, value), max(high, value)
    return {
        "value": float(value * unit),
        "low": float(low * unit),
        "high": float(high * unit) if np.isfinite(high) else None,
        "count": count,
    }


def scattered(value: float, resampled: np.ndarray, count: int) -> dict[str, Any]:
    """A number that is not negative, and value +- t s: s the standard deviation of few resampled values (R,), t
    Student's 97.5 % quantile of R - 1 degrees of freedom."""
    spread = float(student.ppf(0.975, len(resampled) - 1) * np.std(resampled, ddof=1))
    return {
        "value": float(value),
        "low": max(0.0, float(value) - spread),
        "high": float(value) + spread,
        "count": count,
    }
