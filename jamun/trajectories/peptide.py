"""The one way in for trajectories that are evaluated: a peptide's heavy atoms, under our names, whole and in nm."""

from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import Molecule, MoleculeError, heavy_atoms
from jamun.io.atomic import read_json
from jamun.io.names import ending, openable
from jamun.io.xtc import frame_index
from jamun.peptides.bond_lengths import LONGEST_BOND_NM
from jamun.peptides.reading import PDB_SUFFIXES, STRUCTURE_SUFFIXES
from jamun.trajectories import checks
from jamun.trajectories.atoms import AtomMap, map_peptide, read_topology
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.frames import read_frames

# Frames of two writings of one frame differ by what XTC rounds, nm.
_SAME_FRAME_NM = 2e-3


@dataclass(frozen=True)
class PeptideTrajectory:
    """Frames of one peptide without hydrogens.

    trajectory: its F frames, whole, in nm and ps; without a box.
    times: (F,) in ps, double precision, or None where the file has none.
    notes: what was left out, renamed and put right, in words.
    odd_bond: what speaks against the topology, in words; None where nothing does.
    """

    trajectory: mdtraj.Trajectory
    times: np.ndarray | None
    notes: list[str]
    odd_bond: str | None = None

    @property
    def interval_ps(self) -> float | None:
        """Time between the frames of a run; None where times are uneven, only count frames, or are none."""
        return None if self.times is None else checks.even_interval(self.times)

    @property
    def run_starts(self) -> list[int]:
        """Number of the first frame of each run: times fall back where runs were joined."""
        return [0] if self.times is None else checks.run_starts(self.times)


def _as_it_is(topology: Path) -> tuple[mdtraj.Topology, np.ndarray, int]:
    """Heavy atoms of a molecule that is no peptide of ours, under the file's own names: topology, places, atoms."""
    suffix = ending(topology, STRUCTURE_SUFFIXES)
    with openable(topology, ".pdb" if suffix in PDB_SUFFIXES and not suffix.endswith(".gz") else suffix) as name:
        structure = mdtraj.load_topology(name)
    heavy = heavy_atoms(structure)
    return structure.subset(heavy), heavy, structure.n_atoms


def _heavy_topology(path: Path) -> tuple[mdtraj.Topology, AtomMap, int]:
    """Heavy atoms to read: their topology, where they are in the file's atoms, and how many atoms that has.

    A file with water or ions must hold a peptide that can be told from them; any other molecule is taken as it is.
    """
    found = read_topology(path)
    try:
        return *map_peptide(found, path), found.n_atoms
    except TrajectoryError as error:
        try:
            topology, heavy, n_atoms = _as_it_is(path)
            Molecule.from_topology(topology)
        except (OSError, ValueError, LookupError, TypeError) as other:
            if isinstance(other, MoleculeError) and len(found.residues) == 1:
                raise
            raise error from None
        return topology, AtomMap(heavy, [f"atoms are compared by the file's own names ({error})"]), n_atoms


def _repeated(positions: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Which frames (F,) are the one before them once more, as a restart writes them: in time and in positions."""
    same = np.zeros(len(times), dtype=bool)
    standing = np.flatnonzero(np.diff(times) == 0)
    if len(standing) < len(times) / 2:  # else times mean nothing
        same[standing + 1] = np.abs(positions[standing + 1] - positions[standing]).max(axis=(1, 2)) < _SAME_FRAME_NM
    return same


def read_peptide(trajectory: Path, topology: Path) -> PeptideTrajectory:
    """All frames of the peptide in a trajectory, hydrogens, water and ions left out.

    Names and order of atoms are those of built peptides, so that trajectories of any two programs can be compared. The
    trajectory is of any format that `read_frames` reads, the topology a structure or topology of the same atoms.

    Raises:
        TrajectoryError: a file is not readable, or the two do not belong together; the topology holds no peptide or
            several beside water; fewer than two frames; positions that are not finite, or not in nm.
        MoleculeError: a topology without bonds.
    """
    own, atoms, n_atoms = _heavy_topology(topology)
    try:
        parts = list(read_frames(trajectory, n_atoms, atoms.indices, topology))
    except FileNotFoundError:
        raise TrajectoryError(f"{trajectory}: no such file; correct the path.") from None
    frames = sum(len(part.positions) for part in parts)
    if frames < 2:
        raise TrajectoryError(f"{trajectory}: {frames} frames; an ensemble needs at least two.")
    positions = np.concatenate([part.positions for part in parts]).astype(np.float32, copy=False)
    checks.require_finite(positions, str(trajectory), 0)
    bonds, notes = Molecule.from_topology(own).bonds, list(atoms.notes)
    ours = recorded_chains(trajectory, frames) is not None  # in nm and in order, however bad their model
    if not ours:
        checks.require_nm(positions[:1], bonds, str(trajectory))
    if all(part.box is not None for part in parts):
        box = np.concatenate([part.box for part in parts])
        positions, changed = checks.make_whole(positions, box, bonds, checks.spanning_tree(own.n_atoms, bonds))
        if changed.any():
            notes.append(f"{int(changed.sum())} frames were made whole over the periodic box")
    if torn := int((checks.bond_lengths(positions, bonds) > LONGEST_BOND_NM).any(axis=1).sum()):
        notes.append(f"{torn} of {frames} frames have a bond longer than {LONGEST_BOND_NM:g} nm")
    odd = None if ours else checks.odd_bond(positions, bonds, own)
    if any(part.times is None for part in parts):
        return PeptideTrajectory(mdtraj.Trajectory(positions, own), None, notes, odd)
    times = np.concatenate([part.times for part in parts])
    repeated = _repeated(positions, times)
    if repeated.any():
        notes.append(f"{int(repeated.sum())} frames that are there twice, as after a restart, were left out")
        positions, times = positions[~repeated], times[~repeated]
    return PeptideTrajectory(mdtraj.Trajectory(positions, own, time=times), times, notes, odd)


def recorded_chains(samples: Path, frames: int) -> np.ndarray | None:
    """Chain of each frame (F,), as the sampler wrote it in the XTC's step.

    Steps are trusted only beside the sampling.json of this very file, whose chains have as many frames each; other
    programs count steps of MD there. None without it.
    """
    if samples.suffix.lower() != ".xtc":
        return None
    try:
        lengths = np.asarray(read_json(samples.parent / "sampling.json")["chain_lengths"], dtype=np.int64)
        steps = frame_index(samples).chains
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if len(steps) != frames or steps.min() < 0 or steps.max() >= len(lengths):
        return None
    counted = np.bincount(steps, minlength=len(lengths))
    return steps if np.array_equal(counted, lengths) else None
