"""What the model needs of a library: k-means, and a Markov state model with PCCA+."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


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
    pairs = [np.stack([path[:-lag], path[lag:]]) for path in paths if len(path) > lag]
    if not pairs:
        raise MSMError(f"no trajectory is longer than the lag time of {lag} frames")
    start, end = np.concatenate(pairs, 1)
    clusters = int(max(start.max(), end.max())) + 1
    graph = coo_matrix((np.ones(len(start)), (start, end)), shape=(clusters, clusters))
    _, component = connected_components(graph, directed=True, connection="strong")
    if np.bincount(component).max() < 2:
        raise MSMError(
            f"at a lag of {lag} frames no two clusters have transitions both ways; it takes a longer trajectory, or "
            "fewer clusters"
        )
