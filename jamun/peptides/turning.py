"""Torsions of a molecule, and its parts turned about bonds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jamun.peptides.topology import neighbours

if TYPE_CHECKING:
    import mdtraj

Quartet = tuple[int, int, int, int]


def torsion(positions: np.ndarray, quartet: Quartet) -> float:
    """Dihedral angle of four atoms in radians; `positions` (atoms, 3)."""
    a, b, c, d = positions[list(quartet)]
    axis = (c - b) / np.linalg.norm(c - b)
    left, right = np.cross(b - a, axis), np.cross(axis, d - c)
    return float(np.arctan2(np.dot(np.cross(left, right), axis), np.dot(left, right)))


def turned(positions: np.ndarray, first: int, second: int, atoms: list[int], angle: float) -> np.ndarray:
    """Positions with `atoms` turned by `angle`, radians, about the axis from `first` to `second`."""
    axis = positions[second] - positions[first]
    axis /= np.linalg.norm(axis)
    relative = positions[atoms] - positions[second]
    along = np.outer(relative @ axis, axis)
    result = positions.copy()
    result[atoms] = (
        positions[second] + along + (relative - along) * np.cos(angle) + np.cross(axis, relative) * np.sin(angle)
    )
    return result


def backbone_torsions(topology: mdtraj.Topology) -> list[tuple[str, Quartet]]:
    """("phi" or "psi", the four atoms) of every residue that has it, in the order of the chain."""
    residues = [{atom.name: atom.index for atom in residue.atoms} for residue in topology.residues]
    found: list[tuple[str, Quartet]] = []
    for place, own in enumerate(residues):
        if not {"N", "CA", "C"} <= own.keys():
            continue
        if place and "C" in residues[place - 1]:
            found.append(("phi", (residues[place - 1]["C"], own["N"], own["CA"], own["C"])))
        if place + 1 < len(residues) and "N" in residues[place + 1]:
            found.append(("psi", (own["N"], own["CA"], own["C"], residues[place + 1]["N"])))
    return found


def beyond(topology: mdtraj.Topology, first: int, second: int) -> list[int] | None:
    """Atoms on the side of `second` of the bond first-second; None if the bond is in a ring."""
    bonded = neighbours(topology.n_atoms, [(bond.atom1.index, bond.atom2.index) for bond in topology.bonds])
    reached, edge = {second}, {*bonded[second]} - {first}
    while edge:
        reached |= edge
        edge = set().union(*(bonded[atom] for atom in edge)) - reached
    return None if first in reached else sorted(reached)
