"""Weights of training frames that take the starts of short simulations out of the populations.

A simulation that is shorter than its slow motions has the populations of its start. The transitions in it are unbiased
all the same, and a reversible Markov state model of them tells the populations that long simulations would have
(Prinz et al., J. Chem. Phys. 134, 174105 (2011)). One peptide's simulations hold few transitions of a side chain;
those of all training peptides with the same residue in the same place hold many. So the model of a residue in a
peptide is that of its own transitions and, as a prior, those of all. What it says of the rotamers within a backbone
basin is taken; how much is in each basin is left to the frames, since psi crosses often enough and depends on the
neighbours, which the prior does not know. Between two sides of a barrier that is next to never crossed not even all
peptides' transitions of a residue are enough: phi = 0 of residues with a beta carbon, psi of residues before proline.
How much is on either side is then that of a two-state model whose prior is all such residues together; of frames alone
in which no other residue is on the far side, since residues that start there together hold each other there, and are
next to never there together otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from deeptime.markov.msm import MaximumLikelihoodMSM

from jamun.config.features import ReweightingSettings
from jamun.data.store import FeatureFile
from jamun.io.atomic import write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.conformations import ROTAMERS
from jamun.peptides.torsions import compute_torsions

# psi of helical conformations, degrees: the wells on both sides of its barriers.
_HELICAL = (-120.0, 50.0)
# Transitions, drawn as if frames were independent, that hold a residue's model to the shares of the frames where there
# are few real ones; and of a divide, of which a few real ones in all say more than the starts do.
_INDEPENDENT, _INDEPENDENT_DIVIDE = 10.0, 1.0
_ROUNDS = 20
_BASINS = ("extended", "helical", "left-handed")
_LABELS = tuple(f"{basin}, {rotamer}" for rotamer in (*ROTAMERS, "no chi1") for basin in _BASINS)
# Basin (S,) of each state.
_BASIN_OF = np.tile(np.array(_BASINS), len(_LABELS) // len(_BASINS))


@dataclass(frozen=True)
class Divide:
    """A barrier that is next to never crossed: the states (S,) on its far side, and the residues that have it."""

    far: np.ndarray
    residues: Callable[[Residue], bool]


@dataclass(frozen=True)
class Residue:
    """A residue of a peptide: its name, its place in the sequence (from 1, caps not counted), whether proline comes
    after it, and the state (F,) of each frame, an index of _LABELS."""

    name: str
    place: int
    before_proline: bool
    states: np.ndarray


# Glycine, without a beta carbon, crosses phi = 0 by itself. The ring of a proline that follows is in the way of helical
# psi; glycine gets around it through phi > 0.
POSITIVE_PHI = Divide(_BASIN_OF == "left-handed", lambda residue: residue.name != "GLY")
PRE_PROLINE = Divide(_BASIN_OF == "helical", lambda residue: residue.before_proline and residue.name != "GLY")
DIVIDES = (POSITIVE_PHI, PRE_PROLINE)


def states_of(torsions: dict[str, np.ndarray]) -> np.ndarray:
    """State (F,) of a residue by its backbone (extended, helical, or phi > 0) and the rotamer of chi1.

    Parameters: ``phi``, ``psi`` and, where there is one, ``chi1``, each (F,) in radians.
    """
    low, high = np.radians(_HELICAL)
    basin = ((torsions["psi"] > low) & (torsions["psi"] < high)).astype(np.int64)
    basin[(torsions["phi"] > 0) & (torsions["phi"] < np.radians(150.0))] = 2
    if "chi1" not in torsions:
        return np.asarray(3 * len(ROTAMERS) + basin)
    third = np.floor_divide(np.mod(torsions["chi1"], 2 * np.pi), 2 * np.pi / 3).astype(np.int64)
    return np.asarray(3 * np.clip(third, 0, 2) + basin)


def residues_of(file: FeatureFile) -> list[Residue]:
    """The residues of a peptide, without those (caps, ends) that lack phi or psi."""
    # a copy, since MDTraj wants to be able to write to them
    frames = mdtraj.Trajectory(np.array(file.positions), file.molecule.topology())
    angles: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    torsions, values = compute_torsions(frames)
    for torsion, column in zip(torsions, values.T, strict=True):
        angles.setdefault((torsion.residue, torsion.residue_name), {})[torsion.kind] = column
    return [
        Residue(name, place, (place + 1, "PRO") in angles, states_of(own))
        for (place, name), own in sorted(angles.items())
        if {"phi", "psi"} <= own.keys()
    ]


@dataclass
class Transitions:
    """Of a residue: how often each state follows each other after the lag time, in nearly independent transitions, and
    how often it is visited. `counts` (S, S), `visits` (S,)."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros((len(_LABELS), len(_LABELS))))
    visits: np.ndarray = field(default_factory=lambda: np.zeros(len(_LABELS)))

    @classmethod
    def of(cls, states: np.ndarray, boundaries: np.ndarray, lag: int, counted: np.ndarray | None = None) -> Transitions:
        """Parameters: states (F,) of the frames of replicas that begin at `boundaries` (R+1,); `lag` in frames; the
        frames (F,) bool that are counted, with the transitions from one of them to another, or all."""
        found = cls()
        counted = np.ones(len(states), dtype=bool) if counted is None else counted
        for start, stop in itertools.pairwise(boundaries):
            own, here = states[start:stop], counted[start:stop]
            both = here[:-lag] & here[lag:]
            np.add.at(found.counts, (own[:-lag][both], own[lag:][both]), 1.0 / lag)
            np.add.at(found.visits, own[here], 1.0)
        return found

    def add(self, other: Transitions) -> None:
        """Add another's."""
        self.counts += other.counts
        self.visits += other.visits

    @property
    def shares(self) -> np.ndarray:
        """Share (S,) of the frames in each state."""
        return np.asarray(self.visits / self.visits.sum())


def _reversible(counts: np.ndarray, visited: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Populations (S,) and probability flux (S, S) of the reversible model of these transitions, over the states that
    are `visited` (S,), which the counts must connect; zero for the others."""
    kept = np.flatnonzero(visited)
    model = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts[np.ix_(kept, kept)])
    populations, flux = np.zeros(len(counts)), np.zeros_like(counts)
    populations[kept] = model.stationary_distribution
    flux[np.ix_(kept, kept)] = model.stationary_distribution[:, None] * model.transition_matrix
    return populations, (flux + flux.T) / 2


def pooled_flux(pool: Transitions) -> np.ndarray:
    """Probability flux (S, S) of the reversible model of a residue over all peptides; symmetric, its sum is 1."""
    shares = pool.shares
    return _reversible(pool.counts + _INDEPENDENT * np.outer(shares, shares), shares > 0)[1]


def populations_of(own: Transitions, flux: np.ndarray, pooled: float) -> np.ndarray:
    """Populations (S,) of a residue in one peptide: of the model of its own transitions and of `flux` as a prior that
    weighs `pooled` times as much as those."""
    total = max(float(own.counts.sum()), 1.0)
    return _reversible(own.counts + pooled * total * flux, flux.sum(0) > 0)[0]


def with_basins(populations: np.ndarray, basins: np.ndarray) -> np.ndarray:
    """Populations (S,) scaled so that each backbone basin has as much as in `basins` (S,)."""
    found = np.zeros_like(populations)
    for basin in _BASINS:
        members = basin == _BASIN_OF
        if populations[members].sum() > 0:
            found[members] = populations[members] * (basins[members].sum() / populations[members].sum())
    return np.asarray(found / found.sum())


def side_counts(
    residue: Residue, others: list[Residue], divide: Divide, boundaries: np.ndarray, lag: int
) -> np.ndarray:
    """Counts (2, 2) of a residue's transitions between the near and the far side of a divide, while none of the others
    that have the divide is on its far side. See Transitions.of for the frames and the lag time."""
    alone = np.ones(len(residue.states), dtype=bool)
    for other in others:
        if divide.residues(other):
            alone &= ~divide.far[other.states]
    side = np.stack([~divide.far, divide.far]).astype(float)
    counts: np.ndarray = side @ Transitions.of(residue.states, boundaries, lag, alone).counts @ side.T
    return counts


def far_share(own: np.ndarray, pool: np.ndarray, pooled: float) -> float:
    """Population of the far side of a divide by a residue's transitions between the sides, (2, 2), and, as a prior that
    weighs `pooled` times as much, those of all residues in `pool`, (2, 2), which has to hold some from either side.

    Not the symmetric flux is the prior here but the counts, and with them the time spent on either side: where half of
    the simulations start on a side that is hardly populated, that many frames without a transition say little.
    """
    shares = pool.sum(1) / pool.sum()
    prior = pool + _INDEPENDENT_DIVIDE * np.outer(shares, shares)
    counts = own + pooled * max(float(own.sum()), 1.0) * prior / prior.sum()
    there, back = counts[0, 1] / counts[0].sum(), counts[1, 0] / counts[1].sum()
    return float(there / (there + back))


def with_far_share(populations: np.ndarray, far: np.ndarray, share: float) -> np.ndarray:
    """Populations (S,) with those of the `far` side scaled to this share of all, and the others to the rest."""
    found = populations.copy()
    for side, wanted in ((far, share), (~far, 1.0 - share)):
        found[side] *= wanted / found[side].sum()
    return found


def bounded(weights: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """Weights (F,) whose mean is 1, none above `largest` or below `smallest`."""
    for _ in range(_ROUNDS):  # what is cut off moves the mean
        weights = np.clip(weights / weights.mean(), smallest, largest)
    return np.asarray(weights / weights.mean())


def _lag(file: FeatureFile, settings: ReweightingSettings) -> int:
    return max(1, round(settings.lag / file.frame_interval_ps))


def frame_weights(
    files: list[FeatureFile], settings: ReweightingSettings
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """A weight for each training frame, mean 1 over a peptide, and what they change, by residue and place.

    The weight of a frame is the product, over residues, of the population of its state over the share of the peptide's
    frames that have it: slow motions of residues are taken to be independent of each other, but for what the frames
    themselves hold.
    """
    residues = {file.peptide: residues_of(file) for file in files}
    own: dict[tuple[str, int], Transitions] = {}
    pools: dict[tuple[str, int], Transitions] = {}
    crossings: dict[tuple[str, int, int], np.ndarray] = {}
    crossed = [np.zeros((2, 2)) for _ in DIVIDES]  # by all residues together
    for file in files:
        lag = _lag(file, settings)
        for residue in residues[file.peptide]:
            found = Transitions.of(residue.states, file.boundaries, lag)
            own[file.peptide, residue.place] = found
            pools.setdefault((residue.name, residue.place), Transitions()).add(found)
            others = [other for other in residues[file.peptide] if other is not residue]
            for number, divide in enumerate(DIVIDES):
                if divide.residues(residue):
                    counts = side_counts(residue, others, divide, file.boundaries, lag)
                    crossings[file.peptide, residue.place, number] = counts
                    crossed[number] += counts
    fluxes = {kind: pooled_flux(pool) for kind, pool in pools.items()}
    weights = {}
    weighted = {kind: np.zeros(len(_LABELS)) for kind in pools}
    for file in files:
        product = np.ones(file.n_frames)
        for residue in residues[file.peptide]:
            found = own[file.peptide, residue.place]
            populations = populations_of(found, fluxes[residue.name, residue.place], settings.pooled)
            # what the prior has in states without a frame is shared out among the basin's other rotamers
            populations = with_basins(np.where(found.visits > 0, populations, 0.0), found.shares)
            for number, (divide, of_all) in enumerate(zip(DIVIDES, crossed, strict=True)):
                # Where all frames are on one side, nothing can be moved to the other; and a side from which no residue
                # has a transition, since it was reached within the last lag time alone, tells of no rate.
                on_both = 0 < found.visits[divide.far].sum() < found.visits.sum()
                if divide.residues(residue) and on_both and of_all.any(axis=1).all():
                    share = far_share(crossings[file.peptide, residue.place, number], of_all, settings.pooled)
                    populations = with_far_share(populations, divide.far, share)
            ratio = np.divide(populations, found.shares, out=np.ones_like(populations), where=found.visits > 0)
            product *= ratio[residue.states]
        weights[file.peptide] = bounded(product, settings.smallest, settings.largest).astype(np.float32)
        for residue in residues[file.peptide]:
            weighted[residue.name, residue.place] += np.bincount(
                residue.states, weights[file.peptide], minlength=len(_LABELS)
            )
    changes = [
        {
            "residue_name": name,
            "residue": place,
            "transitions": float(pool.counts.sum() - np.trace(pool.counts)),
            "frames": _shown(pool.shares),
            "weighted": _shown(weighted[name, place] / weighted[name, place].sum()),
        }
        for (name, place), pool in sorted(pools.items())
    ]
    return weights, changes


def _shown(shares: np.ndarray) -> dict[str, float]:
    """Shares (S,) by the names of their states, without those that are 0."""
    return {label: float(share) for label, share in zip(_LABELS, shares, strict=True) if share > 0}


def reweight_to_files(train: list[Path], settings: ReweightingSettings, target: Path, record: Path) -> None:
    """Write the weights of the frames of each training peptide (NPZ, by peptide), and a record of what they change."""
    files = [FeatureFile(path) for path in train]
    weights, changes = frame_weights(files, settings)
    kept = {name: float(own.sum() ** 2 / (len(own) * np.square(own).sum())) for name, own in weights.items()}
    write_npz(target, weights)
    write_json(
        record,
        {
            "settings": settings.model_dump(mode="json"),
            "effective_share_of_frames": {"mean": float(np.mean(list(kept.values()))), "least": min(kept.values())},
            "residues": changes,
            "provenance": provenance("deeptime", "mdtraj", "numpy"),
        },
    )
