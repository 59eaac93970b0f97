"""PyEMMA 2, in an environment of its own; see Backend."""

import numpy as np
import pyemma

from jamun.evaluation.msm.backend import MarkovModel, MSMError, require_connected

# Bars of a non-interactive job would fill its log.
pyemma.config.show_progress_bars = False
name = "pyemma"


def centres(points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    contiguous = np.ascontiguousarray(points)
    estimator = pyemma.coordinates.cluster_kmeans(contiguous, k=clusters, max_iter=500, fixed_seed=seed + 1, n_jobs=1)
    return np.asarray(estimator.clustercenters)


def markov(paths: list[np.ndarray], lag: int) -> MarkovModel:
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
