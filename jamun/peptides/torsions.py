"""Torsions of a peptide, by MDTraj."""

from __future__ import annotations

from dataclasses import dataclass

import mdtraj
import numpy as np

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


def compute_torsions(trajectory: mdtraj.Trajectory) -> tuple[list[Torsion], np.ndarray]:
    """Every torsion (K) of the residues and its angles (F, K) in radians on (-pi, pi].

    Torsions of the caps alone are left out; phi of the first and psi of the last residue exist with caps only.
    """
    places = {
        residue.index: place
        for place, residue in enumerate(
            (residue for residue in trajectory.topology.residues if residue.name not in CAPS), start=1
        )
    }
    torsions, columns = [], []
    for kind, compute in _COMPUTE.items():
        indices, angles = compute(trajectory, periodic=False)
        for quartet, column in zip(indices, np.asarray(angles).T, strict=True):
            residue = trajectory.topology.atom(quartet[_OWNER.get(kind, 1)]).residue
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
