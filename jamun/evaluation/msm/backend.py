"""What the model needs of a library: k-means, and a Markov state model with PCCA+."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from deeptime.markov import TransitionCountEstimator


class MSMError(ValueError):
    """Data or an environment with which no Markov state model can be made; the message is one sentence."""


@dataclass(frozen=True)
class MarkovModel:
    """A reversible maximum-likelihood model on its largest connected set of clusters.

    active: (n,) the clusters in that set.
    stationary: (n,) their probabilities.
    timescales: implied, in frames, longest first.
    pcca: from a number of macrostates to the macrostate of each active cluster (n,).
    """

    active: np.ndarray
    stationary: np.ndarray
    timescales: np.ndarray
    pcca: Callable[[int], np.ndarray]


class Backend(Protocol):
    """One library: a module with these names. Pairs of frames never span two trajectories."""

    name: str

    def centres(self, points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
        """k-means cluster centres (clusters, dimensions) of points (frames, dimensions)."""

    def markov(self, paths: list[np.ndarray], lag: int) -> MarkovModel:
        """Estimate on discrete trajectories. Raises MSMError if there is nothing to estimate, or it fails."""


def require_connected(paths: list[np.ndarray], lag: int) -> None:
    """Raises MSMError unless transitions at `lag` lead both ways between two clusters at least.

    Both libraries take the largest such set of clusters, but end in errors of their own where it is a single cluster.
    """
    long_enough = [path for path in paths if len(path) > lag]
    if not long_enough:
        raise MSMError(f"no trajectory is longer than the lag time of {lag} frames")
    counts = TransitionCountEstimator(lag, "sliding").fit(long_enough).fetch_model()
    if max(map(len, counts.connected_sets())) < 2:
        raise MSMError(
            f"at a lag of {lag} frames no two clusters have transitions both ways; it takes a longer trajectory, or "
            "fewer clusters"
        )
