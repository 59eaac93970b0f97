"""Weights of frames that give them the populations of several models at once."""

from dataclasses import dataclass

import numpy as np

# Rounds at most, and the largest difference of a share from its population at which they end.
_ROUNDS, _CLOSE = 200, 1e-4
# Populations that no weights can have together, as of two steps that always change at once, let their factors grow
# against each other without end: so many rounds that come no nearer end it.
_STALLED = 5


@dataclass(frozen=True)
class Wanted:
    """Populations that frames, of one peptide or of several, shall have together.

    frames: number of each frame that they hold for (G,), among all.
    states: (G,) of these frames.
    populations: (S,).
    """

    frames: np.ndarray
    states: np.ndarray
    populations: np.ndarray


def shares_of(states: np.ndarray, n_states: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Share (S,) of the frames, or of their weights, in each state; zeros where there is none."""
    sums = np.bincount(states, weights, minlength=n_states).astype(float)
    total = sums.sum()
    return sums / total if total > 0 else sums


def rake(wanted: list[Wanted], weights: np.ndarray) -> np.ndarray:
    """Weights (F,), mean 1: these multiplied with all of their `factors`."""
    weights = weights.copy()
    for one, factor in zip(wanted, factors(wanted, weights), strict=True):
        weights[one.frames] *= factor[one.states]
    return weights / weights.mean()


def factors(wanted: list[Wanted], weights: np.ndarray) -> list[np.ndarray]:
    """A factor (S,) for the states of each of the wanted, whose product multiplies a frame's weight (F,): iterative
    proportional fitting, after which the weighted shares are all of the wanted ones.

    Deming and Stephan, Ann. Math. Stat. 11, 427 (1940). Of all weights with these shares they are nearest to the given
    ones. What a state without frames should have is shared out among the others. Where no weights have
    all of the shares, they end between them.
    """
    weights = weights.astype(float)
    found = [np.ones(len(one.populations)) for one in wanted]
    nearest, stalled = np.inf, 0
    for _ in range(_ROUNDS):
        change = 0.0
        for one, factor in zip(wanted, found, strict=True):
            shares = shares_of(one.states, len(one.populations), weights[one.frames])
            target = np.where(shares > 0, one.populations, 0.0)
            if target.sum() <= 0:
                continue
            target = target / target.sum()
            change = max(change, float(np.abs(target - shares).max()))
            ratio = np.divide(target, shares, out=np.ones_like(target), where=shares > 0)
            weights[one.frames] *= ratio[one.states]
            factor *= ratio
        stalled = stalled + 1 if change > 0.999 * nearest else 0
        nearest = min(nearest, change)
        if change < _CLOSE or stalled == _STALLED:
            break
    return found
