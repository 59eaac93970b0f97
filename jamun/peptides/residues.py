"""Heavy atoms and bonds of amino acids and caps, as peptides are built here. Imports nothing heavy.

The names are the PDB's; the one exception is the methyl carbon of NME, which OpenMM and PDBFixer name C. What programs
name otherwise has its standard name by `standard_atom`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ResidueKind:
    """A kind of residue.

    atoms: names of its heavy atoms, in the order of built peptides; an end's second oxygen, OXT, comes after them.
    bonds: pairs of these names.
    """

    atoms: tuple[str, ...]
    bonds: tuple[tuple[str, str], ...]


def _kind(atoms: str, bonds: str) -> ResidueKind:
    pairs = (bond.split("-") for bond in bonds.split())
    return ResidueKind(tuple(atoms.split()), tuple((first, second) for first, second in pairs))


def _amino_acid(side_chain: str, bonds: str) -> ResidueKind:
    return _kind(f"N CA C O {side_chain}", f"N-CA CA-C C-O {bonds}")


RESIDUE_KINDS = {
    "ACE": _kind("C O CH3", "CH3-C C-O"),
    "NME": _kind("N C", "N-C"),
    "NH2": _kind("N", ""),
    "GLY": _amino_acid("", ""),
    "ALA": _amino_acid("CB", "CA-CB"),
    "ARG": _amino_acid("CB CG CD NE CZ NH1 NH2", "CA-CB CB-CG CG-CD CD-NE NE-CZ CZ-NH1 CZ-NH2"),
    "ASN": _amino_acid("CB CG ND2 OD1", "CA-CB CB-CG CG-ND2 CG-OD1"),
    "ASP": _amino_acid("CB CG OD1 OD2", "CA-CB CB-CG CG-OD1 CG-OD2"),
    "CYS": _amino_acid("CB SG", "CA-CB CB-SG"),
    "GLN": _amino_acid("CB CG CD NE2 OE1", "CA-CB CB-CG CG-CD CD-NE2 CD-OE1"),
    "GLU": _amino_acid("CB CG CD OE1 OE2", "CA-CB CB-CG CG-CD CD-OE1 CD-OE2"),
    "HIS": _amino_acid("CB CG CD2 ND1 CE1 NE2", "CA-CB CB-CG CG-CD2 CG-ND1 ND1-CE1 CE1-NE2 NE2-CD2"),
    "ILE": _amino_acid("CB CG1 CG2 CD1", "CA-CB CB-CG1 CB-CG2 CG1-CD1"),
    "LEU": _amino_acid("CB CG CD1 CD2", "CA-CB CB-CG CG-CD1 CG-CD2"),
    "LYS": _amino_acid("CB CG CD CE NZ", "CA-CB CB-CG CG-CD CD-CE CE-NZ"),
    "MET": _amino_acid("CB CG SD CE", "CA-CB CB-CG CG-SD SD-CE"),
    "PHE": _amino_acid("CB CG CD1 CD2 CE1 CE2 CZ", "CA-CB CB-CG CG-CD1 CG-CD2 CD1-CE1 CD2-CE2 CE1-CZ CE2-CZ"),
    "PRO": _amino_acid("CB CG CD", "CA-CB CB-CG CG-CD CD-N"),
    "SER": _amino_acid("CB OG", "CA-CB CB-OG"),
    "THR": _amino_acid("CB CG2 OG1", "CA-CB CB-CG2 CB-OG1"),
    "TRP": _amino_acid(
        "CB CG CD1 CD2 CE2 CE3 NE1 CZ2 CZ3 CH2",
        "CA-CB CB-CG CG-CD1 CG-CD2 CD1-NE1 NE1-CE2 CE2-CD2 CD2-CE3 CE3-CZ3 CZ3-CH2 CH2-CZ2 CZ2-CE2",
    ),
    "TYR": _amino_acid("CB CG CD1 CD2 CE1 CE2 CZ OH", "CA-CB CB-CG CG-CD1 CG-CD2 CD1-CE1 CD2-CE2 CE1-CZ CE2-CZ CZ-OH"),
    "VAL": _amino_acid("CB CG1 CG2", "CA-CB CB-CG1 CB-CG2"),
}  # fmt: skip

# Names of other programs, by residue and name; "" is any residue. GROMOS and Maestro name the methyls of caps CA, Amber
# that of NME CH3; the terminal oxygens have a name in every program; CAY to CAT are those of CHARMM's patches.
_ATOM_SYNONYMS = {
    ("NME", "CH3"): "C", ("NME", "CA"): "C", ("NME", "CAT"): "C", ("NME", "NT"): "N", ("NH2", "NT"): "N",
    ("ACE", "CA"): "CH3", ("ACE", "CAY"): "CH3", ("ACE", "CY"): "C", ("ACE", "OY"): "O", ("ILE", "CD"): "CD1",
    ("", "OT1"): "O", ("", "OT2"): "OXT", ("", "O1"): "O", ("", "O2"): "OXT", ("", "OC1"): "O", ("", "OC2"): "OXT",
    ("", "OT"): "O", ("", "O'"): "O", ("", "O''"): "OXT",
}  # fmt: skip

# Neighbours of each stereocentre in an order whose signed volume v1.(v2 x v3) is positive in natural amino acids.
STEREOCENTRES = {"CA": ("N", "C", "CB")}
SIDE_CHAIN_STEREOCENTRES = {"ILE": ("CB", ("CA", "CG1", "CG2")), "THR": ("CB", ("CA", "OG1", "CG2"))}


def natural_centres(
    atom_names: Sequence[str], residue_names: Sequence[str], residue_indices: Sequence[int] | np.ndarray
) -> list[tuple[int, tuple[int, int, int]]]:
    """Each stereocentre, with its neighbours in the order whose signed volume is positive in natural amino acids, by
    names of the atoms and of their residues; a residue's atoms have one index."""
    residues: dict[int, dict[str, int]] = {}
    names: dict[int, str] = {}
    for atom, (name, residue, index) in enumerate(zip(atom_names, residue_names, residue_indices, strict=True)):
        residues.setdefault(int(index), {})[name] = atom
        names[int(index)] = residue
    found = []
    for index, atoms in residues.items():
        centres = list(STEREOCENTRES.items())
        if names[index] in SIDE_CHAIN_STEREOCENTRES:
            centres.append(SIDE_CHAIN_STEREOCENTRES[names[index]])
        for centre, (first, second, third) in centres:
            if {centre, first, second, third} <= atoms.keys():
                found.append((atoms[centre], (atoms[first], atoms[second], atoms[third])))
    return found


def chirality(positions: np.ndarray, centre: int, neighbours: tuple[int, int, int]) -> np.ndarray:
    """Signed volume v1.(v2 x v3) of the bonds from `centre` to `neighbours`, nm^3.

    `positions` has shape (..., atoms, 3) in nm; the result has shape (...). Mirror images differ in sign.
    """
    v1, v2, v3 = (positions[..., atom, :] - positions[..., centre, :] for atom in neighbours)
    return np.einsum("...i,...i->...", v1, np.cross(v2, v3))


def hand(positions: np.ndarray, centre: int, neighbours: tuple[int, int, int]) -> int:
    """1 where a stereocentre, as of `natural_centres`, is that of the natural amino acid, -1 where it is the mirror
    image; positions are (atoms, 3)."""
    return 1 if chirality(positions, centre, neighbours) > 0 else -1


def standard_atom(residue: str, name: str) -> str:
    """Our name of an atom, in a residue such as ILE, that a program may have named otherwise, such as CD; others as
    they are, in capitals."""
    name = name.strip().upper()
    return _ATOM_SYNONYMS.get((residue, name), _ATOM_SYNONYMS.get(("", name), name))


def heavy_atom_names(residue: str) -> frozenset[str]:
    """Names of all heavy atoms that the residue can have, OXT included."""
    return frozenset(RESIDUE_KINDS[residue].atoms) | ({"OXT"} if "CA" in RESIDUE_KINDS[residue].atoms else set())


def is_hydrogen(residue: str, name: str, element: str | None) -> bool:
    """Whether an atom of an amino acid or cap is a hydrogen.

    Standard names decide: without a column of elements, readers take HE1 for helium, CD1 for cadmium and NE2 for neon.
    """
    if name in heavy_atom_names(residue):
        return False
    return name.lstrip("0123456789")[:1] in ("H", "D") or (element or "").upper() in ("H", "D")
