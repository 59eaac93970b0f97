"""A peptide without its hydrogens: what the denoiser is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from jamun.io.log import UserError
from jamun.peptides.closures import Closures
from jamun.peptides.residues import hand, natural_centres
from jamun.peptides.sequences import CAPS

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Molecule:
    """Heavy atoms of a peptide.

    elements: (N,) int64, atomic numbers.
    atom_names, residue_names: PDB names, N each.
    residue_indices: (N,) int64, from 0, caps counted.
    bonds: (B, 2) int64, pairs of indices into these N atoms, each pair once.
    hands: (N,) int8, of each stereocentre 1 where it is that of the natural amino acid and -1 where it is the mirror
        image; 0 of other atoms. Given, like bonds; without them all are natural.
    """

    elements: np.ndarray
    atom_names: tuple[str, ...]
    residue_names: tuple[str, ...]
    residue_indices: np.ndarray
    bonds: np.ndarray
    hands: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int8))

    def __post_init__(self) -> None:
        if not len(self.hands):
            centres = natural_centres(self.atom_names, self.residue_names, self.residue_indices)
            hands = np.zeros(len(self.elements), dtype=np.int8)
            hands[[centre for centre, _ in centres]] = 1
            object.__setattr__(self, "hands", hands)

    @property
    def n_atoms(self) -> int:
        return len(self.elements)

    @classmethod
    def from_topology(cls, topology: mdtraj.Topology, positions: np.ndarray | None = None) -> Molecule:
        """Heavy atoms, the bonds between them, and the hands of stereocentres.

        Args:
            topology: of the peptide, hydrogens or not.
            positions: (atoms, 3) in nm of a structure of it, from which hands are read; without it all are natural.

        Raises:
            MoleculeError: there is no heavy atom, or one of several is bonded to no other: a topology that has lost its
                bonds would give a network without chemistry.
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
        natural = cls(
            elements=np.array([atom.element.atomic_number for atom in atoms], dtype=np.int64),
            atom_names=tuple(atom.name for atom in atoms),
            residue_names=tuple(atom.residue.name for atom in atoms),
            residue_indices=np.array([atom.residue.index for atom in atoms], dtype=np.int64),
            bonds=bonds,
        )
        return natural if positions is None else natural.with_hands(positions[kept])

    def with_hands(self, positions: np.ndarray) -> Molecule:
        """The same with the hands that stereocentres have in a structure, (N, 3) in nm."""
        hands = self.hands.copy()
        for centre, neighbours in natural_centres(self.atom_names, self.residue_names, self.residue_indices):
            hands[centre] = hand(positions.astype(np.float64), centre, neighbours)
        return replace(self, hands=hands)

    @property
    def closures(self) -> Closures:
        """Disulphides, and the bond of a ring."""
        return Closures.of(self.atom_names, self.residue_indices, self.bonds)

    @property
    def d_residues(self) -> list[str]:
        """Labels such as ``ALA2`` of the residues with a stereocentre that is not the natural one, caps counted."""
        places = dict.fromkeys(np.flatnonzero(self.hands < 0).tolist())
        return list(dict.fromkeys(f"{self.residue_names[atom]}{self.residue_indices[atom] + 1}" for atom in places))

    @property
    def residue_labels(self) -> list[str]:
        """Of each atom its residue, such as ``Ala1``, counted along the sequence without caps; caps by name alone."""
        names = dict(zip(self.residue_indices.tolist(), self.residue_names, strict=True))
        places = accumulate(int(name not in CAPS) for name in names.values())
        told = zip(names.items(), places, strict=True)
        labels = {index: name.capitalize() + ("" if name in CAPS else str(place)) for (index, name), place in told}
        return [labels[index] for index in self.residue_indices.tolist()]

    def atom_hands(self) -> np.ndarray:
        """(N,) int8, 1 or -1: the hand of the nearest stereocentre, counted in bonds; of two as near, that which comes
        first. 1 where the molecule has no stereocentre.

        What an atom's surroundings are the mirror image of is so said of every atom: those of a D residue in a chain of
        L residues are its own atoms, and the halves of glycines and caps that are nearest to it.
        """
        found = self.hands.astype(np.int8)
        for _ in range(self.n_atoms):
            edge = found.copy()
            for first, second in np.concatenate([self.bonds, self.bonds[:, ::-1]]).astype(np.int64).tolist():
                if not found[second] and found[first] and not edge[second]:
                    edge[second] = found[first]
            if np.array_equal(edge, found):
                break
            found = edge
        return np.where(found == 0, 1, found).astype(np.int8)

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
