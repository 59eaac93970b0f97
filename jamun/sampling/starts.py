"""The structures from which chains start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import atom_labels, heavy_atoms
from jamun.io.log import UserError


class SamplingError(UserError):
    """Sampling that cannot start, or that cannot reach its number of samples."""


def read_start(pdb: Path) -> mdtraj.Trajectory:
    """Heavy atoms of a structure, a frame for each of its models. Raises SamplingError for a file that MDTraj cannot
    read, one without atoms, or one whose positions are not finite."""
    try:
        structure = mdtraj.load(str(pdb))
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SamplingError(f"{pdb}: not readable as a structure ({reason}); give a PDB of the peptide.") from None
    heavy = heavy_atoms(structure.topology)
    if not len(heavy) or not np.isfinite(structure.xyz).all():
        raise SamplingError(f"{pdb}: no heavy atoms with finite positions there; give a PDB of the peptide.")
    return structure.atom_slice(heavy)


def read_starts(pdbs: Sequence[Path], reference: mdtraj.Topology | None = None) -> mdtraj.Trajectory:
    """All models of all files as one trajectory, in the topology of `reference` (heavy atoms) or of the first file.

    Raises SamplingError, in one sentence, for a file whose heavy atoms are others, or in another order.
    """
    structures = [read_start(pdb) for pdb in pdbs]
    topology = structures[0].topology if reference is None else reference
    expected = atom_labels(topology)
    first = "the built peptide" if reference is not None else str(pdbs[0])
    for pdb, structure in zip(pdbs, structures, strict=True):
        found = atom_labels(structure.topology)
        if len(found) != len(expected):
            raise SamplingError(
                f"{pdb}: {len(found)} heavy atoms, but {first} has {len(expected)}; all starts must be one molecule."
            )
        for there, here in zip(expected, found, strict=True):
            if there != here:
                order = "in the same order" if sorted(found) == sorted(expected) else "of one molecule"
                raise SamplingError(f"{pdb}: has {here} where {first} has {there}; the atoms must be {order}.")
    return mdtraj.Trajectory(np.concatenate([structure.xyz for structure in structures]), topology)


def start_files(starts: Sequence[str], peptide: str) -> list[Path]:
    """The files that `sampling.starts` names for a peptide."""
    return [Path(start.replace("{peptide}", peptide)) for start in starts]


def starts_sha256(starts: mdtraj.Trajectory) -> str:
    """SHA-256 of the atoms' names, bonds and positions: what of a file matters, not its remarks."""
    bonds = sorted(tuple(sorted((first.index, second.index))) for first, second in starts.topology.bonds)
    text = repr((atom_labels(starts.topology), bonds))
    return hashlib.sha256(text.encode() + np.ascontiguousarray(starts.xyz, np.float32).tobytes()).hexdigest()
