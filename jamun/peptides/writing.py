"""PDB files of peptides, with the bond of a ring, which writers leave out as one of standard residues."""

from pathlib import Path

import mdtraj

from jamun.io.atomic import atomic_path
from jamun.peptides.closures import Closures


def tell_ring(pdb: Path, ring: tuple[int, int] | None) -> None:
    """Add the bond of a ring to a PDB whose atoms are numbered from 1, as CONECT records before its end."""
    if ring is None:
        return
    first, second = (atom + 1 for atom in ring)
    lines = pdb.read_text(encoding="utf-8").splitlines()
    end = max((number for number, line in enumerate(lines) if line.startswith("END")), default=len(lines))
    lines[end:end] = [f"CONECT{first:5d}{second:5d}", f"CONECT{second:5d}{first:5d}"]
    pdb.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_structure(structure: mdtraj.Trajectory, path: Path) -> None:
    """Write the structure as PDB, atomically, numbering atoms from 1.

    MDTraj keeps the serial numbers of the file that atoms came from; after hydrogens are left out they have gaps, and
    the bonds that it writes by place would then join other atoms.
    """
    renumbered = structure[:]
    for atom in renumbered.topology.atoms:
        atom.serial = None
    with atomic_path(path) as temporary:
        renumbered.save_pdb(str(temporary))
        tell_ring(temporary, Closures.of_topology(structure.topology).ring)
