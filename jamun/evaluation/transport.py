"""2-Wasserstein distances between ensembles: exact optimal transport on torsions and on slow components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import ot

from jamun.evaluation.estimates import scattered
from jamun.evaluation.runs import Runs

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


def wasserstein(cost: np.ndarray) -> float:
    """sqrt(min_T sum_ij T_ij cost_ij) over plans T with rows that sum to 1/N and columns to 1/M: POT's emd2."""
    first, second = (np.full(size, 1.0 / size) for size in cost.shape)
    return float(np.sqrt(max(ot.emd2(first, second, cost, numItermax=_MOST_PIVOTS), 0.0)))


def _draw(frames: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    return frames if len(frames) <= number else generator.choice(frames, number, replace=False)


def _draw_blocks(blocks: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Frames of blocks (F,) drawn with replacement, and of those so many."""
    count = int(blocks.max()) + 1
    times = np.bincount(generator.integers(0, count, count), minlength=count)
    return _draw(np.repeat(np.arange(len(blocks)), times[blocks]), number, generator)


def transport_distance(
    first: np.ndarray,
    first_runs: Runs,
    second: np.ndarray,
    second_runs: Runs,
    cost: Cost,
    frames: int,
    repeats: int,
    seed: int,
) -> dict[str, Any]:
    """W2 between two ensembles (F, K), from at most `frames` frames of each, drawn without replacement.

    Its interval is from `repeats` further distances, for each of which blocks are drawn with replacement and from them
    half as many frames: the scatter of fewer frames is the larger, so it errs on the wide side. Two draws of one
    distribution are not at 0: compare with the distance between the MD's halves. `count` is the blocks of the ensemble
    that has fewer, `frames` the frames drawn of each.
    """
    # Both with one seed: an ensemble drawn against itself gives the same frames.
    drawn = [_draw(np.arange(len(points)), frames, np.random.default_rng(seed)) for points in (first, second)]
    value = wasserstein(cost(first[drawn[0]], second[drawn[1]]))
    blocks = first_runs.frame_blocks, second_runs.frame_blocks
    generator = np.random.default_rng([seed, 1])
    resampled = []
    for _ in range(repeats):
        parts = [
            points[_draw_blocks(labels, max(1, len(chosen) // 2), generator)]
            for points, labels, chosen in zip((first, second), blocks, drawn, strict=True)
        ]
        resampled.append(wasserstein(cost(*parts)))
    estimate = scattered(value, np.array(resampled), min(first_runs.blocks, second_runs.blocks))
    return estimate | {"frames": [len(chosen) for chosen in drawn]}
