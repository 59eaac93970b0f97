"""Small molecules and synthetic ensembles for tests: capped dipeptides whose frames are cheap to make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from jamun.data.molecule import Molecule
from jamun.data.store import write_features
from jamun.model.conditioning import Conditioning

_CAP = [("ACE", "CH3", 6), ("ACE", "C", 6), ("ACE", "O", 8)]
_END = [("NME", "N", 7), ("NME", "CH3", 6)]
_BACKBONE = [("N", 7), ("CA", 6), ("C", 6), ("O", 8)]


def molecule(residues: list[str]) -> Molecule:
    """ACE, glycines and alanines, NME; bonds along the chain."""
    atoms, owners = list(_CAP), [0] * len(_CAP)
    for place, residue in enumerate(residues, 1):
        names = _BACKBONE + ([("CB", 6)] if residue == "ALA" else [])
        atoms += [(residue, name, element) for name, element in names]
        owners += [place] * len(names)
    atoms += _END
    owners += [len(residues) + 1] * len(_END)
    bonds = [(index, index + 1) for index in range(len(atoms) - 1)]
    return Molecule(
        elements=np.array([element for _, _, element in atoms]),
        atom_names=tuple(name for _, name, _ in atoms),
        residue_names=tuple(residue for residue, _, _ in atoms),
        residue_indices=np.array(owners),
        bonds=np.array(bonds),
    )


def ensemble(n_atoms: int, frames: int, seed: int) -> np.ndarray:
    """(F, N, 3) nm: a rigid zigzag whose second half turns about the middle bond into one of two states."""
    random = np.random.default_rng(seed)
    shape = np.random.default_rng(n_atoms)
    steps = shape.normal(size=(n_atoms, 3))
    base = np.cumsum(0.15 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
    half = n_atoms // 2
    positions = np.repeat(base[None], frames, 0)
    angle = np.where(random.random(frames) < 0.5, 0.7, -0.7) + 0.05 * random.normal(size=frames)
    axis = base[half] - base[half - 1]
    axis /= np.linalg.norm(axis)
    arm = positions[:, half:] - base[half]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    turned = arm * cosine + np.cross(axis, arm) * sine + axis * (arm @ axis)[..., None] * (1 - cosine)
    positions[:, half:] = base[half] + turned
    return (positions + 0.003 * random.normal(size=positions.shape)).astype(np.float32)


def write_toy(path: Path, residues: list[str], frames: int, seed: int) -> Path:
    """A features file of a toy ensemble."""
    kind = molecule(residues)
    name = "".join(residue[0] for residue in residues)
    write_features(path, name, kind, [ensemble(kind.n_atoms, frames, seed)], frames, [0, frames], 0.1)
    return path


def random_conditioning(graphs: int, atoms: int, seed: int = 0) -> Conditioning:
    """Random codes and a bonded chain; no padding."""
    generator = torch.Generator().manual_seed(seed)
    chain = torch.diag(torch.ones(atoms - 1, dtype=torch.bool), 1) if atoms > 1 else torch.zeros(1, 1, dtype=torch.bool)
    bonded = (chain | chain.T).expand(graphs, -1, -1).clone()

    def codes(high: int) -> torch.Tensor:
        return torch.randint(1, high, (graphs, atoms), generator=generator)

    mask = torch.ones(graphs, atoms, dtype=torch.bool)
    hand = torch.ones(graphs, atoms, dtype=torch.int8)
    return Conditioning(mask, codes(5), codes(30), codes(20), codes(4), bonded, hand)
