"""The structures from which chains start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import atom_labels
from jamun.io.log import UserError
from jamun.peptides.checks import hands, inverted, peculiarities
from jamun.peptides.closures import Closures
from jamun.peptides.structures import read_structure


class SamplingError(UserError):
    """Sampling that cannot start, or that cannot reach its number of samples."""


@dataclass(frozen=True)
class Starts:
    """The structures from which chains start.

    trajectory: heavy atoms, a frame for each structure.
    notes: what was left out of the files, and what in them no built peptide has, in words.
    """

    trajectory: mdtraj.Trajectory
    notes: list[str]

    def __len__(self) -> int:
        return int(self.trajectory.n_frames)


def read_start(path: Path) -> mdtraj.Trajectory:
    """Heavy atoms of the peptide in a structure file, a frame for each model. Raises PeptideError as `read_structure`
    does."""
    return read_structure(path).trajectory()


def read_starts(paths: Sequence[Path], reference: mdtraj.Trajectory | None = None) -> Starts:
    """All models of all files, which must be of one molecule, hands included.

    Args:
        paths: structure files.
        reference: heavy atoms of the molecule that they must be of; without it, of the first file.

    Raises:
        PeptideError: as `read_structure` does.
        SamplingError: the heavy atoms of a file are others, or a stereocentre is the mirror image.
    """
    structures = [read_structure(path) for path in paths]
    trajectories = [structure.trajectory() for structure in structures]
    molecule = trajectories[0] if reference is None else reference
    topology, hand = molecule.topology, hands(molecule.xyz[0].astype(np.float64), molecule.topology)
    expected = atom_labels(topology)
    first = "the built peptide" if reference is not None else str(paths[0])
    notes: list[str] = []
    for path, structure, trajectory in zip(paths, structures, trajectories, strict=True):
        found = atom_labels(trajectory.topology)
        if len(found) != len(expected):
            raise SamplingError(
                f"{path}: {len(found)} heavy atoms, but {first} has {len(expected)}; all starts must be one molecule."
            )
        for there, here in zip(expected, found, strict=True):
            if there != here:
                raise SamplingError(f"{path}: has {here} where {first} has {there}; the atoms must be of one molecule.")
        if Closures.of_topology(trajectory.topology) != Closures.of_topology(topology):
            raise SamplingError(
                f"{path}: other disulphides than in {first}; all starts must be one molecule (a disulphide is named in "
                "the sequence, as in CAAC-SS1-4)."
            )
        frames = trajectory.xyz.astype(np.float64)
        for frame in frames:
            if other := inverted(frame, topology, hand):
                raise SamplingError(f"{path}: {other[0]}, other than in {first}; all starts must be one molecule.")
        known = structure.named_hands if reference is None else hand
        strange = (peculiarities(frame, topology, known) for frame in frames)
        told = [*structure.notes, *(sentence for frame in strange for sentence in frame)]
        notes += [f"{path}: {sentence}" for sentence in dict.fromkeys(told)]
    return Starts(mdtraj.Trajectory(np.concatenate([one.xyz for one in trajectories]), topology), notes)


def start_files(starts: Sequence[str], peptide: str) -> list[Path]:
    """The files that `sampling.starts` names for a peptide."""
    return [Path(start.replace("{peptide}", peptide)) for start in starts]


def starts_sha256(starts: mdtraj.Trajectory) -> str:
    """SHA-256 of the atoms' names, bonds and positions: what of a file matters, not its remarks."""
    bonds = sorted(tuple(sorted((first.index, second.index))) for first, second in starts.topology.bonds)
    text = repr((atom_labels(starts.topology), bonds))
    return hashlib.sha256(text.encode() + np.ascontiguousarray(starts.xyz, np.float32).tobytes()).hexdigest()
