"""Weights of frames by Markov models of each residue's slow states, with those of many peptides as a prior.

A simulation that is shorter than its slow motions has the populations of its start. The transitions in it are unbiased
all the same. Of the states of a whole peptide short runs hold too few transitions; of the slow steps of one residue
they hold many, and those of the same step in other peptides tell more. The steps, each a reversible Markov state model:

1. the side of phi, while no other residue is at positive phi: residues that start there together hold each other there;
2. helical or extended psi, at negative phi (glycine: on either side, mirrored);
3. the rotamer of chi1.

Of a D residue, phi and psi are those of its mirror image.

Weights give the frames the populations of all steps at once. Slow steps of different residues are taken as independent,
but for what the frames themselves hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from jamun.data.weights import bounded
from jamun.io.seeds import derived_seed
from jamun.peptides.torsions import Torsion
from jamun.populations.basins import residue_states
from jamun.populations.coupled import Coupled
from jamun.populations.markov import (
    Expected,
    Posterior,
    expected_prior,
    mean_populations,
    rate_prior,
    timescale,
    with_unseen,
)
from jamun.populations.raking import Wanted, rake
from jamun.populations.steps import RARE_SIDE, SIDE_OF_PHI, Key, Step, steps_of


@dataclass(frozen=True)
class PeptideRuns:
    """Short simulations of one peptide.

    peptide: its name.
    torsions: K, as `compute_torsions` gives them.
    runs: angles (F, K) in radians of each run, in the order of the frames.
    frame_interval: ps.
    bias: energy (F,) in kT of each run's frames in the bias that they were made with; None without one.
    mirrored: places of D residues, from 1, caps not counted.
    """

    peptide: str
    torsions: list[Torsion]
    runs: list[np.ndarray]
    frame_interval: float
    bias: list[np.ndarray] | None = None
    mirrored: frozenset[int] = frozenset()

    @property
    def n_frames(self) -> int:
        return sum(map(len, self.runs))

    @cached_property
    def steps(self) -> list[Step]:
        """The slow steps of its residues."""
        return steps_of(residue_states(self.torsions, self.runs, self.mirrored))

    @property
    def unbiased(self) -> np.ndarray:
        """Weights (F,) of all frames, by which they are as without the bias wherever it was crossed; mean 1."""
        if self.bias is None:
            return np.ones(self.n_frames)
        energy = np.concatenate(self.bias)
        weights = np.exp(energy - energy.max())
        found: np.ndarray = weights / weights.mean()
        return found


@dataclass(frozen=True)
class ResidueSettings:
    """How residues are weighed.

    lag: ps.
    strength: transitions that a prior counts as.
    n_samples: draws of each posterior.
    seed: of the draws.
    smallest, largest: bounds of a frame's weight, whose mean is 1.
    model_error: of each step, by name: standard deviation in kT of the free energies that frames of the same peptide
        have which are expected; None where such frames say nothing that transitions could.
    joint: whether draws hold the errors of all other steps too, which takes longer.
    """

    lag: float = 50.0
    strength: float = 2.0
    n_samples: int = 200
    seed: int = 0
    smallest: float = 0.02
    largest: float = 10.0
    model_error: Mapping[str, float] | None = None
    joint: bool = False


@dataclass(frozen=True)
class StepResult:
    """One slow step of a residue.

    residue, place: its name, and its place in the sequence.
    mirrored: whether it is D, so that the step is that of its mirror image.
    step: "phi > 0", "helical" or "chi1".
    transitions: number of them in the peptide's own runs.
    share: of the frames in the states, (S,).
    population: (S,).
    low, high: ends of the 95 % interval, (S,).
    samples: (B, S) draws of the posterior.
    timescale: ps, of the relaxation of the step at the lag time; infinite without transitions.
    one_way: whether a state that has frames was never entered or never left, so that its population is held by the
        prior alone on one side.
    error: standard deviation of the least certain population of the states that have frames: of the others more MD
        tells nothing.
    """

    residue: str
    place: int
    mirrored: bool
    step: str
    transitions: float
    share: np.ndarray
    population: np.ndarray
    low: np.ndarray
    high: np.ndarray
    samples: np.ndarray
    timescale: float
    one_way: bool
    error: float

    @property
    def label(self) -> str:
        """The step as it is: of a D residue, phi < 0 is rare."""
        return RARE_SIDE[self.mirrored] if self.step == SIDE_OF_PHI else self.step


# Share that a state has at least where others are known to have it at all.
_RARE = 1e-3


@dataclass
class Pool:
    """Transitions (S, S) and visits (S,), in frames, of each kind of slow step, over many peptides; lag in ps."""

    lag: float
    counts: dict[Key, np.ndarray] = field(default_factory=dict)
    visits: dict[Key, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, peptides: Iterable[PeptideRuns], lag: float) -> "Pool":
        """Count the transitions of these peptides; lag in ps."""
        pool = cls(lag)
        for peptide in peptides:
            for step in peptide.steps:
                own = step.counts(_lag_frames(peptide, lag))
                for key in step.levels:
                    pool.counts[key] = pool.counts.get(key, 0.0) + own
                    pool.visits[key] = pool.visits.get(key, 0) + step.visits
        return pool

    def prior(self, levels: tuple[Key, ...], counts: np.ndarray, expected: np.ndarray, strength: float) -> np.ndarray:
        """Prior (S, S) at the most particular of these levels, from the most general, each of which has the one above
        it as its own prior and counts as `strength` transitions for the next. What the prior is for has transitions
        `counts` (S, S) and, where none is known, populations `expected` (S,)."""
        known = [key for key in levels if key in self.counts]
        if known:
            # the frames' own only where the pool has none at all
            expected = _RARE * expected / expected.sum() + self.visits[known[0]] / self.visits[known[0]].sum()
        prior = expected_prior(self.counts[known[0]] if known else counts, expected, strength)
        for key in known:
            prior = rate_prior(prior + self.counts[key], strength)
        return prior


def _lag_frames(peptide: PeptideRuns, lag: float) -> int:
    return max(1, round(lag / peptide.frame_interval))


def _wanted(step: Step, populations: np.ndarray) -> Wanted:
    """Populations (S,) of the weighed frames of a step."""
    weighed = np.flatnonzero(np.concatenate(step.weighed))
    return Wanted(weighed, np.concatenate(step.states)[weighed], populations)


def _result(step: Step, weights: np.ndarray, posterior: Posterior, lag: float, error: float) -> StepResult:
    low, high = np.percentile(posterior.samples, [2.5, 97.5], axis=0)
    return StepResult(
        step.residue.name,
        step.residue.place,
        step.residue.mirrored,
        step.name,
        float(posterior.counts.sum() - np.trace(posterior.counts)),
        step.shares(weights),
        posterior.best,
        low,
        high,
        posterior.samples,
        timescale(posterior.counts, lag),
        _one_way(posterior.counts, np.flatnonzero(step.visits)),
        error,
    )


def _one_way(counts: np.ndarray, there: np.ndarray) -> bool:
    off_diagonal = counts - np.diag(np.diag(counts))
    crossed = (off_diagonal.sum(0)[there] > 0) & (off_diagonal.sum(1)[there] > 0)
    return len(there) > 1 and not bool(crossed.all())


def step_results(
    peptide: PeptideRuns, pool: Pool, settings: ResidueSettings, expected: PeptideRuns | None = None
) -> list[StepResult]:
    """What each slow step of one peptide says; see `Coupled`.

    The prior is taken from `pool`, transitions of other peptides, which may be empty. `expected` are frames of the same
    peptide whose shares are expected where no transition is known, such as samples of a model; by default the runs'.
    """
    steps = peptide.steps
    others = steps if expected is None else expected.steps
    weights = peptide.unbiased
    # The transitions are those of the MD as it was made: with a bias, frames of some states are heavier without it.
    lifts = [step.means(weights) for step in steps]
    shares = [
        (1 - _RARE) * (step.shares(weights) if expected is None else other.shares()) + _RARE * step.shares(weights)
        for step, other in zip(steps, others, strict=True)
    ]
    priors = [
        partial(pool.prior, step.levels, expected=own / lift, strength=settings.strength)
        for step, own, lift in zip(steps, shares, lifts, strict=True)
    ]
    known: list[Expected | None] = [None] * len(steps)
    if expected is not None and settings.model_error is not None:
        errors = settings.model_error
        known = [Expected.of_samples(other.visits, errors[other.name]) for other in others]
    known_biased = [None if own is None else own.over(lift) for own, lift in zip(known, lifts, strict=True)]
    coupled = Coupled(steps, _lag_frames(peptide, settings.lag), priors, known_biased, settings.seed)
    populations, counts = coupled.consistent()
    if settings.joint:
        drawn = coupled.joint_draws(populations, settings.n_samples)
        posteriors = [Posterior(mean_populations(own), own, one) for own, one in zip(drawn, counts, strict=True)]
    else:
        posteriors = coupled.posteriors(counts, settings.n_samples)
    if peptide.bias is not None:
        drawn = coupled.weighted([posterior.samples for posterior in posteriors], weights)
        posteriors = [
            Posterior(mean_populations(own), own, posterior.counts)
            for own, posterior in zip(drawn, posteriors, strict=True)
        ]
    results = []
    for step, posterior, own in zip(steps, posteriors, known, strict=True):
        error = float(posterior.samples.std(0).max())
        if own is not None:
            seed = derived_seed(settings.seed, "unseen", step.residue.place, step.name)
            posterior = with_unseen(posterior, own, seed)
        results.append(_result(step, weights, posterior, settings.lag, error))
    return results


# A timescale that grows by less than this share at twice the lag has converged; of fewer transitions it is noise.
_GROWTH, _FEWEST = 0.1, 5.0


def choose_lag(peptide: PeptideRuns, candidates: list[float]) -> tuple[float, dict[str, list[float]]]:
    """The shortest lag, ps, at which the implied timescales of all steps have converged; and for each step, by residue,
    place and name, its timescale in ps at each candidate.

    `candidates` are lags in ps, each twice the one before; the last is taken where no other will do.
    """
    steps = peptide.steps
    counts = [[step.counts(_lag_frames(peptide, lag)) for lag in candidates] for step in steps]
    times = [[timescale(own, lag) for own, lag in zip(row, candidates, strict=True)] for row in counts]
    names = [f"{step.residue.name}{step.residue.place} {step.name}" for step in steps]
    told = dict(zip(names, times, strict=True))
    for place, lag in enumerate(candidates[:-1]):
        judged = [
            (row[place], row[place + 1])
            for row, own in zip(times, counts, strict=True)
            if own[place].sum() - np.trace(own[place]) >= _FEWEST
        ]
        if all(later <= (1 + _GROWTH) * now for now, later in judged):
            return lag, told
    return candidates[-1], told


def weights_by(peptide: PeptideRuns, results: list[StepResult], settings: ResidueSettings) -> list[np.ndarray]:
    """Weights (F,) of the frames of each run, or of samples of the same peptide, by the results of its steps; mean 1
    over all frames."""
    steps = peptide.steps
    wanted = [_wanted(step, result.population) for step, result in zip(steps, results, strict=True)]
    weights = bounded(rake(wanted, peptide.unbiased), settings.smallest, settings.largest)
    return np.split(weights, np.cumsum([len(run) for run in peptide.runs])[:-1])


def peptide_weights(
    peptide: PeptideRuns, pool: Pool, settings: ResidueSettings
) -> tuple[list[np.ndarray], list[StepResult]]:
    """Weights (F,) of the frames of each run of one peptide, mean 1 over all, and what each slow step says; see
    `step_results` for the arguments."""
    results = step_results(peptide, pool, settings)
    return weights_by(peptide, results, settings), results
