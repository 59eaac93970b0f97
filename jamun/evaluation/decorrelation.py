"""How fast torsions forget where they were, and how many independent samples a run holds."""

from typing import Any

import numpy as np

from jamun.evaluation.bootstrap import FEWEST_FRAMES, RESAMPLES, block_weights, missing, positive, waiting_time
from jamun.evaluation.runs import Runs, resamples_in_turn

# A torsion is decorrelated where its curve first falls below this.
LEVEL = 1 / np.e
# Lags of the curves that are kept for figures: all up to the first number, then up to so many evenly in the logarithm.
_DENSE, _SPARSE = 20, 80
# A torsion whose unit vectors have a variance below this does not move.
_LEAST_VARIANCE = 1e-8


def curve_lags(lags: int) -> np.ndarray:
    """Lags in frames at which a curve up to `lags` is kept."""
    far = np.geomspace(1, max(lags, 1), _SPARSE).round().astype(np.int64)
    return np.unique(np.concatenate([np.arange(min(_DENSE, lags) + 1), far[far <= lags]]))


def first_below(curves: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Where each curve (..., lags + 1) first lies below `level`, in frames, linear between two lags; else infinity."""
    below = curves < level
    place = below.argmax(-1)
    after = np.take_along_axis(curves, place[..., None], -1)[..., 0]
    before = np.take_along_axis(curves, np.maximum(place - 1, 0)[..., None], -1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = place - 1 + (before - level) / (before - after)
    return np.where(below.any(-1), np.where(place == 0, 0.0, crossing), np.inf)


def _curves(
    weights: np.ndarray, sums: np.ndarray, pairs: np.ndarray, first: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """C(t) of resamples: weights (R, P); sums, pairs (P, T); first, frames (P,); gives (R, T)."""
    baseline = (np.abs(weights @ first / (weights @ frames)) ** 2)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((weights @ sums) / (weights @ pairs) - baseline) / (1 - baseline)


def _crossings(
    weights: np.ndarray, sums: np.ndarray, pairs: np.ndarray, first: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Where the resampled curves first fall below 1/e (R,): looked for at short lags first, most cross there."""
    times, lags, reach = np.full(len(weights), np.inf), sums.shape[1], min(1000, sums.shape[1])
    while True:
        left = np.flatnonzero(np.isinf(times))
        found = [
            first_below(_curves(part, sums[:, :reach], pairs[:, :reach], first, frames))
            for part in resamples_in_turn(weights[left], reach)
        ]
        times[left] = np.concatenate(found)
        if reach == lags or not np.isinf(times).any():
            return times
        reach = min(lags, 8 * reach)


def decorrelation(
    angles: np.ndarray, runs: Runs, unit: float, seed: int
) -> tuple[dict[str, Any], np.ndarray, dict[str, np.ndarray]]:
    """Decorrelation of one torsion over all runs of an ensemble.

    C(t) = (<sin a_s sin a_(s+t)> + <cos a_s cos a_(s+t)> - b) / (1 - b), b = <sin a>^2 + <cos a>^2 (MDGen). Averages
    are over all pairs of frames of one run t frames apart, b over all frames of all runs; t goes to half the longest
    run.

    Args:
        angles: (F,) in radians.
        runs: chains or replicas of the frames.
        unit: time of a frame, in the unit of the result.
        seed: of the bootstrap over blocks.

    Returns:
        The time at which C first falls below 1/e, in frames times `unit`, with its interval; the resampled times (R,)
        in frames; and `value`, `low`, `high` of C at `curve_lags`, NaN throughout where the torsion does not move.
    """
    lags = int(runs.lengths.max()) // 2
    kept = curve_lags(lags)
    frames = (runs.stops - runs.starts).astype(float)
    vectors = np.exp(1j * angles)
    reason = None
    if 1 - np.abs(vectors.mean()) ** 2 < _LEAST_VARIANCE:
        reason = "the torsion does not move"
    elif runs.lengths.max() < FEWEST_FRAMES:
        reason = f"no run has {FEWEST_FRAMES} frames"
    if reason:
        curve = {end: np.full(len(kept), np.nan) for end in ("value", "low", "high")}
        return missing(reason, runs.blocks), np.full(1, np.inf), curve
    sums, pairs, first = runs.lag_sums(vectors, lags), runs.pairs(lags), runs.piece_sums(vectors)
    whole = _curves(np.ones((1, len(frames))), sums, pairs, first, frames)[0]
    weights = runs.piece_weights(seed)
    resampled = _crossings(weights, sums, pairs, first, frames)
    low, high = np.nanpercentile(_curves(weights, sums[:, kept], pairs[:, kept], first, frames), [2.5, 97.5], axis=0)
    value = float(first_below(whole))
    never = f"it stays above 1/e up to {lags:,} frames, half the longest run"
    estimate = waiting_time(value, resampled, runs.blocks, unit, never)
    return estimate, resampled, {"value": whole[kept], "low": low, "high": high}


def effective(sums: np.ndarray, frames: float) -> np.ndarray:
    """Effective samples of a run of so many frames from sums over pairs (..., lags + 1) of its centred signal.

    frames / (1 + 2 sum_t rho(t)), rho(t) = sums[t] / sums[0], summed up to the first lag at which rho is not positive.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = sums / sums[..., :1]
    before_zero = np.logical_and.accumulate(rho > 0, axis=-1)
    return frames / (1 + 2 * np.where(before_zero, rho, 0)[..., 1:].sum(-1)) + 0 * rho[..., 0]


def effective_samples(signal: np.ndarray, runs: Runs, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Effective samples of each run from a slow signal.

    The signal is centred on the mean of all frames, not of a run: a run that stays in one place then counts as one
    sample, not many. Whole runs are drawn where there are 8 or more, else each run's stretches.

    `signal` (F,) is such as TIC 0. Returns effective samples of each run (runs,), NaN for runs of fewer than
    FEWEST_FRAMES; and bootstrap values of their sum (R,).
    """
    lengths = runs.lengths
    lags = int(lengths.max()) - 1
    sums = runs.lag_sums(signal - signal.mean(), lags)
    by_run = np.full(len(lengths), np.nan)
    pieces_of_run = np.bincount(runs.run)
    generator = np.random.default_rng(seed)
    drawn = np.zeros(RESAMPLES)
    for run in np.flatnonzero(lengths >= FEWEST_FRAMES):
        members = np.flatnonzero(runs.run == run)
        by_run[run] = effective(sums[members].sum(0), lengths[run])
        if pieces_of_run[run] > 1:
            share = np.full(len(members), 1 / len(members))
            weights = generator.multinomial(len(members), share, size=RESAMPLES)
            portions = resamples_in_turn(weights, lags + 1)
            drawn += np.concatenate([effective(part @ sums[members], lengths[run]) for part in portions])
    if pieces_of_run.max() == 1:
        drawn = block_weights(len(lengths), seed) @ np.nan_to_num(by_run)
    return by_run, drawn


def effective_estimates(
    by_run: np.ndarray, resampled: np.ndarray, blocks: int, seconds: float | None, no_seconds: str
) -> dict[str, Any]:
    """Effective samples in all, and a second, from those of each run (runs,) and the bootstrap values (R,) of their sum
    over so many blocks; `no_seconds` says why the wall clock of all runs, s, is not known.

    Returns `samples`, their sum, and `per_second` (1/s), each with its interval; the numbers of `runs` and `runs_used`.
    """
    usable = np.isfinite(by_run)
    reason = f"no run has {FEWEST_FRAMES} frames in which TIC 0 moves"
    total = positive(float(by_run[usable].sum()) if usable.any() else np.nan, resampled, blocks, reason)
    if total["value"] is None:
        rate = missing(total["reason"], blocks)
    elif not seconds:
        rate = missing(no_seconds, blocks)
    else:
        rate = {key: total[key] / seconds for key in ("value", "low", "high")} | {"count": blocks}
    return {"samples": total, "per_second": rate, "runs": len(by_run), "runs_used": int(usable.sum())}


def speed_up(
    samples: dict[str, Any], drawn_samples: np.ndarray, md: dict[str, Any], drawn_md: np.ndarray
) -> dict[str, Any]:
    """Effective samples a second, sampler over MD: of the `effective_estimates` of both and the bootstrap values (R,)
    of their effective samples. The ratio with its interval, or the reason why there is none."""
    rates = samples["per_second"], md["per_second"]
    count = min(rate["count"] for rate in rates)
    for name, rate in zip(("samples", "MD"), rates, strict=True):
        if rate["value"] is None:
            return missing(f"{name}: {rate['reason']}", count)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = drawn_samples / drawn_md
    return positive(rates[0]["value"] / rates[1]["value"], ratios, count)
