"""Statistical weights of frames."""

import numpy as np

# Rounds in which weights are cut off.
_ROUNDS = 200


def effective_share(weights: np.ndarray | None) -> float:
    """Kish's effective share of weighted frames (F,): (sum w)^2 / (F sum w^2); 1 without weights (L. Kish, 1965)."""
    if weights is None:
        return 1.0
    return float(weights.sum() ** 2 / (len(weights) * np.square(weights).sum()))


def bounded(weights: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """Weights (F,) whose mean is 1, none above `largest` or below `smallest`."""
    for _ in range(_ROUNDS):  # what is cut off moves the mean
        weights = np.clip(weights / weights.mean(), smallest, largest)
    found: np.ndarray = weights / weights.mean()
    return found
