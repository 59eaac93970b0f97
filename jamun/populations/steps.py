"""The slow steps of a peptide's residues: the side of phi, helical psi, the rotamer of chi1."""

from dataclasses import dataclass

import numpy as np

from jamun.populations.basins import ResidueStates
from jamun.populations.markov import count_transitions
from jamun.populations.raking import shares_of

Key = tuple[str, ...]

# Names of the slow steps.
SIDE_OF_PHI, HELICAL, CHI1 = STEPS = ("phi > 0", "helical", "chi1")
# The side of phi that is rare, of L and of D residues.
RARE_SIDE = {False: "phi > 0", True: "phi < 0"}
# The torsion that each turns.
TORSIONS = {SIDE_OF_PHI: "phi", HELICAL: "psi", CHI1: "chi1"}


@dataclass(frozen=True)
class Step:
    """A slow step of one residue in the runs of one peptide.

    residue: whose step it is.
    name: "phi > 0", "helical" or "chi1".
    n_states: S.
    states: (F,) of each run, 0 to S - 1.
    counted: (F,) bool of each run, between which transitions are counted.
    weighed: (F,) bool of each run, that get the populations of the step's states.
    levels: what the step is pooled by, from the most general to the most particular.
    """

    residue: ResidueStates
    name: str
    n_states: int
    states: list[np.ndarray]
    counted: list[np.ndarray]
    weighed: list[np.ndarray]
    levels: tuple[Key, ...]

    def counts(self, lag: int, weights: list[np.ndarray] | None = None) -> np.ndarray:
        """Transitions (S, S); lag in frames, weights (F,) of each run."""
        return count_transitions(self.states, self.n_states, lag, self.counted, weights)

    @property
    def visits(self) -> np.ndarray:
        """Weighed frames (S,) in each state."""
        return np.bincount(self._labels, minlength=self.n_states)

    def shares(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Share (S,) of the weighed frames, or of their weights among those (F,) of all, in each state; zeros where
        there is none."""
        return shares_of(self._labels, self.n_states, None if weights is None else weights[self._kept])

    def means(self, weights: np.ndarray) -> np.ndarray:
        """Mean of the weights (F,) in each state (S,), 1 where there is no frame."""
        sums, visits = np.bincount(self._labels, weights[self._kept], self.n_states), self.visits
        return np.divide(sums, visits, out=np.ones(self.n_states), where=visits > 0)

    @property
    def _kept(self) -> np.ndarray:
        """The weighed frames (F,) bool, of all runs together."""
        return np.concatenate(self.weighed)

    @property
    def _labels(self) -> np.ndarray:
        """Their states."""
        return np.concatenate(self.states)[self._kept]


def steps_of(residues: list[ResidueStates]) -> list[Step]:
    """The slow steps of the residues of one peptide.

    Residues at positive phi hold each other there, so that transitions of phi are counted while no other one is.
    Glycine has no beta carbon, crosses phi = 0 by itself and is pooled with glycines alone, as residues
    before proline are with their like, and D residues with D residues.
    """
    found = []
    for residue in residues:
        glycine = residue.name == "GLY"
        turning = next((own for own in (residue.positive, residue.helical, residue.rotamer) if own is not None), [])
        all_frames = [np.ones(len(run), dtype=bool) for run in turning]
        near = all_frames if glycine or residue.positive is None else [~run for run in residue.positive]
        hand = ("D",) if residue.mirrored else ()
        kind = ("GLY" if glycine else "any") + (" before proline" if residue.before_proline else "")
        own = (residue.name, str(residue.before_proline), str(residue.place), *hand)
        if residue.positive is not None:
            positive = [run.astype(np.int64) for run in residue.positive]
            levels: tuple[Key, ...] = (("phi", "GLY"), ("phi", *own)) if glycine else (("phi", "any", *hand),)
            alone = _others_near(residue, residues)
            found.append(Step(residue, SIDE_OF_PHI, 2, positive, alone, all_frames, levels))
        if residue.helical is not None:
            helical = [run.astype(np.int64) for run in residue.helical]
            levels = (("psi", kind, str(residue.place), *hand), ("psi", *own))
            found.append(Step(residue, HELICAL, 2, helical, near, near, levels))
        if residue.rotamer is not None:
            levels = (("chi1", residue.name, str(residue.before_proline), *hand), ("chi1", *own))
            found.append(Step(residue, CHI1, 3, residue.rotamer, all_frames, all_frames, levels))
    return found


def _others_near(residue: ResidueStates, residues: list[ResidueStates]) -> list[np.ndarray]:
    """Frames (F,) bool of each run in which no other residue but glycines is at positive phi."""
    others = [
        other.positive
        for other in residues
        if other is not residue and other.name != "GLY" and other.positive is not None
    ]
    return [
        ~np.any([other[run] for other in others], axis=0) if others else np.ones(len(own), dtype=bool)
        for run, own in enumerate(residue.positive or [])
    ]
