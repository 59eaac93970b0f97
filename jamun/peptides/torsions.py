"""Torsions of a peptide, by MDTraj."""

from dataclasses import dataclass

import mdtraj
import numpy as np

from jamun.peptides.closures import Closures
from jamun.peptides.sequences import CAPS

_COMPUTE = {
    "phi": mdtraj.compute_phi,
    "psi": mdtraj.compute_psi,
    "omega": mdtraj.compute_omega,
    "chi1": mdtraj.compute_chi1,
    "chi2": mdtraj.compute_chi2,
    "chi3": mdtraj.compute_chi3,
    "chi4": mdtraj.compute_chi4,
    "chi5": mdtraj.compute_chi5,
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


def compute_torsions(trajectory: mdtraj.Trajectory) -> tuple[list[Torsion], np.ndarray]:
    """Every torsion (K) of the residues and its angles (F, K) in radians on (-pi, pi].

    Torsions of the caps alone are left out; phi of the first and psi of the last residue exist with caps, or in a ring,
    only. Those of one kind are in the order of the sequence.
    """
    places = {
        residue.index: place
        for place, residue in enumerate(
            (residue for residue in trajectory.topology.residues if residue.name not in CAPS), start=1
        )
    }
    closing = closing_torsions(trajectory.topology)
    torsions, columns = [], []
    for kind, compute in _COMPUTE.items():
        indices, angles = compute(trajectory, periodic=False)
        found = list(zip(np.asarray(indices).tolist(), np.asarray(angles).T, strict=True))
        if own := [quartet for name, quartet in closing if name == kind]:
            more = mdtraj.compute_dihedrals(trajectory, own, periodic=False)
            found += zip(map(list, own), np.asarray(more).T, strict=True)
        residues = [trajectory.topology.atom(quartet[_OWNER.get(kind, 1)]).residue for quartet, _ in found]
        order = sorted(range(len(found)), key=lambda place: residues[place].index)
        for residue, (_, column) in ((residues[place], found[place]) for place in order):
            if residue.index in places:
                torsions.append(Torsion(kind, places[residue.index], residue.name))
                columns.append(column)
    angles = np.array(columns, dtype=np.float64).T if columns else np.empty((trajectory.n_frames, 0))
    return torsions, angles


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
