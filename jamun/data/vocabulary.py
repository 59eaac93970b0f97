"""Codes of elements, PDB atom names and residue types. 0 is padding.

A trained network's embeddings are rows by these codes. Entries may be appended, here and to PARENTS; any other change
makes old checkpoints wrong and must come with a new VOCABULARY_VERSION.
"""

import numpy as np

from jamun.data.molecule import Molecule
from jamun.io.log import UserError
from jamun.peptides.sequences import PARENTS

VOCABULARY_VERSION = 1

ELEMENTS = (6, 7, 8, 16, 34)  # C, N, O, S, Se

ATOM_NAMES = (
    "N", "CA", "C", "O", "OXT", "CB", "CG", "CG1", "CG2", "CD", "CD1", "CD2", "CE", "CE1", "CE2", "CE3", "CZ", "CZ2",
    "CZ3", "CH2", "CH3", "OG", "OG1", "OD1", "OD2", "OE1", "OE2", "OH", "ND1", "ND2", "NE", "NE1", "NE2", "NZ", "NH1",
    "NH2", "SG", "SD", "SE",
)  # fmt: skip
RESIDUES = (
    "ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU", "LYS", "MET", "PHE", "PRO", "SER",
    "THR", "TRP", "TYR", "VAL", "ACE", "NME", "NH2",
)  # fmt: skip

# Names that programs give to the same atom: the methyl carbon of NME is C in OpenMM's and PDBFixer's files, CH3 in
# Amber's; terminal oxygens have several names.
SYNONYMS = {("NME", "C"): "CH3", ("ILE", "CD"): "CD1", ("", "OT1"): "O", ("", "OT2"): "OXT", ("", "O1"): "O",
            ("", "O2"): "OXT"}  # fmt: skip


class VocabularyError(UserError):
    """An element, atom name or residue that has no code."""


def encode(molecule: Molecule) -> dict[str, np.ndarray]:
    """Codes of the N atoms of `molecule`, int64 (N,) each: `element`, `atom_name`, `residue`, and `residue_index`, the
    place in the chain, from 0, caps counted.

    Raises VocabularyError naming the first atom that has none.
    """
    found: dict[str, list[int]] = {"element": [], "atom_name": [], "residue": []}
    for number, name, kind in zip(molecule.elements, molecule.atom_names, molecule.residue_names, strict=True):
        kind = PARENTS.get(kind, kind)
        name = SYNONYMS.get((kind, name), SYNONYMS.get(("", name), name))
        for codes, what, value, known in (
            ("element", "element with atomic number", int(number), ELEMENTS),
            ("atom_name", "atom name", name, ATOM_NAMES),
            ("residue", "residue", kind, RESIDUES),
        ):
            if value not in known:
                raise VocabularyError(
                    f"The network knows no {what} {value} (atom {name} of {kind}); peptides of the 20 amino acids "
                    "with ACE, NME or NH2 caps are supported."
                )
            found[codes].append(known.index(value) + 1)
    arrays = {name: np.array(numbers, dtype=np.int64) for name, numbers in found.items()}
    return arrays | {"residue_index": np.array(molecule.residue_indices, dtype=np.int64)}
