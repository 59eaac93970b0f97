"""Statistical weights of frames."""

import numpy as np


def effective_share(weights: np.ndarray | None) -> float:
    """Kish's effective share of weighted frames (F,): (sum w)^2 / (F sum w^2); 1 without weights (L. Kish, 1965)."""
    if weights is None:
        return 1.0
    return float(weights.sum() ** 2 / (len(weights) * np.square(weights).sum()))
