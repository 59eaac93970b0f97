"""Weights of frames by Markov models of each residue's slow states, with those of many peptides as a prior.

A simulation that is shorter than its slow motions has the populations of its start. The transitions in it are unbiased
all the same. Of the states of a whole peptide short runs hold too few transitions; of the slow steps of one residue
they hold many, and those of the same step in other peptides tell more. The steps, each a reversible Markov state model:

1. the side of phi, while no other residue is at positive phi: residues that start there together hold each other there;
2. helical or extended psi, at negative phi (glycine: on either side, mirrored);
3. rotamers of chi1 within each of those, at negative phi.

The weight of a frame is the product, over residues and steps, of the population of its state over the share of the
frames in it. Slow steps of different residues are taken as independent, but for what the frames themselves hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from jamun.peptides.torsions import Torsion
from jamun.populations.basins import ResidueStates, residue_states
from jamun.populations.markov import Posterior, bounded, count_transitions, rate_prior, sample_populations

Key = tuple[str, ...]


@dataclass(frozen=True)
class PeptideRuns:
    """Short simulations of one peptide.

    Attributes:
        peptide: its name.
        torsions: K, as `compute_torsions` gives them.
        runs: angles (F, K) in radians of each run, in the order of the frames.
        frame_interval: ps.
    """

    peptide: str
    torsions: list[Torsion]
    runs: list[np.ndarray]
    frame_interval: float

    @property
    def n_frames(self) -> int:
        return sum(map(len, self.runs))


@dataclass(frozen=True)
class ResidueSettings:
    """How residues are weighed.

    Attributes:
        lag: ps.
        strength: transitions that a prior counts as.
        n_samples: draws of each posterior.
        seed: of the draws.
        smallest, largest: bounds of a frame's weight, whose mean is 1.
    """

    lag: float = 50.0
    strength: float = 2.0
    n_samples: int = 200
    seed: int = 0
    smallest: float = 0.02
    largest: float = 10.0


@dataclass(frozen=True)
class StepResult:
    """One slow step of a residue.

    Attributes:
        residue, place: its name, and its place in the sequence.
        step: "phi > 0", "helical" or "chi1".
        transitions: number of them in the peptide's own runs (of a pooled estimate: in all).
        share: of the frames in the states, (S,).
        population: (S,).
        low, high: ends of the 95 % interval, (S,).
    """

    residue: str
    place: int
    step: str
    transitions: float
    share: np.ndarray
    population: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass
class Step:
    """A slow step of one residue in the runs of one peptide.

    Attributes:
        states: (F,) of each run, 0 to n_states - 1.
        counted: (F,) bool of each run, the frames that the step is about.
        levels: what the step is pooled by, from the most general to the most particular.
        basins: (n_states,) of the step's states, whose populations among each other another step gives; of one basin
            where this step tells all.
    """

    residue: ResidueStates
    name: str
    n_states: int
    states: list[np.ndarray]
    counted: list[np.ndarray]
    levels: tuple[Key, ...]
    basins: np.ndarray
    shown: np.ndarray  # frames (F,) of which the step's weights are, all runs in one

    def counts(self, lag: int) -> np.ndarray:
        """Transitions (S, S); lag in frames."""
        return count_transitions(self.states, self.n_states, lag, self.counted)

    @property
    def visits(self) -> np.ndarray:
        """Frames (S,) in each state."""
        states = np.concatenate(self.states)[np.concatenate(self.counted)]
        return np.bincount(states, minlength=self.n_states)


def steps_of(residues: list[ResidueStates]) -> list[Step]:
    """The slow steps of a peptide's residues, of those that its frames have at least two states of."""
    found = []
    for residue in residues:
        glycine = residue.name == "GLY"
        others = [other for other in residues if other is not residue and other.name != "GLY"]
        everywhere = [np.ones(len(run), dtype=bool) for run in residue.positive]
        alone = [
            ~np.any([other.positive[run] for other in others], axis=0) if others else everywhere[run]
            for run in range(len(residue.positive))
        ]
        near = everywhere if glycine else [~run for run in residue.positive]
        kind = ("GLY" if glycine else "any") + (" before proline" if residue.before_proline else "")
        own = (residue.name, str(residue.before_proline), str(residue.place))
        place = str(residue.place)
        if residue.name != "PRO":  # whose ring holds phi
            found.append(
                Step(
                    residue,
                    "phi > 0",
                    2,
                    [run.astype(np.int64) for run in residue.positive],
                    alone,
                    (("phi", "GLY" if glycine else "any"), ("phi", *own)) if glycine else (("phi", "any"),),
                    np.zeros(2, dtype=np.int64),
                    np.concatenate(everywhere),
                )
            )
        found.append(
            Step(
                residue,
                "helical",
                2,
                [run.astype(np.int64) for run in residue.helical],
                near,
                (("psi", kind, place), ("psi", *own)),
                np.zeros(2, dtype=np.int64),
                np.concatenate(near),
            )
        )
        if residue.rotamer is not None:
            found.append(
                Step(
                    residue,
                    "chi1",
                    6,
                    [3 * one + other for one, other in zip(residue.helical, residue.rotamer, strict=True)],
                    near,
                    (("chi1", residue.name, str(residue.before_proline)), ("chi1", *own)),
                    np.repeat([0, 1], 3),
                    np.concatenate(near),
                )
            )
    return found


@dataclass
class Pool:
    """Transitions (S, S) and visits (S,), in frames, of each kind of slow step, over many peptides; lag in ps."""

    lag: float
    counts: dict[Key, np.ndarray] = field(default_factory=dict)
    visits: dict[Key, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, peptides: Iterable[PeptideRuns], lag: float) -> Pool:
        """Count the transitions of these peptides; lag in ps."""
        pool = cls(lag)
        for peptide in peptides:
            for step in steps_of(residue_states(peptide.torsions, peptide.runs)):
                own = step.counts(_lag_frames(peptide, lag))
                for key in step.levels:
                    pool.counts[key] = pool.counts.get(key, 0.0) + own
                    pool.visits[key] = pool.visits.get(key, 0) + step.visits
        return pool

    def prior(self, levels: tuple[Key, ...], visits: np.ndarray, strength: float) -> np.ndarray:
        """Prior (S, S) at the most particular of these levels, each of which has the one above it as its own prior.

        The most general has, as its prior, one transition out of each state that has frames to where frames are: what
        no transition is known of stays as it is in the frames.

        Args:
            levels: from the most general.
            visits: (S,) frames of what the prior is for.
            strength: transitions that each level counts as for the next.
        """
        prior = _independent(visits + (self.visits[levels[0]] if levels[:1] and levels[0] in self.visits else 0))
        for key in levels:
            prior = rate_prior(prior + self.counts.get(key, 0.0), strength)
        return prior


def _independent(visits: np.ndarray) -> np.ndarray:
    """One transition out of each state with frames, (S, S), to the others with frames, by how many each has."""
    rows = np.where(visits[:, None] > 0, visits, 0).astype(float)
    np.fill_diagonal(rows, 0.0)
    leaving = rows.sum(1, keepdims=True)
    return np.divide(rows, leaving, out=np.zeros_like(rows), where=leaving > 0)


def _lag_frames(peptide: PeptideRuns, lag: float) -> int:
    return max(1, round(lag / peptide.frame_interval))


def _posterior(
    step: Step, own: tuple[np.ndarray, np.ndarray], levels: tuple[Key, ...], pool: Pool, settings: ResidueSettings
) -> Posterior:
    """Populations of a step by its own counts (S, S) and visits (S,), and the pool's at these levels."""
    counts, visits = own
    posterior = sample_populations(
        counts, pool.prior(levels, visits, settings.strength), settings.n_samples, settings.seed
    )
    return Posterior(_within(posterior.best[None], step.basins)[0], _within(posterior.samples, step.basins), counts)


def _within(samples: np.ndarray, basins: np.ndarray) -> np.ndarray:
    """Populations (B, S) with the sum 1 within each basin."""
    found = samples.copy()
    for basin in np.unique(basins):
        members = basins == basin
        sums = found[:, members].sum(1, keepdims=True)
        found[:, members] /= np.where(sums > 0, sums, 1.0)
    return found


def _weighted_shares(step: Step, states: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shares = np.bincount(states[step.shown], weights[step.shown], minlength=step.n_states)
    sums = np.zeros(step.basins.max() + 1)
    np.add.at(sums, step.basins, shares)
    sums = sums[step.basins]
    return np.divide(shares, sums, out=np.zeros_like(shares), where=sums > 0)


def _target(populations: np.ndarray, shares: np.ndarray, basins: np.ndarray) -> np.ndarray:
    """Populations (S,) with those of states without frames shared out among the others of the basin."""
    target = np.where(shares > 0, populations, 0.0)
    sums = np.zeros(basins.max() + 1)
    np.add.at(sums, basins, target)
    sums = sums[basins]
    return np.divide(target, sums, out=np.zeros_like(target), where=sums > 0)


_ROUNDS, _CONVERGED = 200, 1e-4


def _rake(groups: list[tuple[list[tuple[int, Step, np.ndarray]], np.ndarray]], lengths: list[int]) -> list[np.ndarray]:
    """Weights whose shares are the wanted ones, by iterative proportional fitting.

    Args:
        groups: for each distribution that is wanted, the steps it holds for, as (peptide's number, step, states (F,)),
            and the populations (S,) that all these frames together shall have.
        lengths: frames of each peptide.

    Returns:
        Weights of each peptide's frames, mean 1 over all.
    """
    weights = [np.ones(length) for length in lengths]
    for _ in range(_ROUNDS):
        change = 0.0
        for members, populations in groups:
            basins = members[0][1].basins
            sums = sum(
                np.bincount(states[step.shown], weights[number][step.shown], minlength=step.n_states)
                for number, step, states in members
            )
            shares = _target(sums, sums, basins)
            target = _target(populations, shares, basins)
            ratio = np.divide(target, shares, out=np.ones_like(target), where=shares > 0)
            change = max(change, float(np.abs(target - shares).max()))
            for number, step, states in members:
                weights[number][step.shown] *= ratio[states[step.shown]]
        total = sum(float(one.sum()) for one in weights) / sum(lengths)
        weights = [one / total for one in weights]
        if change < _CONVERGED:
            break
    return weights


def _results(members: list[tuple[int, Step, np.ndarray]], posterior: Posterior, place: int) -> StepResult:
    step = members[0][1]
    sums = sum(np.bincount(states[own.shown], minlength=own.n_states) for _, own, states in members).astype(float)
    low, high = np.percentile(posterior.samples, [2.5, 97.5], axis=0)
    return StepResult(
        step.residue.name,
        place,
        step.name,
        float(posterior.counts.sum() - np.trace(posterior.counts)),
        _target(sums, sums, step.basins),
        posterior.best,
        low,
        high,
    )


def peptide_weights(
    peptide: PeptideRuns, pool: Pool, settings: ResidueSettings
) -> tuple[list[np.ndarray], list[StepResult]]:
    """Weights (F,) of the frames of each run of one peptide, mean 1 over all, and what each slow step says.

    Args:
        peptide: its runs.
        pool: transitions of other peptides, from which the prior is taken; may be empty.
        settings: lag time, weight of the prior.
    """
    lag = _lag_frames(peptide, settings.lag)
    groups, results = [], []
    for step in steps_of(residue_states(peptide.torsions, peptide.runs)):
        member = [(0, step, np.concatenate(step.states))]
        posterior = _posterior(step, (step.counts(lag), step.visits), step.levels, pool, settings)
        groups.append((member, posterior.best))
        results.append(_results(member, posterior, step.residue.place))
    weights = bounded(_rake(groups, [peptide.n_frames])[0], settings.smallest, settings.largest)
    ends = np.cumsum([len(run) for run in peptide.runs])[:-1]
    return np.split(weights, ends), results


def pooled_weights(
    peptides: list[PeptideRuns], settings: ResidueSettings
) -> tuple[dict[str, np.ndarray], list[StepResult]]:
    """Weights of the frames of many peptides with next to no transitions each, by residue type.

    All frames of residues of one type in one place get the populations of that type. What one peptide adds to all may
    change so: a peptide that stayed in a rare state weighs less, since others of its residues show the common one.

    Returns:
        For each peptide, weights (F,) of its runs' frames one after the other, whose mean over all peptides' frames
        is 1; and what each slow step of each residue type says.
    """
    pool = Pool.of(peptides, settings.lag)
    groups: dict[Key, list[tuple[int, Step, np.ndarray]]] = {}
    for number, peptide in enumerate(peptides):
        for step in steps_of(residue_states(peptide.torsions, peptide.runs)):
            groups.setdefault(step.levels[-1], []).append((number, step, np.concatenate(step.states)))
    wanted, results = [], []
    for key, members in groups.items():
        step = members[0][1]
        posterior = _posterior(step, (pool.counts[key], pool.visits[key]), step.levels[:-1], pool, settings)
        wanted.append((members, posterior.best))
        results.append(_results(members, posterior, step.residue.place))
    lengths = [peptide.n_frames for peptide in peptides]
    weights = bounded(np.concatenate(_rake(wanted, lengths)), settings.smallest, settings.largest)
    parts = np.split(weights, np.cumsum(lengths)[:-1])
    return {peptide.peptide: own for peptide, own in zip(peptides, parts, strict=True)}, results
