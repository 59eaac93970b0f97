"""What the denoiser is told of a molecule besides positions."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from jamun.data.molecule import Molecule
from jamun.data.vocabulary import encode


@dataclass
class Conditioning:
    """Codes of atoms (jamun.data.vocabulary), bonds and hands, for G graphs, or for one that stands for all.

    element, atom_name, residue, residue_index: (G or 1, N) int64, 0 on padding.
    bonded: (G or 1, N, N) bool, symmetric.
    mask: (G or 1, N) bool, False on padding.
    hand: (G or 1, N) int8, 1 or -1, the hand of each atom's surroundings (Molecule.atom_hands); 0 on padding.
    """

    element: Tensor
    atom_name: Tensor
    residue: Tensor
    residue_index: Tensor
    bonded: Tensor
    mask: Tensor
    hand: Tensor

    def to(self, device: torch.device | str) -> "Conditioning":
        """The same on `device`."""
        return Conditioning(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    @classmethod
    def from_molecule(cls, molecule: Molecule) -> "Conditioning":
        """One molecule. Raises VocabularyError for an atom that the network has no code for."""
        codes = encode(molecule)
        bonded = torch.zeros(molecule.n_atoms, molecule.n_atoms, dtype=torch.bool)
        first, second = torch.as_tensor(molecule.bonds.astype(np.int64)).T
        bonded[first, second] = bonded[second, first] = True
        rows = (codes.element, codes.atom_name, codes.residue, codes.residue_index)
        mask = torch.ones(1, molecule.n_atoms, dtype=torch.bool)
        hand = torch.as_tensor(molecule.atom_hands())[None]
        element, atom_name, residue, index = (torch.as_tensor(row)[None] for row in rows)
        return cls(element, atom_name, residue, index, bonded[None], mask, hand)

    def select(self, graphs: Tensor) -> "Conditioning":
        """The graphs with these indices, repeats allowed."""
        return Conditioning(**{field.name: getattr(self, field.name)[graphs] for field in fields(self)})

    @classmethod
    def batch(cls, parts: list["Conditioning"]) -> "Conditioning":
        """Join single molecules to one batch, padded to the largest."""
        largest = max(part.mask.shape[1] for part in parts)
        joined = {}
        for field in fields(cls):
            rows = [getattr(part, field.name)[0] for part in parts]
            if field.name == "bonded":
                value = rows[0].new_zeros(len(rows), largest, largest)
                for graph, row in enumerate(rows):
                    value[graph, : len(row), : len(row)] = row
                joined[field.name] = value
            else:
                joined[field.name] = pad_sequence(rows, batch_first=True)
        return cls(**joined)
