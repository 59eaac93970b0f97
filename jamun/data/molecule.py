"""A peptide without its hydrogens: what the denoiser is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jamun.io.log import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import mdtraj


class MoleculeError(UserError):
    """A topology that cannot be turned into a molecule."""


def heavy_atoms(topology: mdtraj.Topology) -> np.ndarray:
    """Indices (N,) of the atoms that are no hydrogens, in the order of the topology."""
    return np.array(
        [atom.index for atom in topology.atoms if atom.element is not None and atom.element.symbol not in ("H", "VS")],
        dtype=np.int64,
    )


def atom_labels(topology: mdtraj.Topology) -> list[str]:
    """Labels such as ``ALA2-CB`` of all atoms, residues counted from 1 with caps: equal for equal molecules."""
    return [f"{atom.residue.name}{atom.residue.index + 1}-{atom.name}" for atom in topology.atoms]


def save_structure(structure: mdtraj.Trajectory, path: Path) -> None:
    """Write the structure as PDB, numbering atoms from 1.

    MDTraj keeps the serial numbers of the file that atoms came from; after hydrogens are left out they have gaps, and
    the bonds that it writes by place would then join other atoms.
    """
    renumbered = structure[:]
    for atom in renumbered.topology.atoms:
        atom.serial = None
    renumbered.save_pdb(str(path))


@dataclass(frozen=True)
class Molecule:
    """Heavy atoms of a peptide.

    elements (N,) int64, atomic numbers; atom_names, residue_names: PDB names, N each; residue_indices (N,) int64, from
    0, caps counted; bonds (B, 2) int64, pairs of indices into these N atoms, each pair once.
    """

    elements: np.ndarray
    atom_names: tuple[str, ...]
    residue_names: tuple[str, ...]
    residue_indices: np.ndarray
    bonds: np.ndarray

    @property
    def n_atoms(self) -> int:
        return len(self.elements)

    @classmethod
    def from_topology(cls, topology: mdtraj.Topology) -> Molecule:
        """Heavy atoms and the bonds between them.

        Raises MoleculeError where there is no heavy atom, or one of several is bonded to no other: a topology that has
        lost its bonds would give a network without chemistry.
        """
        kept = heavy_atoms(topology)
        if len(kept) == 0:
            raise MoleculeError("The topology has no heavy atoms; give the PDB of a peptide.")
        place = {int(index): number for number, index in enumerate(kept)}
        atoms = [topology.atom(int(index)) for index in kept]
        pairs = {
            tuple(sorted((place[first.index], place[second.index])))
            for first, second in topology.bonds
            if first.index in place and second.index in place
        }
        bonds = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        alone = sorted(set(range(len(kept))) - set(bonds.ravel().tolist()))
        if alone and len(kept) > 1:
            atom = atoms[alone[0]]
            raise MoleculeError(
                f"Atom {atom.name} of residue {atom.residue.name}{atom.residue.resSeq} has no bond to another heavy "
                "atom; the PDB needs standard atom names or CONECT records."
            )
        return cls(
            elements=np.array([atom.element.atomic_number for atom in atoms], dtype=np.int64),
            atom_names=tuple(atom.name for atom in atoms),
            residue_names=tuple(atom.residue.name for atom in atoms),
            residue_indices=np.array([atom.residue.index for atom in atoms], dtype=np.int64),
            bonds=bonds,
        )

    def topology(self) -> mdtraj.Topology:
        """The same as MDTraj's topology, in one chain."""
        import mdtraj

        top = mdtraj.Topology()
        chain = top.add_chain()
        residues: dict[int, mdtraj.core.topology.Residue] = {}
        for element, name, residue_name, index in zip(
            self.elements, self.atom_names, self.residue_names, self.residue_indices, strict=True
        ):
            if int(index) not in residues:
                residues[int(index)] = top.add_residue(residue_name, chain)
            top.add_atom(name, mdtraj.element.Element.getByAtomicNumber(int(element)), residues[int(index)])
        atoms = list(top.atoms)
        for first, second in self.bonds:
            top.add_bond(atoms[int(first)], atoms[int(second)])
        return top
