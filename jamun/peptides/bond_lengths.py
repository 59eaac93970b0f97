"""Whether atoms of a file are as far apart as those of one molecule. Imports nothing heavy."""

import numpy as np

from jamun.peptides.naming import ChainResidue
from jamun.peptides.reading import FoundAtom
from jamun.peptides.residues import RESIDUE_KINDS
from jamun.peptides.sequences import PeptideError

# Bonds between heavy atoms of peptides are 0.12 to 0.18 nm long, and vibrate by some hundredths.
SHORTEST_BOND_NM = 0.09
LONGEST_BOND_NM = 0.25
TYPICAL_BOND_NM = 0.15


def distance(first: FoundAtom, second: FoundAtom) -> float:
    return float(np.linalg.norm(first.position - second.position))


def require_lengths(residues: list[ChainResidue], where: str) -> None:
    """Raises PeptideError for positions that are not finite, or whose bonds within residues are of another unit."""
    for residue in residues:
        for name, atom in residue.atoms.items():
            if not np.isfinite(atom.position).all():
                raise PeptideError(
                    f"{where}: the position of {residue.label} {name} is not finite; write the file anew."
                )
    typical = float(
        np.median(
            [
                distance(residue.atoms[first], residue.atoms[second])
                for residue in residues
                for first, second in RESIDUE_KINDS[residue.kind].bonds
            ]
        )
    )
    if not 0.5 < typical / TYPICAL_BOND_NM < 2.0:
        raise PeptideError(
            f"{where}: a typical bond is {typical:.3g} nm long, not {TYPICAL_BOND_NM:g}; the file's positions are in "
            "another unit, or of another molecule: write it anew, a PDB in angstroms."
        )


def require_molecule(positions: np.ndarray, bonds: np.ndarray, labels: list[str], where: str) -> None:
    """`positions` (atoms, 3) in nm. Raises PeptideError for a bond that is none, or atoms at one place."""
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=-1)
    bad = np.flatnonzero((lengths < SHORTEST_BOND_NM) | (lengths > LONGEST_BOND_NM))
    if len(bad):
        first, second = (labels[atom] for atom in bonds[bad[0]])
        raise PeptideError(
            f"{where}: bond {first} to {second} is {lengths[bad[0]]:.3f} nm long, outside of {SHORTEST_BOND_NM:g} to "
            f"{LONGEST_BOND_NM:g} nm; give the peptide whole, as one molecule."
        )
    first, second = np.triu_indices(len(positions), 1)
    apart = np.linalg.norm(positions[first] - positions[second], axis=-1)
    closest = int(apart.argmin()) if len(apart) else None
    if closest is not None and apart[closest] < SHORTEST_BOND_NM:
        raise PeptideError(
            f"{where}: {labels[first[closest]]} and {labels[second[closest]]} are only {apart[closest]:.3f} nm apart; "
            "keep one of the two."
        )
