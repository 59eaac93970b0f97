"""Codes of atoms as the public program has them, from this program's (jamun.data.vocabulary).

Three things are the public program's own. Atom names count after MDTraj has renamed them, so that the methyl carbon
of NME is C and that of ACE is CH3. Whatever a table does not name shares one code. A protonation state has the code
of its amino acid, except that the public program takes ASH, CYM, GLH and LYN for unknown residues; here they are ASP,
CYS, GLU and LYS.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jamun.data.vocabulary import ATOM_NAMES, ELEMENTS, RESIDUES, VocabularyError

# Rows of the embedding tables.
ELEMENT_ROWS, ATOM_NAME_ROWS, RESIDUE_ROWS, RESIDUE_PLACES = 20, 10, 25, 10

_ELEMENTS = {6: 0, 8: 1, 7: 2, 9: 3, 16: 4}
_ATOM_NAMES = {"C": 0, "O": 1, "N": 2, "S": 3, "CA": 4, "CB": 5}
_RESIDUES = {
    name: code
    for code, name in enumerate(
        "ALA ARG ASN ASP CYS GLU GLN GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL ACE NME".split()
    )
}
_UNKNOWN_RESIDUE = 22


@dataclass(frozen=True)
class PublicCodes:
    """Rows of the embedding tables, (G or 1, N) int64 each."""

    element: Tensor
    atom_name: Tensor
    residue: Tensor
    residue_index: Tensor


def _table(codes: list[int], device: torch.device) -> Tensor:
    """A lookup table whose row 0 is padding."""
    return torch.tensor([0, *codes], device=device)


def public_codes(
    element: Tensor, atom_name: Tensor, residue: Tensor, residue_index: Tensor, generation: int
) -> PublicCodes:
    """Translate this program's codes.

    Args:
        element, atom_name, residue, residue_index: codes of Conditioning, (G or 1, N) int64, 0 on padding.
        generation: that of the public program; from 5 on hydrogen has a code, which moves the ones behind it.

    Returns:
        The public program's codes; on padding some valid row.

    Raises:
        VocabularyError: for a residue that the generation has no code for, or a place in the chain beyond its table.
    """
    device, moved = element.device, int(generation >= 5)
    elements = _table([_ELEMENTS.get(number, 5 + moved) for number in ELEMENTS], device)
    names = _table([_ATOM_NAMES.get(name, 6 + moved) for name in ATOM_NAMES], device)
    residues = _table([_RESIDUES.get(name, _UNKNOWN_RESIDUE) for name in RESIDUES], device)
    of_residue = residues[residue]
    if generation >= 5 and not torch.compiler.is_compiling() and (of_residue == _UNKNOWN_RESIDUE).any():
        raise VocabularyError("Generation 5 of the public network knows no amide cap (NH2); use another model for it.")
    methyl = (residue == RESIDUES.index("NME") + 1) & (atom_name == ATOM_NAMES.index("CH3") + 1)
    return PublicCodes(
        elements[element],
        torch.where(methyl, _ATOM_NAMES["C"], names[atom_name]),
        of_residue,
        residue_index.clamp(max=RESIDUE_PLACES - 1),
    )
