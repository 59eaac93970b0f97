"""Populations of discrete states by a reversible Markov state model of the transitions in short simulations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components


def count_transitions(
    runs: Sequence[np.ndarray],
    n_states: int,
    lag: int,
    counted: Sequence[np.ndarray] | None = None,
    weights: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """How often each state follows each other one lag time later, in nearly independent transitions.

    All windows of the lag time are counted, each as 1/lag, so that a run of T frames has (T - lag)/lag counts: one real
    crossing of a barrier, after which the run stays on the other side, adds 1. With weights the counts of all windows
    together are as many as those say in effect, (sum w)^2 / sum w^2 (Kish).

    Args:
        runs: the state (F,) of each frame of each run.
        n_states: S.
        lag: in frames.
        counted: frames (F,) bool of each run between which transitions are counted; all by default.
        weights: (F,) of each run; a window weighs as the mean of its two ends. All alike by default.

    Returns:
        Counts (S, S), from the row to the column.
    """
    counts = np.zeros((n_states, n_states))
    total, squares = 0.0, 0.0
    for number, run in enumerate(runs):
        before, after = run[:-lag], run[lag:]
        own = np.ones(len(before))
        if weights is not None:
            own = (weights[number][:-lag] + weights[number][lag:]) / 2
        if counted is not None:
            both = counted[number][:-lag] & counted[number][lag:]
            before, after, own = before[both], after[both], own[both]
        np.add.at(counts, (before, after), own)
        total, squares = total + float(own.sum()), squares + float(np.square(own).sum())
    return counts * (total / squares / lag) if squares > 0 else counts


@dataclass(frozen=True)
class Posterior:
    """Populations of states with their uncertainty.

    best: (S,) the most likely populations, whose sum is 1.
    samples: (B, S), each row a draw from the posterior, whose sum is 1.
    counts: (S, S) transitions from the runs alone, without the prior.
    """

    best: np.ndarray
    samples: np.ndarray
    counts: np.ndarray


# Newton's method: steps at most, halvings of a step at most, and the step in log p at which it ends.
_STEPS, _HALVINGS, _TOLERANCE = 200, 40, 1e-7


@dataclass(frozen=True)
class Expected:
    """What is known of populations before any transition: their logarithms are normal, with independent errors.

    populations: (..., S), all positive; the logarithms are those of these.
    errors: (S,) standard deviations of the logarithms.
    """

    populations: np.ndarray
    errors: np.ndarray

    @classmethod
    def of_samples(cls, visits: np.ndarray, error: float) -> "Expected":
        """What samples say that are `visits` (S,) times in the states. The free energy between two states has a
        standard deviation of `error`, kT, and that of counting; half a visit is added to each."""
        counted = visits + 0.5
        return cls(counted / counted.sum(), np.sqrt(error**2 / 2 + 1 / counted))

    def over(self, weights: np.ndarray) -> "Expected":
        """What is known when a weight (S,) is taken off each state."""
        own = self.populations / weights
        return replace(self, populations=own / own.sum())


def reversible_populations(counts: np.ndarray, expected: Expected | None = None) -> np.ndarray:
    """Populations of the most likely reversible Markov state models of these transitions.

    With c_i the counts out of state i, the populations p minimise
    sum_(i<=j) (c_ij + c_ji) log(c_i / p_i + c_j / p_j) + sum_i c_i log p_i (for i = j, half of c_ij + c_ji), which is
    convex in log p (Trendelkamp-Schroer and Noe, Phys. Rev. X 6, 011009 (2016)); by Newton's method, for all models at
    once. deeptime's fixed-point iteration gives the same where it converges, and is slow or ends early where few
    transitions join two parts of a model. What is expected adds a square in log p, which is convex too.

    Args:
        counts: (..., S, S), which connect all states that have any; the others have population 0.
        expected: of all models, or of each.

    Returns:
        (..., S) whose sum is 1.

    Raises:
        ValueError: states that have counts are not connected.
    """
    flat = counts.reshape(-1, *counts.shape[-2:]).astype(float)
    together = flat.sum(0)
    kept = np.flatnonzero(together.sum(0) + together.sum(1) > 0)
    own = flat[:, kept[:, None], kept]
    if len(kept) > 1 and connected_components(own.min(0) > 0, directed=True, connection="strong")[0] > 1:
        raise ValueError("the transitions do not connect all states; add a prior that does")
    populations = np.zeros(flat.shape[:2])
    centre, precision = np.zeros((1, len(kept))), np.zeros(len(kept))
    if expected is not None:
        centre = np.log(expected.populations.reshape(-1, counts.shape[-1])[:, kept])
        precision = expected.errors[kept] ** -2.0
    populations[:, kept] = _newton(own, centre, precision) if len(kept) > 1 else 1.0
    return populations.reshape(*counts.shape[:-2], -1)


def _apart(log_p: np.ndarray, centre: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """How far log p (B, S) is from what is expected (B or 1, S), with these precisions (S,), up to normalisation."""
    away = log_p - centre
    apart: np.ndarray = away - (away @ precision / max(precision.sum(), 1e-300))[:, None]
    return apart


def _objective(
    log_p: np.ndarray, counts: np.ndarray, leaving: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    """What is minimised, up to a constant; `counts` (B, S, S) are those between states, `leaving` (B, S) all."""
    rates = np.log(leaving) - log_p
    terms = counts * np.logaddexp(rates[:, :, None], rates[:, None, :])
    value: np.ndarray = terms.sum((1, 2)) + (counts.sum(2) * log_p).sum(1)
    expectation: np.ndarray = np.square(_apart(log_p, centre, precision)) @ precision / 2
    return value + expectation


def _newton(counts: np.ndarray, centre: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Populations (B, S) by counts (B, S, S) whose rows all have some, and by logarithms (B or 1, S) that are expected
    with these precisions (S,)."""
    leaving = counts.sum(2)
    # Who stays says nothing of log p, and a prior may hold so many that rounding would hide all others.
    counts = counts * (1 - np.eye(counts.shape[1]))
    moving, pairs = counts.sum(2), counts + counts.transpose(0, 2, 1)
    log_p = np.log(leaving / leaving.sum(1, keepdims=True))
    value = _objective(log_p, counts, leaving, centre, precision)
    states = counts.shape[1]
    identity = np.eye(states)
    held = np.diag(precision) - np.outer(precision, precision) / max(precision.sum(), 1e-300)
    for _ in range(_STEPS):
        rates = np.exp(np.log(leaving) - log_p)
        part = rates[:, :, None] / (rates[:, :, None] + rates[:, None, :])
        gradient = moving - (pairs * part).sum(2) + precision * _apart(log_p, centre, precision)
        bent = pairs * part * part.transpose(0, 2, 1)
        hessian = identity * bent.sum(2)[:, :, None] - bent + held
        # the sum of log p is free: hold it by a term of the Hessian's own size
        hessian += hessian.diagonal(axis1=1, axis2=2).mean(1)[:, None, None] / states
        step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        length = np.ones(len(counts))
        for _ in range(_HALVINGS):
            tried = _objective(log_p + length[:, None] * step, counts, leaving, centre, precision)
            worse = ~(tried <= value + 1e-12 * np.abs(value))
            if not worse.any():
                break
            length[worse] /= 2
        log_p, value = log_p + length[:, None] * step, tried
        if np.abs(length[:, None] * step).max() < _TOLERANCE:
            break
    else:
        raise ValueError("the populations of a Markov state model did not converge")
    log_p -= log_p.max(1, keepdims=True)
    populations: np.ndarray = np.exp(log_p)
    return populations / populations.sum(1, keepdims=True)


def sample_populations(
    counts: np.ndarray, prior: np.ndarray, n_samples: int, seed: int, expected: Expected | None = None
) -> Posterior:
    """Draw populations from the posterior of a reversible Markov state model.

    Each draw weighs the transitions anew by gamma-distributed weights (the Bayesian bootstrap, Rubin, Ann. Stat. 9, 130
    (1981)), by which the rows of the transition matrix are draws from their Dirichlet posteriors, and takes the most
    likely reversible model of them. Of two states this is the exact posterior. What is expected is drawn anew by its
    error for each draw, so that a posterior of normal distributions would be exact too.

    Args:
        counts: (S, S) transitions.
        prior: (S, S) transitions that are added to them. It has to connect all states that have frames; a state that
            nothing came back from gets a wide interval by it instead of being left out.
        n_samples: B.
        seed: of the draws.
        expected: populations (S,) with their error.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.gamma(np.broadcast_to(counts + prior, (n_samples, *counts.shape)))
    # a draw of the gamma distribution of a tiny shape can be next to nothing, and disconnect states
    drawn = np.where(counts + prior > 0, np.maximum(drawn, 1e-6), 0.0)
    if expected is None:
        return Posterior(reversible_populations(counts + prior), reversible_populations(drawn), counts)
    noise = expected.errors * generator.standard_normal((n_samples, len(counts)))
    shaken = replace(expected, populations=expected.populations * np.exp(noise))
    return Posterior(reversible_populations(counts + prior, expected), reversible_populations(drawn, shaken), counts)


# Of all states that nothing was seen in, together.
_MOST_UNSEEN = 0.5


def with_unseen(posterior: Posterior, expected: Expected, seed: int) -> Posterior:
    """A posterior in which states without any frame have what is expected of them, with its error.

    No transition tells of such a state. What samples say is how rare it is (`Expected.of_samples`): not seen in 1,500
    of them, with an error of 2 kT, it has up to 2 %.
    """
    unseen = posterior.best <= 0
    if not unseen.any():
        return posterior
    noise = np.random.default_rng(seed).standard_normal((len(posterior.samples), int(unseen.sum())))

    def given(populations: np.ndarray, share: np.ndarray) -> np.ndarray:
        share = share * np.minimum(1.0, _MOST_UNSEEN / share.sum(-1, keepdims=True))
        found = populations * (1 - share.sum(-1, keepdims=True))
        found[..., unseen] = share
        return found

    rare = expected.populations[unseen]
    drawn = rare * np.exp(noise * expected.errors[unseen])
    return replace(posterior, best=given(posterior.best, rare), samples=given(posterior.samples, drawn))


# The logarithm of a population below this is that of none.
_NONE = 1e-9


def mean_populations(samples: np.ndarray) -> np.ndarray:
    """Populations (S,) with the mean free energies of draws (B, S) of them."""
    mean = np.exp(np.log(np.maximum(samples, _NONE)).mean(0))
    found: np.ndarray = np.where(samples.any(0), mean, 0.0)
    return found / found.sum()


def rate_prior(counts: np.ndarray, strength: float) -> np.ndarray:
    """Prior (S, S) that says as much as `strength` transitions out of each state, at the probabilities of `counts`.

    A residue's rates differ from those of others by about 1/sqrt(strength) of their size, as draws from a gamma
    distribution of that shape do. `counts` (S, S) are of all that the prior comes from, at least some from each state.
    """
    off_diagonal = counts - np.diag(np.diag(counts))
    leaving = off_diagonal.sum(1)
    scale = np.divide(strength, leaving, out=np.zeros_like(leaving), where=leaving > 0)
    prior: np.ndarray = counts * scale[:, None]
    return prior


# Weighed crossings that say nothing of populations, and would be numerically hard.
_NEXT_TO_NONE = 1e-3


def expected_prior(counts: np.ndarray, expected: np.ndarray, strength: float) -> np.ndarray:
    """Prior (S, S) of as much as `strength` transitions out of each state, whose populations are the expected ones.

    The chance to go from state i to state j is r q_j, with r the one rate that is most likely by `counts` and one more
    transition. The populations q are a mean of the expected ones, which weigh as one crossing, and those of `counts`,
    which weigh as their crossings into or out of the state that has the fewest: what is expected says what is on either
    side of a barrier that was not crossed both ways, and next to nothing where there are many crossings.

    Args:
        counts: (S, S) transitions that r is taken from.
        expected: (S,) populations; states without any are not connected.
        strength: transitions.
    """
    q = expected / expected.sum()
    there = q > 0
    if there.sum() < 2:
        return np.diag(there.astype(float))
    crossing = counts - np.diag(np.diag(counts))
    fewest = float(np.minimum(crossing.sum(0), crossing.sum(1))[there].min())
    if fewest > _NEXT_TO_NONE:
        q = (q + fewest * reversible_populations(counts)) / (1.0 + fewest)
    rate = min((crossing.sum() + 1.0) / max(float(counts.sum(1) @ (1.0 - q)), 1.0), 1.0)
    chances = np.where(there[:, None] & there, rate * q, 0.0)
    np.fill_diagonal(chances, 0.0)
    np.fill_diagonal(chances, np.where(there, 1.0 - chances.sum(1), 0.0))
    return rate_prior(chances, strength)


def timescale(counts: np.ndarray, lag: float) -> float:
    """Implied timescale of the slowest relaxation, -lag / ln of the second eigenvalue, in the unit of the lag.

    Infinite where counts (S, S) hold no transition, 0 where the eigenvalue is not positive.
    """
    kept = counts.sum(1) > 0
    own = counts[np.ix_(kept, kept)]
    if kept.sum() < 2 or own.sum() == np.trace(own):
        return float("inf")
    own = own + own.T  # of a reversible process, whose eigenvalues are real
    values = np.sort(np.linalg.eigvals(own / own.sum(1, keepdims=True)).real)
    return float(-lag / np.log(min(values[-2], 1 - 1e-12))) if values[-2] > 0 else 0.0
