"""PyEMMA 2, in an environment of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyemma

from jamun.evaluation.msm.backend import MarkovModel, MSMError, require_connected

# Bars of a non-interactive job would fill its log.
pyemma.config.show_progress_bars = False


class PyemmaBackend:
    """See Backend."""

    name = "pyemma"

    def tica(self, trajectories: list[np.ndarray], lag: int, dimensions: int) -> Callable[[np.ndarray], np.ndarray]:
        try:
            estimator = pyemma.coordinates.tica(trajectories, lag=lag, dim=dimensions, kinetic_map=True)
        except np.linalg.LinAlgError as error:
            raise MSMError(f"TICA of the torsions failed ({error})") from None
        return lambda frames: np.asarray(estimator.transform(np.asarray(frames, dtype=np.float64)))

    def centres(self, points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
        estimator = pyemma.coordinates.cluster_kmeans(
            np.ascontiguousarray(points), k=clusters, max_iter=500, fixed_seed=seed + 1, n_jobs=1
        )
        return np.asarray(estimator.clustercenters)

    def markov(self, paths: list[np.ndarray], lag: int) -> MarkovModel:
        require_connected(paths, lag)
        try:
            model = pyemma.msm.estimate_markov_model([path.astype(np.int64) for path in paths], lag=lag)
        except (ValueError, RuntimeError) as error:
            raise MSMError(f"the estimate at a lag of {lag} frames failed ({error})") from None

        def pcca(macrostates: int) -> np.ndarray:
            model.pcca(macrostates)
            return np.asarray(model.metastable_assignments)

        return MarkovModel(
            active=np.asarray(model.active_set),
            stationary=np.asarray(model.stationary_distribution),
            timescales=np.asarray(model.timescales()),
            pcca=pcca,
        )
