"""2-Wasserstein distances between ensembles: exact optimal transport on torsions and on slow components."""

from collections.abc import Callable
from typing import Any

import numpy as np
import ot

from jamun.config.evaluation import TransportSettings
from jamun.evaluation.bootstrap import missing, scattered
from jamun.evaluation.runs import Points

Cost = Callable[[np.ndarray, np.ndarray], np.ndarray]
# The network simplex ends long before: it takes a few pivots a frame.
_MOST_PIVOTS = 100_000_000


def torsion_cost(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared circular distances (N, M) in rad^2, summed over torsions, of angles (N, K) and (M, K) in radians."""
    cost = np.zeros((len(first), len(second)))
    for a, b in zip(first.T % (2 * np.pi), second.T % (2 * np.pi), strict=True):
        apart = np.abs(a[:, None] - b)
        np.minimum(apart, 2 * np.pi - apart, out=apart)
        apart *= apart
        cost += apart
    return cost


def euclidean_cost(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances (N, M) of points (N, d) and (M, d)."""
    return sum((a[:, None] - b) ** 2 for a, b in zip(first.T, second.T, strict=True))


def wasserstein(cost: np.ndarray, masses: tuple[np.ndarray | None, np.ndarray | None] = (None, None)) -> float:
    """sqrt(min_T sum_ij T_ij cost_ij) over plans T between two sets of points: POT's emd2.

    Args:
        cost: (N, M).
        masses: Weights (N,) and (M,) of the points, of any sum; None where all are alike.
    """
    shares = [
        np.full(size, 1.0 / size) if mass is None else mass / mass.sum()
        for size, mass in zip(cost.shape, masses, strict=True)
    ]
    return float(np.sqrt(max(ot.emd2(*shares, cost, numItermax=_MOST_PIVOTS), 0.0)))


def _draw(frames: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    return frames if len(frames) <= number else generator.choice(frames, number, replace=False)


def _draw_blocks(points: Points, number: int, generator: np.random.Generator) -> np.ndarray:
    """Frames of blocks drawn with replacement, and of those so many."""
    blocks, count = points.runs.frame_blocks, points.runs.blocks
    times = np.bincount(generator.integers(0, count, count), minlength=count)
    return _draw(np.repeat(np.arange(len(blocks)), times[blocks]), number, generator)


def transport_distance(first: Points, second: Points, cost: Cost, settings: TransportSettings) -> dict[str, Any]:
    """2-Wasserstein distance between two ensembles, from some frames of each, drawn without replacement.

    Frames carry their weights as masses. The interval is from further distances, for each of which blocks are drawn
    with replacement and from them half as many frames: the scatter of fewer frames is the larger, so it errs on the
    wide side. Two draws of one distribution are not at 0: compare with the distance between the MD's halves.

    `cost` gives squared distances of two sets of points. Returns the distance in the unit of the points; `count` is the
    blocks of the ensemble that has fewer, `frames` the frames drawn of each.
    """
    sets = first, second

    def distance(chosen: list[np.ndarray]) -> float:
        masses = [None if one.weights is None else one.weights[k] for one, k in zip(sets, chosen, strict=True)]
        if any(mass is not None and mass.sum() == 0 for mass in masses):
            return np.nan
        return wasserstein(cost(*(one.values[k] for one, k in zip(sets, chosen, strict=True))), (masses[0], masses[1]))

    # Both with one seed: an ensemble drawn against itself gives the same frames.
    seed, frames = settings.seed, settings.transport_frames
    drawn = [_draw(np.arange(len(one.values)), frames, np.random.default_rng(seed)) for one in sets]
    count = min(one.runs.blocks for one in sets)
    value = distance(drawn)
    generator = np.random.default_rng([seed, 1])
    resampled = []
    for _ in range(settings.transport_repeats):
        halves = [_draw_blocks(one, max(1, len(k) // 2), generator) for one, k in zip(sets, drawn, strict=True)]
        resampled.append(distance(halves))
    resampled = [one for one in resampled if np.isfinite(one)]
    if not np.isfinite(value) or len(resampled) < 2:
        estimate = missing("all frames that were drawn have a weight of 0", count)
    else:
        estimate = scattered(value, np.array(resampled), count)
    return estimate | {"frames": [len(chosen) for chosen in drawn]}
