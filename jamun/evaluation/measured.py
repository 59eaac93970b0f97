"""An ensemble with its geometry: sums, means and histograms of bonds, angles and so on, by block of the bootstrap."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from jamun.evaluation.bootstrap import block_sums, block_weights, blocks_of_chains, centred, missing, ratio
from jamun.evaluation.geometry import Measured, Terms, measure
from jamun.evaluation.pair import Ensemble


class Bins(NamedTuple):
    """Histogram of one kind of term: its range, its bins, and how many are joined to one for JS.

    Fine bins make W1 exact enough; JS needs fuller ones.
    """

    low: float
    high: float
    number: int
    joined: int

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins (number + 1,)."""
        return np.linspace(self.low, self.high, self.number + 1)


BINS = {
    "bond": Bins(0.04, 0.28, 480, 4),
    "angle": Bins(0.0, np.pi, 360, 2),
    "omega": Bins(-np.pi, np.pi, 100, 1),
    "nearest": Bins(0.0, 0.6, 300, 5),
    "volume": Bins(-0.004, 0.004, 160, 1),
}
FIELDS = {"bond": "bonds", "angle": "angles", "omega": "omegas", "nearest": "nearest"}


def binned(
    values: np.ndarray, bins: Bins, blocks: np.ndarray, number: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Counts (number, K, bins) of `values` (F, K) by the block of each frame (F,), of `number`, and with the frames'
    weights (F,), if any; what lies beyond the range counts at its ends."""
    low, high, size, _ = bins
    counts = np.zeros((number, values.shape[1], size), dtype=np.int64 if weights is None else float)
    for column in range(values.shape[1]):
        places = np.clip((values[:, column] - low) / (high - low) * size, 0, size - 1).astype(np.int64)
        counts[:, column] = np.bincount(blocks * size + places, weights, minlength=number * size).reshape(number, size)
    return counts


@dataclass(frozen=True)
class MeasuredEnsemble:
    """An ensemble with its geometry.

    frames: the F frames, their torsions and weights.
    measured: bonds, angles and so on of each frame.
    blocks: (F,) block of each frame.
    number: of blocks.
    seed: of the bootstrap.
    """

    frames: Ensemble
    measured: Measured
    blocks: np.ndarray
    number: int
    seed: int

    @classmethod
    def of(cls, frames: Ensemble, terms: Terms, seed: int) -> "MeasuredEnsemble":
        """Measure an ensemble that has positions."""
        blocks = blocks_of_chains(frames.chains)
        return cls(frames, measure(frames.placed(), terms), blocks, int(blocks.max()) + 1, seed)

    def __len__(self) -> int:
        return len(self.blocks)

    def chosen(self, frames: np.ndarray | slice) -> "MeasuredEnsemble":
        """Some of the frames; blocks keep their numbers."""
        return replace(
            self,
            frames=self.frames.chosen(frames),
            measured=self.measured.chosen(frames),
            blocks=self.blocks[frames],
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Weighted sums of numbers or flags (F,) by block (number,)."""
        return block_sums(values, self.blocks, self.number, self.frames.weights)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted mean over frames of numbers (F, ...), in double precision; NaN where no frame has a weight."""
        weights = self.frames.weights
        if weights is None:
            return values.mean(0, dtype=float)
        if not weights.any():
            return np.full(values.shape[1:], np.nan)
        return np.average(values, axis=0, weights=weights)

    def share(self, values: np.ndarray) -> dict[str, Any]:
        """Share of flags (F,), or mean of numbers, with its interval."""
        return ratio(self.sums(values), self.sums(np.ones(len(self))), self.seed, frames=len(self))

    def spread(self, values: np.ndarray) -> dict[str, Any]:
        """Standard deviation of numbers (F,), with its interval."""
        if len(self) == 0:
            return missing("no frames")
        off = values.astype(float) - self.mean(values)
        sums = np.stack([self.sums(np.ones(len(self))), self.sums(off), self.sums(off**2)])
        with np.errstate(invalid="ignore", divide="ignore"):
            count, first, second = (block_weights(self.number, self.seed) @ sums.T).T
            resampled = np.sqrt(np.maximum(second / count - (first / count) ** 2, 0))
        return centred(float(np.sqrt(self.mean(off**2))), resampled, len(self), len(self), np.inf)

    def histogram(self, kind: str, frames: slice | None = None) -> np.ndarray:
        """Counts of a kind of term by block (number, K, bins), or (1, K, bins) of a stretch of frames."""
        values = getattr(self.measured, FIELDS[kind])
        values, weights = values.reshape(len(self), -1), self.frames.weights
        if frames is None:
            return binned(values, BINS[kind], self.blocks, self.number, weights)
        none = np.zeros(len(values[frames]), dtype=np.int64)
        return binned(values[frames], BINS[kind], none, 1, None if weights is None else weights[frames])
