"""deeptime, in the main environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from deeptime.clustering import KMeans
from deeptime.decomposition import TICA
from deeptime.markov import TransitionCountEstimator
from deeptime.markov.msm import MaximumLikelihoodMSM

from jamun.evaluation.msm.backend import MarkovModel, MSMError


class DeeptimeBackend:
    """See Backend."""

    name = "deeptime"

    def tica(self, trajectories: list[np.ndarray], lag: int, dimensions: int) -> Callable[[np.ndarray], np.ndarray]:
        covariances = TICA.covariance_estimator(lagtime=lag).fit(trajectories).fetch_model()
        model = TICA(dim=dimensions, scaling="kinetic_map").fit_from_covariances(covariances).fetch_model()
        return model.transform

    def centres(self, points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
        estimator = KMeans(clusters, max_iter=500, fixed_seed=seed + 1, n_jobs=1)
        return estimator.fit(points).fetch_model().cluster_centers

    def markov(self, paths: list[np.ndarray], lag: int) -> MarkovModel:
        counts = TransitionCountEstimator(lag, "sliding").fit(paths).fetch_model()
        if counts.count_matrix.sum() == 0:
            raise MSMError(f"no trajectory is longer than the lag time of {lag} frames")
        model = MaximumLikelihoodMSM(reversible=True).fit(counts.submodel_largest()).fetch_model()
        return MarkovModel(
            active=np.asarray(model.count_model.state_symbols),
            stationary=np.asarray(model.stationary_distribution),
            timescales=np.asarray(model.timescales()),
            pcca=lambda macrostates: np.asarray(model.pcca(macrostates).assignments),
        )
