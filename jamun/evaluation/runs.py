"""Chains and replicas as runs in time, their pieces for the block bootstrap, and sums over pairs of frames in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from scipy.fft import fft, ifft, next_fast_len

from jamun.evaluation.bootstrap import FEWEST_FRAMES, block_weights, blocks_of_chains


@dataclass(frozen=True)
class Runs:
    """Frames of an ensemble run by run. A run is one chain or replica; a piece lies within one run and one block.

    order: (F,) frames sorted by run and, within one, by time; all else counts in that order.
    starts: (P,) first frame of each piece.
    stops: (P,) the frame after its last.
    ends: (P,) where the piece's run ends.
    block: (P,) block of each piece, from 0.
    run: (P,) its run, from 0.
    """

    order: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    ends: np.ndarray
    block: np.ndarray
    run: np.ndarray

    @property
    def blocks(self) -> int:
        """Blocks in all."""
        return int(self.block.max()) + 1

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each run."""
        return np.bincount(self.run, weights=self.stops - self.starts).astype(np.int64)

    @property
    def frame_blocks(self) -> np.ndarray:
        """Block of each frame, in the order of the ensemble itself."""
        blocks = np.empty(len(self.order), dtype=np.int64)
        blocks[self.order] = np.repeat(self.block, self.stops - self.starts)
        return blocks

    def piece_weights(self, seed: int) -> np.ndarray:
        """How often each piece is drawn (RESAMPLES, P) when blocks are drawn with replacement."""
        return block_weights(self.blocks, seed)[:, self.block]

    def piece_sums(self, values: np.ndarray) -> np.ndarray:
        """Sums (P,) over each piece of values (F,) in the ensemble's own order."""
        return np.add.reduceat(values[self.order], self.starts)

    def pairs(self, lags: int) -> np.ndarray:
        """Pairs of frames (P, lags + 1) at each lag of which the first lies in the piece and both in its run."""
        longest = (self.ends - self.starts)[:, None] - np.arange(lags + 1)
        return np.clip(longest, 0, (self.stops - self.starts)[:, None])

    def lag_sums(self, signal: np.ndarray, lags: int) -> np.ndarray:
        """sum Re(conj(z_s) z_(s+t)) over those pairs: (P, lags + 1) of a real or complex signal z (F,).

        By Fourier transforms, all pieces of one shape at once: F log F operations where each piece is a run.
        """
        ordered = signal[self.order]
        sums = np.zeros((len(self.starts), lags + 1))
        reach = np.minimum(self.ends, self.stops + lags) - self.starts
        shapes = np.stack([self.stops - self.starts, reach], 1)
        for shape in np.unique(shapes, axis=0):
            members = np.flatnonzero((shapes == shape).all(1))
            length, reached = (int(size) for size in shape)
            last = min(lags, reached - 1)
            size = next_fast_len(length + last)
            begin = self.starts[members][:, None]
            first = fft(ordered[begin + np.arange(length)], size, axis=1)
            second = fft(ordered[begin + np.arange(reached)], size, axis=1)
            sums[members, : last + 1] = ifft(first.conj() * second, axis=1).real[:, : last + 1]
        return sums


def cut_into_runs(chains: np.ndarray) -> Runs:
    """Runs and pieces of an ensemble by the chain or replica of each frame (F,), frames of a chain in order of time.

    Blocks are those of the torsions' intervals: whole chains where there are 8 or more, else stretches.
    """
    order = np.argsort(chains, kind="stable")
    _, run = np.unique(chains[order], return_inverse=True)
    _, block = np.unique(blocks_of_chains(chains)[order], return_inverse=True)
    starts = np.concatenate([[0], np.flatnonzero((np.diff(run) != 0) | (np.diff(block) != 0)) + 1])
    stops = np.concatenate([starts[1:], [len(order)]])
    run_ends = np.cumsum(np.bincount(run))
    return Runs(order, starts, stops, run_ends[run[starts]], block[starts], run[starts])


@dataclass(frozen=True)
class Points:
    """Frames as points of a space.

    values: (F, d), torsions in radians or slow components.
    runs: the runs of the frames.
    weights: (F,) of the frames, mean 1; None where all count alike.
    """

    values: np.ndarray
    runs: Runs
    weights: np.ndarray | None = None

    def axes(self, number: int) -> "Points":
        """The first coordinates alone."""
        return Points(self.values[:, :number], self.runs, self.weights)


def replica_of_frames(boundaries: list[int] | np.ndarray) -> np.ndarray:
    """Replica of each frame (F,) from the replicas' offsets (R+1)."""
    return np.repeat(np.arange(len(boundaries) - 1), np.diff(boundaries))


def stopped_notes(record: Mapping[str, Any]) -> list[str]:
    """A sentence on chains that were stopped, if the record of a sampling tells of any."""
    stopped = record.get("chains_stopped", {}).get("count")
    return [f"{stopped} of {record['chains']} chains were stopped."] if stopped else []


# Parts that many replicas are taken together to, so that each is long enough to say something.
MOST_PARTS = 5


def replica_slices(replicas: np.ndarray) -> tuple[list[slice], str | None]:
    """Frames of each replica that has FEWEST_FRAMES or more, of an ensemble whose replicas (F,) follow one another; or
    an empty list and the reason where there are no two of them. More than MOST_PARTS are taken together, neighbours to
    neighbours, to so many parts, as independent of each other as single ones."""
    labels, starts = np.unique(replicas, return_index=True)
    bounds = [*starts.tolist(), len(replicas)]
    found = [slice(start, stop) for start, stop in pairwise(bounds)]
    found = [part for part in found if part.stop - part.start >= FEWEST_FRAMES]
    if len(labels) == 1:
        return [], "the MD has one replica"
    if len(found) < 2:
        return [], f"no two replicas have {FEWEST_FRAMES} frames"
    return few_parts(found), None


def few_parts(replicas: list[slice]) -> list[slice]:
    """Frames of replicas that follow one another, more than MOST_PARTS of them taken together to so many parts."""
    groups = np.array_split(np.arange(len(replicas)), max(1, min(len(replicas), MOST_PARTS)))
    return [slice(replicas[group[0]].start, replicas[group[-1]].stop) for group in groups if len(group)]


def replica_pairs(replicas: list[Any], most: int) -> list[tuple[Any, Any]]:
    """Every pair of replicas; of more than `most` pairs so many, evenly spread over them."""
    pairs = list(combinations(replicas, 2))
    if len(pairs) <= most:
        return pairs
    return [pairs[place] for place in np.linspace(0, len(pairs) - 1, most).round().astype(int)]


def resamples_in_turn(weights: np.ndarray, width: int, numbers: int = 4_000_000) -> list[np.ndarray]:
    """Weights (R, P) in portions of resamples, such that a portion by `width` holds `numbers` numbers or so at most."""
    return np.array_split(weights, max(1, min(len(weights), len(weights) * width // numbers)))
