"""deeptime, in the main environment; see Backend."""

import numpy as np
from deeptime.clustering import KMeans
from deeptime.markov import TransitionCountEstimator
from deeptime.markov.msm import MaximumLikelihoodMSM

from jamun.evaluation.msm.backend import MarkovModel, MSMError, require_connected

name = "deeptime"


def centres(points: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    estimator = KMeans(clusters, max_iter=500, fixed_seed=seed + 1, n_jobs=1)
    return estimator.fit(points).fetch_model().cluster_centers


def markov(paths: list[np.ndarray], lag: int) -> MarkovModel:
    require_connected(paths, lag)
    counts = TransitionCountEstimator(lag, "sliding").fit(paths).fetch_model()
    try:
        model = MaximumLikelihoodMSM(reversible=True).fit(counts.submodel_largest()).fetch_model()
    except (ValueError, RuntimeError) as error:
        raise MSMError(f"the estimate at a lag of {lag} frames failed ({error})") from None
    return MarkovModel(
        active=np.asarray(model.count_model.state_symbols),
        stationary=np.asarray(model.stationary_distribution),
        timescales=np.asarray(model.timescales()),
        pcca=lambda macrostates: np.asarray(model.pcca(macrostates).assignments),
    )
