"""Torsions of a peptide, by MDTraj."""

from dataclasses import dataclass

import mdtraj
import numpy as np
from mdtraj.geometry import dihedral

from jamun.peptides.closures import Closures
from jamun.peptides.topology import places_of

_ATOMS = {
    "phi": dihedral.indices_phi,
    "psi": dihedral.indices_psi,
    "omega": dihedral.indices_omega,
    "chi1": dihedral.indices_chi1,
    "chi2": dihedral.indices_chi2,
    "chi3": dihedral.indices_chi3,
    "chi4": dihedral.indices_chi4,
    "chi5": dihedral.indices_chi5,
}
# The atom of a torsion's four whose residue names it: the second for psi, omega and chi; the third for phi.
_OWNER = {"phi": 2}


@dataclass(frozen=True)
class Torsion:
    """One torsion: its kind, its residue's place in the sequence (from 1, caps not counted) and name."""

    kind: str
    residue: int
    residue_name: str

    @property
    def group(self) -> str:
        """backbone (phi, psi), side_chain (chi), or omega, which peers leave out of the means."""
        if self.kind in ("phi", "psi"):
            return "backbone"
        return "omega" if self.kind == "omega" else "side_chain"

    def is_in(self, group: str) -> bool:
        """Whether it counts to a group of torsions: backbone, side_chain, or all, which leaves omega out."""
        return self.group != "omega" if group == "all" else self.group == group

    @property
    def entry(self) -> dict[str, str | int]:
        """What an entry of a result says of its torsion."""
        return {"kind": self.kind, **self.residue_entry, "group": self.group}

    @property
    def residue_entry(self) -> dict[str, str | int]:
        """What an entry of a result says of its residue."""
        return {"residue": self.residue, "residue_name": self.residue_name}


def closing_torsions(topology: mdtraj.Topology) -> list[tuple[str, tuple[int, int, int, int]]]:
    """(kind, the four atoms) of the torsions about and beside the bonds that close a chain, which MDTraj does not see.

    Of a ring phi of its first residue, psi and omega of its last; of a disulphide chi2 of both cysteines,
    CA-CB-SG-SG, and CB-SG-SG-CB as chi3 of the first.
    """
    closed = Closures.of_topology(topology)

    def beside(atom: int, *names: str) -> list[int]:
        own = {other.name: other.index for other in topology.atom(atom).residue.atoms}
        return [own[name] for name in names]

    found: list[tuple[str, tuple[int, int, int, int]]] = []
    if closed.ring is not None:
        carbon, nitrogen = closed.ring
        (n, ca), (next_ca, next_c) = beside(carbon, "N", "CA"), beside(nitrogen, "CA", "C")
        found += [
            ("phi", (carbon, nitrogen, next_ca, next_c)),
            ("psi", (n, ca, carbon, nitrogen)),
            ("omega", (ca, carbon, nitrogen, next_ca)),
        ]
    for first, second in closed.disulphides:
        (ca, cb), (other_ca, other_cb) = beside(first, "CA", "CB"), beside(second, "CA", "CB")
        found += [
            ("chi2", (ca, cb, first, second)),
            ("chi2", (other_ca, other_cb, second, first)),
            ("chi3", (cb, first, second, other_cb)),
        ]
    return found


def torsions_of(topology: mdtraj.Topology) -> tuple[list[Torsion], np.ndarray]:
    """Every torsion (K) of the residues and its four atoms (K, 4).

    Torsions of the caps alone are left out; phi of the first and psi of the last residue exist with caps, or in a ring,
    only. Those of one kind are in the order of the sequence.
    """
    places, closing = places_of(topology), closing_torsions(topology)
    torsions, quartets = [], []
    for kind, atoms_of in _ATOMS.items():
        found = [*np.asarray(atoms_of(topology)).tolist(), *(quartet for name, quartet in closing if name == kind)]
        residues = [topology.atom(quartet[_OWNER.get(kind, 1)]).residue for quartet in found]
        order = sorted(range(len(found)), key=lambda place: residues[place].index)
        for residue, quartet in ((residues[place], found[place]) for place in order):
            if residue.index in places:
                torsions.append(Torsion(kind, places[residue.index], residue.name))
                quartets.append(quartet)
    return torsions, np.array(quartets, dtype=int).reshape(-1, 4)


def compute_torsions(trajectory: mdtraj.Trajectory) -> tuple[list[Torsion], np.ndarray]:
    """Every torsion (K) of the residues, as `torsions_of` has them, and its angles (F, K) in radians on (-pi, pi]."""
    torsions, quartets = torsions_of(trajectory.topology)
    if not torsions:
        return torsions, np.empty((trajectory.n_frames, 0))
    return torsions, mdtraj.compute_dihedrals(trajectory, quartets, periodic=False).astype(np.float64)


def without_omega(torsions: list[Torsion]) -> list[int]:
    """Columns of all torsions but omega, which hardly turns."""
    return [column for column, torsion in enumerate(torsions) if torsion.is_in("all")]


def phi_psi_pairs(torsions: list[Torsion]) -> list[tuple[int, int]]:
    """Columns of phi and psi of every residue that has both, in the order of the sequence."""
    place = {(torsion.kind, torsion.residue): column for column, torsion in enumerate(torsions)}
    residues = sorted({torsion.residue for torsion in torsions})
    return [
        (place["phi", residue], place["psi", residue])
        for residue in residues
        if ("phi", residue) in place and ("psi", residue) in place
    ]
