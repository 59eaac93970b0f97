"""Atoms as the public program tells its network of them.

Its tables name few atoms and residues; whatever they do not name shares one code. Names count after MDTraj has renamed
them: HID, HIE, HIP, HSD and HSE are HIS, CYX is CYS, and the methyl carbon of NME is C while that of ACE is CH3. Other
protonation states (ASH, CYM, GLH, LYN) and amide caps (NH2) are residues without a name.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from jamun.data.molecule import Molecule
from jamun.data.vocabulary import VocabularyError
from jamun.model.network import Conditioned

# Of the tables below: a checkpoint made with others is refused.
PUBLIC_VOCABULARY_VERSION = 1

# Rows of the embedding tables.
ROWS = {"element": 20, "atom_name": 10, "residue": 25, "residue_index": 10}

_ELEMENTS = {6: 0, 8: 1, 7: 2, 9: 3, 16: 4}  # by atomic number
_ATOM_NAMES = {"C": 0, "O": 1, "N": 2, "S": 3, "CA": 4, "CB": 5}
_RESIDUE_NAMES = "ALA ARG ASN ASP CYS GLU GLN GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL ACE NME"
_RESIDUES = {name: code for code, name in enumerate(_RESIDUE_NAMES.split())}
_RENAMED = dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS") | {"CYX": "CYS", "NMA": "NME"}
OTHER_ELEMENT, OTHER_ATOM_NAME, OTHER_RESIDUE = len(_ELEMENTS), len(_ATOM_NAMES), len(_RESIDUES)


@dataclass
class PublicConditioning(Conditioned):
    """Codes of atoms, in the order of generation 4, and bonds, for G graphs, or for one that stands for all.

    element, atom_name, residue: (G or 1, N) int64.
    residue_index: (G or 1, N) int64, the residue's place in the chain, from 0, caps counted.
    bonds: (G or 1, N, N) bool, of receiver and sender: True for a bond's later and earlier atom.
    """

    element: Tensor
    atom_name: Tensor
    residue: Tensor
    residue_index: Tensor
    bonds: Tensor

    @classmethod
    def from_molecule(cls, molecule: Molecule) -> Self:
        """One molecule. The order of its atoms gives each bond its direction, from the earlier to the later."""
        residues = [_RENAMED.get(name, name) for name in molecule.residue_names]
        names = [
            "C" if (residue, name) == ("NME", "CH3") else name
            for residue, name in zip(residues, molecule.atom_names, strict=True)
        ]
        codes = (
            [_ELEMENTS.get(int(number), OTHER_ELEMENT) for number in molecule.elements],
            [_ATOM_NAMES.get(name, OTHER_ATOM_NAME) for name in names],
            [_RESIDUES.get(residue, OTHER_RESIDUE) for residue in residues],
            molecule.residue_indices.astype(np.int64),
        )
        bonds = torch.zeros(1, molecule.n_atoms, molecule.n_atoms, dtype=torch.bool)
        ends = torch.as_tensor(np.sort(molecule.bonds.astype(np.int64), 1))
        bonds[0, ends[:, 1], ends[:, 0]] = True
        mask = torch.ones(1, molecule.n_atoms, dtype=torch.bool)
        element, atom_name, residue, index = (torch.as_tensor(row)[None] for row in codes)
        return cls(mask, element, atom_name, residue, index, bonds)

    def rows(self, generation: int, with_places: bool) -> dict[str, Tensor]:
        """Rows of the embedding tables, (G or 1, N) int64 each.

        Args:
            generation: of the public program; from 5 on hydrogen has a code, which moves the ones behind it.
            with_places: give the residues' places in the chain; else all have the first.

        Raises:
            VocabularyError: for a residue or a place in the chain that has no row. (Not looked for where the network is
                being compiled, nor while a CUDA graph is recorded.)
        """
        looked = not torch.compiler.is_compiling() and not (
            self.mask.is_cuda and torch.cuda.is_current_stream_capturing()
        )
        if looked and generation >= 5 and (self.mask & (self.residue == OTHER_RESIDUE)).any():
            raise VocabularyError(
                f"Generation {generation} of the public network knows the amino acids, ACE and NME only; use another "
                "model for this molecule."
            )
        if looked and with_places and (self.residue_index >= ROWS["residue_index"]).any():
            raise VocabularyError(
                f"The public network knows {ROWS['residue_index']} places in a chain, caps counted; use another model "
                "for this molecule."
            )
        moved = int(generation >= 5)
        return {
            "element": self.element + moved * (self.element == OTHER_ELEMENT),
            "atom_name": self.atom_name + moved * (self.atom_name == OTHER_ATOM_NAME),
            "residue": self.residue,
            "residue_index": self.residue_index if with_places else torch.zeros_like(self.residue_index),
        }
