"""Numbers with 95 % intervals by block bootstrap, or why there are none. NumPy and SciPy only.

Frames of a chain are correlated, so whole chains, or long stretches of few chains, are drawn with replacement. An
estimate is {"value", "low", "high", "count"}; what is missing is null, with a "reason".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from jamun.evaluation.js import JS_MAX, js_distance

# Blocks that a run is cut into, and resamples.
BLOCKS = 20
RESAMPLES = 200
# So many independent chains are blocks by themselves.
ENOUGH_CHAINS = 8
# Fewer frames than this in a run, or in a piece of MD, hold no distribution and no correlation function.
FEWEST_FRAMES = 20
# Seeds of the bootstrap, of samples and of reference: fixed, so that the same data give the same intervals.
SAMPLES_SEED, REFERENCE_SEED = 1, 2


def blocks_of_chains(chains: np.ndarray) -> np.ndarray:
    """Block of each frame (F,), from 0, by its chain or replica (F,): whole chains where there are enough of them, else
    stretches of frames; BLOCKS in all at most."""
    labels, index = np.unique(chains, return_inverse=True)
    if len(labels) >= ENOUGH_CHAINS:
        return index * min(BLOCKS, len(labels)) // len(labels)
    stretches = max(1, BLOCKS // len(labels))
    blocks = np.empty(len(chains), dtype=np.int64)
    for label in range(len(labels)):
        frames = np.flatnonzero(index == label)
        blocks[frames] = label * stretches + np.arange(len(frames)) * stretches // max(len(frames), 1)
    return blocks


def block_weights(blocks: int, seed: int) -> np.ndarray:
    """How often each block is drawn (RESAMPLES, blocks) when as many blocks as there are are drawn with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=RESAMPLES)


def block_sums(values: np.ndarray, blocks: np.ndarray, number: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums (number,) of flags or numbers (F,) over the `blocks` (F,) that frames are in; without `weights` (F,) frames
    count alike."""
    weighted = values.astype(float) if weights is None else values * weights
    return np.bincount(blocks, weighted, minlength=number)


def missing(reason: str, count: int = 0) -> dict[str, Any]:
    """An estimate without a number, and the reason."""
    return {"value": None, "low": None, "high": None, "count": count, "reason": reason}


def no_distribution(frames: int, count: int) -> dict[str, Any]:
    """A distance of so few `frames` that they are no distribution."""
    return missing(f"only {frames} frames; a distribution needs {BLOCKS}", count)


def mean_of_pairs(estimates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of estimates of one kind and of the ends of their intervals; missing ones are left out.

    Pairs that share a replica are not independent, so the intervals do not shrink as pairs are added.
    """
    known = [estimate for estimate in estimates if estimate["value"] is not None]
    if not known:
        return dict(estimates[0])
    return known[0] | {end: float(np.mean([one[end] for one in known])) for end in ("value", "low", "high")}


def _estimate(value: float, low: float | None, high: float | None, count: int) -> dict[str, Any]:
    ends = {name: None if end is None else float(end) for name, end in (("low", low), ("high", high))}
    return {"value": float(value)} | ends | {"count": count}


def without_interval(value: float, frames: int, count: int) -> dict[str, Any]:
    """A number that has no interval, since it is of so few `frames`."""
    reason = f"no interval from {frames} frames, fewer than {BLOCKS}"
    return _estimate(value, None, None, count) | {"reason": reason}


def ratio(sums: np.ndarray, weights: np.ndarray, seed: int, frames: int | None = None) -> dict[str, Any]:
    """A share or a mean: the sum of `sums` over that of `weights`, and percentiles of its resamples.

    Percentiles are right here: a ratio of sums is not biased by resampling. A share of exactly 0 or 1 has an interval
    without width; it resolves 1/count. Both are of each block (blocks,), and `weights` are its frames or their weights;
    `frames` is how many there are, the sum of `weights` unless given.
    """
    total = weights.sum()
    frames = int(total) if frames is None else frames
    if total == 0:
        return missing("no frames")
    drawn = block_weights(len(weights), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = (drawn @ sums) / (drawn @ weights)
    resampled = resampled[np.isfinite(resampled)]
    value = sums.sum() / total
    if frames < BLOCKS or len(resampled) == 0:
        return without_interval(value, frames, frames)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return _estimate(value, low, high, frames)


def centred(
    value: float, resampled: np.ndarray, count: int, frames: int = BLOCKS, top: float = JS_MAX
) -> dict[str, Any]:
    """A distance: the spread of its resamples centred on it, cut at 0 and `top`.

    A resample is farther from its reference than the data are, so distances of resamples are biased upwards. `value` is
    NaN where there is none, `count` how many torsions, pairs or blocks it is of; where the smaller ensemble has fewer
    `frames` than BLOCKS there is no interval.
    """
    resampled = resampled[np.isfinite(resampled)]
    if not np.isfinite(value):
        return missing("the molecule has none of these" if count == 0 else "a histogram is empty", count)
    if frames < BLOCKS or len(resampled) == 0:
        return without_interval(value, frames, count)
    low, high = np.percentile(resampled, [2.5, 97.5]) - resampled.mean()
    return _estimate(value, np.clip(value + low, 0, top), np.clip(value + high, 0, top), count)


def js_of_blocks(first: np.ndarray, second: np.ndarray, count: int, dims: int = 1) -> dict[str, Any]:
    """JS distance of two histograms of samples and of reference, both counted by block, (blocks, bins) or with `dims` 2
    (blocks, bins, bins), with its interval; `count` is the estimate's."""
    resampled = [
        np.tensordot(block_weights(len(counts), seed), counts, 1)
        for counts, seed in ((first, SAMPLES_SEED), (second, REFERENCE_SEED))
    ]
    value = float(js_distance(first.sum(0), second.sum(0), dims))
    return centred(value, js_distance(resampled[0], resampled[1], dims), count)


def positive(
    value: float, resampled: np.ndarray, count: int, reason: str = "there is no finite value"
) -> dict[str, Any]:
    """A positive number and the spread of the logarithm of its bootstrap values (R,), centred on it.

    `count` is the number of blocks that were drawn. Without a finite, positive value the estimate is missing.
    """
    if not np.isfinite(value) or value <= 0:
        return missing(reason, count)
    resampled = resampled[np.isfinite(resampled) & (resampled > 0)]
    if len(resampled) == 0:
        return missing("no resample has a value", count)
    low, high = np.percentile(np.log(resampled), [2.5, 97.5]) - np.log(resampled).mean()
    return _estimate(value, value * np.exp(low), value * np.exp(high), count)


def waiting_time(value: float, resampled: np.ndarray, count: int, unit: float, reason: str) -> dict[str, Any]:
    """A time until something happens, in frames, as a multiple of `unit`, and percentiles of its bootstrap values (R,).

    Infinity means that it did not happen: the estimate is then missing, for `reason`. An upper end at infinity is null.
    """
    if not np.isfinite(value):
        return missing(reason, count)
    # An order statistic and no interpolation, since some values may be infinite.
    low, high = np.percentile(resampled, [2.5, 97.5], method="nearest")
    high = max(high, value) * unit
    return _estimate(value * unit, min(low, value) * unit, high if np.isfinite(high) else None, count)


def scattered(value: float, resampled: np.ndarray, count: int) -> dict[str, Any]:
    """A number that is not negative, and value +- t s.

    s is the standard deviation of few resampled values (R,), t Student's 97.5 % quantile of R - 1 degrees of freedom.
    """
    spread = float(stdtrit(len(resampled) - 1, 0.975) * np.std(resampled, ddof=1))
    return _estimate(value, max(0.0, float(value) - spread), float(value) + spread, count)
