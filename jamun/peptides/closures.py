"""Bonds that close a chain of residues: disulphides, and from the last residue of a ring to its first. Imports nothing
heavy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import mdtraj

# What the form of a ring is called, which has no ends to be capped or not.
RING = "head-to-tail ring"


@dataclass(frozen=True)
class Closures:
    """The bonds that close a chain, as indices of atoms.

    ring: C of the last residue and N of the first where these are bonded, else None.
    disulphides: pairs of sulphurs, in the order of the chain.
    """

    ring: tuple[int, int] | None
    disulphides: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return self.ring is not None or bool(self.disulphides)

    @property
    def bonds(self) -> list[tuple[int, int]]:
        """All of them."""
        return [*([] if self.ring is None else [self.ring]), *self.disulphides]

    @classmethod
    def of(
        cls, atom_names: Sequence[str], residue_indices: Sequence[int] | np.ndarray, bonds: Iterable[Any]
    ) -> Closures:
        """Those of one chain, by names and residues of its atoms, residues counted along the chain, and its bonds."""
        ring, disulphides = None, []
        for first, second in (sorted(map(int, bond)) for bond in bonds):
            apart = int(residue_indices[second]) - int(residue_indices[first])
            names = (atom_names[first], atom_names[second])
            if apart and names == ("SG", "SG"):
                disulphides.append((first, second))
            elif apart and names == ("N", "C"):  # along the chain, C is of the residue before
                ring = (second, first)
        return cls(ring, tuple(sorted(disulphides)))

    @classmethod
    def of_topology(cls, topology: mdtraj.Topology) -> Closures:
        """Those of a topology of one peptide."""
        atoms = list(topology.atoms)
        bonds = [(bond.atom1.index, bond.atom2.index) for bond in topology.bonds]
        return cls.of([atom.name for atom in atoms], [atom.residue.index for atom in atoms], bonds)
