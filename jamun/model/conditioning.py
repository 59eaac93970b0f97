"""What the denoiser is told of a molecule besides positions."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from jamun.data.molecule import Molecule
from jamun.data.vocabulary import encode
from jamun.model.network import Conditioned


@dataclass
class Conditioning(Conditioned):
    """Codes of atoms (jamun.data.vocabulary), bonds and hands, for G graphs, or for one that stands for all.

    element, atom_name, residue, residue_index: (G or 1, N) int64.
    bonded: (G or 1, N, N) bool, symmetric.
    hand: (G or 1, N) int8, 1 or -1, the hand of each atom's surroundings (Molecule.atom_hands).
    """

    element: Tensor
    atom_name: Tensor
    residue: Tensor
    residue_index: Tensor
    bonded: Tensor
    hand: Tensor

    @classmethod
    def from_molecule(cls, molecule: Molecule) -> Self:
        """One molecule. Raises VocabularyError for an atom that the network has no code for."""
        bonded = torch.zeros(1, molecule.n_atoms, molecule.n_atoms, dtype=torch.bool)
        first, second = torch.as_tensor(molecule.bonds.astype(np.int64)).T
        bonded[0, first, second] = bonded[0, second, first] = True
        return cls(
            mask=torch.ones(1, molecule.n_atoms, dtype=torch.bool),
            bonded=bonded,
            hand=torch.as_tensor(molecule.atom_hands())[None],
            **{name: torch.as_tensor(codes)[None] for name, codes in encode(molecule).items()},
        )
