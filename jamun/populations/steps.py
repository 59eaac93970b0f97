"""The slow steps of a peptide's residues: the side of phi, helical psi, the rotamer of chi1."""

from dataclasses import dataclass

import numpy as np

from jamun.populations.basins import ResidueStates
from jamun.populations.markov import count_transitions

Key = tuple[str, ...]

# Names of the slow steps.
SIDE_OF_PHI, HELICAL, CHI1 = STEPS = ("phi > 0", "helical", "chi1")
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
        return self._sums(None)

    def shares(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Share (S,) of the weighed frames, or of their weights among those (F,) of all, in each state; zeros where
        there is none."""
        sums = self._sums(weights)
        return sums / max(sums.sum(), 1e-300)

    def means(self, weights: np.ndarray) -> np.ndarray:
        """Mean of the weights (F,) in each state (S,), 1 where there is no frame."""
        visits = self.visits
        return np.divide(self._sums(weights), visits, out=np.ones(self.n_states), where=visits > 0)

    def _sums(self, weights: np.ndarray | None) -> np.ndarray:
        weighed = np.concatenate(self.weighed)
        of_frames = None if weights is None else weights[weighed]
        return np.bincount(np.concatenate(self.states)[weighed], of_frames, minlength=self.n_states)


def steps_of(residues: list[ResidueStates]) -> list[Step]:
    """The slow steps of the residues of one peptide.

    Residues at positive phi hold each other there, so that transitions of phi are counted while no other one is.
    Glycine has no beta carbon, crosses phi = 0 by itself and is pooled with glycines alone, as residues
    before proline are with their like.
    """
    found = []
    for residue in residues:
        glycine = residue.name == "GLY"
        all_frames = [np.ones(len(run), dtype=bool) for run in residue.positive]
        near = all_frames if glycine else [~run for run in residue.positive]
        kind = ("GLY" if glycine else "any") + (" before proline" if residue.before_proline else "")
        own = (residue.name, str(residue.before_proline), str(residue.place))
        if residue.name != "PRO":  # whose ring holds phi
            positive = [run.astype(np.int64) for run in residue.positive]
            levels: tuple[tuple[str, ...], ...] = (("phi", "GLY"), ("phi", *own)) if glycine else (("phi", "any"),)
            alone = _others_near(residue, residues)
            found.append(Step(residue, SIDE_OF_PHI, 2, positive, alone, all_frames, levels))
        helical = [run.astype(np.int64) for run in residue.helical]
        levels = (("psi", kind, str(residue.place)), ("psi", *own))
        found.append(Step(residue, HELICAL, 2, helical, near, near, levels))
        if residue.rotamer is not None:
            levels = (("chi1", residue.name, str(residue.before_proline)), ("chi1", *own))
            found.append(Step(residue, CHI1, 3, residue.rotamer, all_frames, all_frames, levels))
    return found


def _others_near(residue: ResidueStates, residues: list[ResidueStates]) -> list[np.ndarray]:
    """Frames (F,) bool of each run in which no other residue but glycines is at positive phi."""
    others = [other.positive for other in residues if other is not residue and other.name != "GLY"]
    return [
        ~np.any([other[run] for other in others], axis=0) if others else np.ones(len(own), dtype=bool)
        for run, own in enumerate(residue.positive)
    ]
