"""Bonds of a chain of residues, and its topology for MDTraj. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from jamun.peptides.residues import RESIDUE_KINDS
from jamun.peptides.sequences import CAPS

if TYPE_CHECKING:
    import mdtraj

# Names of the heavy atoms of each residue.
AtomNames = tuple[tuple[str, ...], ...]


def neighbours(n_atoms: int, bonds: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Of each atom those that it is bonded to, in the order of the bonds."""
    found: list[list[int]] = [[] for _ in range(n_atoms)]
    for first, second in bonds:
        found[first].append(second)
        found[second].append(first)
    return found


def places_of(topology: mdtraj.Topology) -> dict[int, int]:
    """Of each residue that is no cap, by its index, its place in the sequence, from 1."""
    residues = (residue for residue in topology.residues if residue.name not in CAPS)
    return {residue.index: place for place, residue in enumerate(residues, start=1)}


def chain_bonds(residues: tuple[str, ...], atom_names: AtomNames) -> np.ndarray:
    """Pairs (bonds, 2) of atoms that are bonded in such a chain; arguments as the fields of `Structure`."""
    place, count = [], 0
    for names in atom_names:
        place.append({name: count + number for number, name in enumerate(names)})
        count += len(names)
    bonds: list[tuple[int, int]] = []
    for number, kind in enumerate(residues):
        own = place[number]
        inner = [*RESIDUE_KINDS[kind].bonds, *([("C", "OXT")] if "OXT" in own else [])]
        bonds += [(own[first], own[second]) for first, second in inner if first in own and second in own]
        if number and "C" in place[number - 1] and "N" in own:
            bonds.append((place[number - 1]["C"], own["N"]))
    return np.array(sorted(tuple(sorted(bond)) for bond in bonds), dtype=np.int64).reshape(-1, 2)


def peptide_topology(residues: tuple[str, ...], atom_names: AtomNames, bonds: np.ndarray) -> mdtraj.Topology:
    """MDTraj's topology of one chain whose residues are numbered from 1; arguments as the fields of `Structure`."""
    import mdtraj

    top = mdtraj.Topology()
    chain = top.add_chain()
    for number, (kind, names) in enumerate(zip(residues, atom_names, strict=True), 1):
        residue = top.add_residue(kind, chain, resSeq=number)
        for name in names:
            top.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    atoms = list(top.atoms)
    for first, second in bonds.tolist():
        top.add_bond(atoms[first], atoms[second])
    return top
