"""What the model needs of a library: TICA, k-means, a Markov state model with PCCA+."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class MSMError(ValueError):
    """Data or an environment with which no Markov state model can be made; the message is one sentence."""


@dataclass(frozen=True)
class MarkovModel:
    """A reversible maximum-likelihood model on its largest connected set of clusters.

    active (n,): the clusters in that set; stationary (n,): their probabilities; timescales: implied, in frames, longest
    first; pcca: number of macrostates -> macrostate of each active cluster (n,).
    """

    active: np.ndarray
    stationary: np.ndarray
    timescales: np.ndarray
    pcca: Callable[[int], np.ndarray]


class Backend(Protocol):
    """One library. Trajectories are lists of (frames, features); pairs of frames never span two of them."""

    name: str

    def tica(self, trajectories: list[np.ndarray], lag: int, dimensions: int) -> Callable[[np.ndarray], np.ndarray]:
        """Fit TICA with kinetic-map scaling; returns the projection of frames on at most `dimensions` components."""

    def centres(self, points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
        """k-means cluster centres (clusters, dimensions) of points (frames, dimensions)."""

    def markov(self, paths: list[np.ndarray], lag: int) -> MarkovModel:
        """Estimate on discrete trajectories. Raises MSMError if there is nothing to estimate."""


def load_backend(name: str) -> Backend:
    """The backend called `name`. Raises MSMError, saying what to do, where it is not installed."""
    if name == "deeptime":
        from jamun.evaluation.msm.deeptime_backend import DeeptimeBackend

        return DeeptimeBackend()
    try:
        from jamun.evaluation.msm.pyemma_backend import PyemmaBackend
    except ImportError as error:
        raise MSMError(
            f"PyEMMA is not installed for this interpreter ({error}): build its environment with `make pyemma`, or set "
            "evaluation.msm.backend to deeptime, which needs none."
        ) from None
    return PyemmaBackend()
