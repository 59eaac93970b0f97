"""Populations of all slow steps of one peptide together: how fast one step goes depends on the states of the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jamun.io.seeds import derived_seed
from jamun.populations.markov import Expected, Posterior, reversible_populations, sample_populations
from jamun.populations.raking import Wanted, factors, shares_of
from jamun.populations.steps import Step

# Rounds at most in which the populations of all steps, and the transitions that they weigh, become consistent, and the
# change of a population at which they are. Each round goes a part of the way, in the logarithm, first 1 / 2, then less:
# where motions that were hardly crossed hold each other, whole steps can grow against each other without end.
_ROUNDS, _CONSISTENT, _SHORTER = 100, 1e-3, 5
_LEAST = 1e-4  # of a factor, by which a frame counts next to nothing
_FIRST = 20  # sweeps before the draws that are kept


@dataclass(frozen=True)
class Coupled:
    """The slow steps of one peptide's runs.

    Transitions of a step are weighed by the populations of all other steps, as runs are by those of their starts in Wan
    and Voelz, J. Chem. Phys. 152, 024103 (2020): runs that start evenly over all states would otherwise show the step
    as it is while the others are evenly populated.

    steps: S of them.
    lag: frames.
    priors: of each step, the prior transitions for the counts of its own.
    known: of each step, what is expected of its populations.
    seed: of draws.
    """

    steps: list[Step]
    lag: int
    priors: Sequence[Callable[[np.ndarray], np.ndarray]]
    known: list[Expected | None]
    seed: int

    @cached_property
    def _together(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The states of all steps together that frames are in: those of each step (C, S), -1 where it is not weighed;
        the state (F,) of each frame, from 0 to C - 1; frames (C,) of each state."""
        rows = np.stack(
            [
                np.where(np.concatenate(step.weighed), np.concatenate(step.states), -1).astype(np.int64)
                for step in self.steps
            ],
            axis=1,
        )
        states, of_frames, times = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return states, of_frames.ravel(), times

    def _factors(self, populations: list[np.ndarray]) -> np.ndarray:
        """Of each step, the logarithms (S, C) of the factors by which it weighs the states of all steps together."""
        states, _, times = self._together
        wanted = [
            Wanted(np.flatnonzero(column >= 0), column[column >= 0], own)
            for column, own in zip(states.T, populations, strict=True)
        ]
        logarithms = np.zeros((len(wanted), len(times)))
        for row, one, factor in zip(logarithms, wanted, factors(wanted, times), strict=True):
            row[one.frames] = np.log(np.maximum(factor, _LEAST))[one.states]
        return logarithms

    def _others_weights(self, populations: list[np.ndarray]) -> np.ndarray:
        """For each step, weights (S, C) of the states of all steps together by all other steps."""
        logarithms = self._factors(populations)
        weights: np.ndarray = np.exp(logarithms.sum(0) - logarithms)
        return weights

    def _counts(self, place: int, weights: np.ndarray) -> np.ndarray:
        """Transitions of one step by the weights (C,) of the states of all together."""
        _, of_frames, _ = self._together
        own = weights[of_frames]
        ends = np.cumsum([len(run) for run in self.steps[place].states])[:-1]
        return self.steps[place].counts(self.lag, np.split(own / own.mean(), ends))

    def consistent(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Populations (S,) of each step, and its transitions (S, S) weighed by those of the others."""
        counts = [step.counts(self.lag) for step in self.steps]
        populations: list[np.ndarray] = []
        for turn in range(_ROUNDS):
            new = [
                reversible_populations(own + prior(own), known)
                for own, prior, known in zip(counts, self.priors, self.known, strict=True)
            ]
            before, part = populations or new, 1 / (2 + turn / _SHORTER)
            moved = [old ** (1 - part) * own**part for old, own in zip(before, new, strict=True)]
            populations = [own / own.sum() for own in moved]
            weights = self._others_weights(populations)
            counts = [self._counts(place, own) for place, own in enumerate(weights)]
            change = max(np.abs(own - old).max() for old, own in zip(before, new, strict=True))
            if turn and change < _CONSISTENT:
                break
        return populations, counts

    def _posterior(self, place: int, counts: np.ndarray, n_samples: int, *more: int) -> Posterior:
        step = self.steps[place]
        seed = derived_seed(self.seed, step.residue.name, step.residue.place, step.name, *more)
        return sample_populations(counts, self.priors[place](counts), n_samples, seed, self.known[place])

    def posteriors(self, counts: list[np.ndarray], n_samples: int) -> list[Posterior]:
        """Of each step, with the others' populations as they are in `counts`."""
        return [self._posterior(place, own, n_samples) for place, own in enumerate(counts)]

    def joint_draws(self, populations: list[np.ndarray], n_samples: int) -> list[np.ndarray]:
        """Draws (B, S) of each step's populations, those of one row together: one step after the other is drawn given
        the others (Gibbs sampling), from these populations on. So errors of slow steps are in those of fast ones."""
        now, kept = list(populations), [np.empty((n_samples, len(own))) for own in populations]
        for sweep in range(-_FIRST, n_samples):
            for place in range(len(self.steps)):
                counts = self._counts(place, self._others_weights(now)[place])
                now[place] = self._posterior(place, counts, 1, sweep).samples[0]
                if sweep >= 0:
                    kept[place][sweep] = now[place]
        return kept

    def weighted(self, drawn: list[np.ndarray], weights: np.ndarray) -> list[np.ndarray]:
        """Draws (B, S) of each step's populations, those of one row together, when frames that have `drawn` ones get
        the weights (F,) on top. A state without frames keeps what it has."""
        states, of_frames, times = self._together
        heaviness = np.bincount(of_frames, weights, minlength=len(times))
        found = [own.copy() for own in drawn]
        for row in range(len(drawn[0])):
            own = np.exp(self._factors([one[row] for one in drawn]).sum(0)) * heaviness
            for column, one, target in zip(states.T, drawn, found, strict=True):
                shares = shares_of(column[column >= 0], one.shape[1], own[column >= 0])
                there = shares > 0
                target[row, there] = shares[there] * one[row, there].sum()
        return found
