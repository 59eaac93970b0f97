"""Bend an open chain until bonds can close it: to a head-to-tail ring, or by disulphides.

Only torsions turn, so bond lengths and angles stay those of the open chain, and peptide bonds stay trans. The chain of
a ring is capped: its caps are where its own ends must come to (loop closure, Go and Scheraga 1970).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mdtraj
import numpy as np
from scipy.optimize import minimize

from jamun.peptides.checks import far_pairs
from jamun.peptides.sequences import CAPS, Peptide
from jamun.peptides.turning import Quartet, backbone_torsions, beyond, torsion, turned

# Of a disulphide, nm: S-S, CB to the other sulphur (angles of 104 degrees), CB to CB (a torsion of 90 degrees).
_SULPHURS_NM, _BETA_SULPHUR_NM, _BETAS_NM = 0.204, 0.305, 0.385
_CONTACT_NM = 0.30
# Of squared distances to where atoms must come (1/nm^2), of contacts (1/nm^2), and of phi from its usual side.
_PULL, _PUSH, _USUAL = 1000.0, 200.0, 0.5
# Root mean square of what is left of the distances at which a chain is closed, nm.
_CLOSED_NM = 0.03
_TRIES = 100


@dataclass(frozen=True)
class _Chain:
    """What turns, and what is wanted.

    torsions: the four atoms of each that turns, in the order in which they are set; moved: the atoms beyond each.
    usual: of each torsion the angle that it should be near, radians; NaN where there is none.
    pairs, lengths: atoms (P, 2) and how far apart they should be, nm.
    apart: atoms (A, 2) that must not touch.
    """

    torsions: list[Quartet]
    moved: list[list[int]]
    usual: np.ndarray
    pairs: np.ndarray
    lengths: np.ndarray
    apart: np.ndarray


def closing_bonds(topology: mdtraj.Topology, peptide: Peptide) -> list[tuple[int, int]]:
    """The bonds (atoms of the open chain) that close it."""
    own = _amino_acids(topology)
    ring = [(own[-1]["C"], own[0]["N"])] if peptide.ring else []
    return ring + [(own[one - 1]["SG"], own[other - 1]["SG"]) for one, other in peptide.disulphides]


def _amino_acids(topology: mdtraj.Topology) -> list[dict[str, int]]:
    chain = (residue for residue in topology.residues if residue.name not in CAPS)
    return [{atom.name: atom.index for atom in residue.atoms} for residue in chain]


def _goal(topology: mdtraj.Topology, peptide: Peptide) -> list[tuple[int, int, float]]:
    """Pairs of atoms and their distances, nm, in the closed chain."""
    own = _amino_acids(topology)
    goal: list[tuple[int, int, float]] = []
    if peptide.ring:
        caps = [{atom.name: atom.index for atom in topology.residue(end).atoms} for end in (0, -1)]
        goal += [(caps[0][cap], own[-1][atom], 0.0) for cap, atom in (("CH3", "CA"), ("C", "C"), ("O", "O"))]
        goal += [(caps[1][cap], own[0][atom], 0.0) for cap, atom in (("N", "N"), ("C", "CA"))]
    for one, other in ((own[first - 1], own[second - 1]) for first, second in peptide.disulphides):
        goal += [
            (one["SG"], other["SG"], _SULPHURS_NM),
            (one["CB"], other["SG"], _BETA_SULPHUR_NM),
            (one["SG"], other["CB"], _BETA_SULPHUR_NM),
            (one["CB"], other["CB"], _BETAS_NM),
        ]
    return goal


def _chain(topology: mdtraj.Topology, peptide: Peptide) -> _Chain:
    own = _amino_acids(topology)
    turning = [quartet for _, quartet in backbone_torsions(topology)]
    cysteines = [own[place - 1] for pair in peptide.disulphides for place in pair]
    turning += [(atoms["N"], atoms["CA"], atoms["CB"], atoms["SG"]) for atoms in cysteines]
    free = [(quartet, beyond(topology, quartet[1], quartet[2])) for quartet in turning]
    torsions = [(quartet, atoms) for quartet, atoms in free if atoms is not None]  # phi of proline is in a ring
    hands = {atoms["CA"]: hand for atoms, hand in zip(own, peptide.hands, strict=True)}
    phis = {quartet for kind, quartet in backbone_torsions(topology) if kind == "phi"}
    usual = [
        -hands[quartet[2]] * np.pi / 2
        if quartet in phis and topology.atom(quartet[2]).residue.name != "GLY"
        else np.nan
        for quartet, _ in torsions
    ]
    goal = _goal(topology, peptide)
    bonds = [(bond.atom1.index, bond.atom2.index) for bond in topology.bonds] + closing_bonds(topology, peptide)
    apart = far_pairs(topology.n_atoms, np.array(bonds))
    if peptide.ring:  # caps come to lie on the ends
        caps = [atom.index for atom in topology.atoms if atom.residue.name in CAPS]
        apart = apart[~np.isin(apart, caps).any(1)]
    return _Chain(
        [quartet for quartet, _ in torsions],
        [atoms for _, atoms in torsions],
        np.array(usual),
        np.array([(one, other) for one, other, _ in goal]),
        np.array([length for *_, length in goal]),
        apart,
    )


def _set(positions: np.ndarray, chain: _Chain, angles: Sequence[float] | np.ndarray) -> np.ndarray:
    """Positions with these torsions, radians."""
    for quartet, atoms, angle in zip(chain.torsions, chain.moved, angles, strict=True):
        positions = turned(positions, quartet[1], quartet[2], atoms, angle - torsion(positions, quartet))
    return positions


def _cost(angles: np.ndarray, start: np.ndarray, chain: _Chain) -> tuple[float, np.ndarray]:
    """What is wrong with a chain of these torsions, and its gradient."""
    positions = _set(start, chain, angles)
    forces = np.zeros_like(positions)
    cost = 0.0
    for pairs, lengths, weight, only_closer in (
        (chain.pairs, chain.lengths, _PULL, False),
        (chain.apart, _CONTACT_NM, _PUSH, True),
    ):
        difference = positions[pairs[:, 0]] - positions[pairs[:, 1]]
        distance = np.maximum(np.linalg.norm(difference, axis=1), 1e-9)
        miss = distance - lengths
        if only_closer:
            miss = np.minimum(miss, 0.0)
        cost += weight * float(miss @ miss)
        along = difference * (2.0 * weight * miss / distance)[:, None]
        np.add.at(forces, pairs[:, 0], along)
        np.subtract.at(forces, pairs[:, 1], along)
    gradient = np.empty(len(angles))
    for number, (quartet, atoms) in enumerate(zip(chain.torsions, chain.moved, strict=True)):
        axis = positions[quartet[2]] - positions[quartet[1]]
        torque = np.cross(positions[atoms] - positions[quartet[2]], forces[atoms]).sum(0)
        gradient[number] = axis @ torque / np.linalg.norm(axis)
    off = np.nan_to_num(angles - chain.usual)
    return cost + _USUAL * float((1 - np.cos(off)).sum()), gradient + _USUAL * np.sin(off)


def closed(positions: np.ndarray, topology: mdtraj.Topology, peptide: Peptide) -> Iterator[np.ndarray]:
    """Chains (atoms, 3) in nm that can be closed as the peptide is, the same in every run, until tries are used up.

    Args:
        positions, topology: heavy atoms of the open chain, that of a ring with ACE and NME, hands right.
        peptide: what closes it.
    """
    chain = _chain(topology, peptide)
    random = np.random.default_rng(1)
    for _ in range(_TRIES):
        wide = random.uniform(-np.pi, np.pi, len(chain.torsions))
        near = chain.usual + random.normal(0.0, np.deg2rad(35.0), len(chain.torsions))
        angles = np.where(np.isnan(near), wide, near)
        found = minimize(_cost, angles, (positions, chain), jac=True, method="L-BFGS-B", options={"maxiter": 300})
        bent = _set(positions, chain, found.x)
        apart = np.linalg.norm(bent[chain.pairs[:, 0]] - bent[chain.pairs[:, 1]], axis=1)
        if np.sqrt(np.square(apart - chain.lengths).mean()) <= _CLOSED_NM:
            yield bent
