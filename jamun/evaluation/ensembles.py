"""Two ensembles of one molecule, read from files and checked to be of one molecule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import atom_labels
from jamun.io.atomic import read_npz
from jamun.io.log import UserError
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.peptide import PeptideTrajectory, read_peptide, recorded_chains


class EvaluationError(UserError):
    """Two trajectories that cannot be compared; the message names the file."""


@dataclass(frozen=True)
class Ensemble:
    """Heavy atoms of one ensemble; `chains` (F,) tells which chain or replica each frame belongs to."""

    trajectory: mdtraj.Trajectory
    chains: np.ndarray

    @property
    def n_frames(self) -> int:
        """Frames in all."""
        return self.trajectory.n_frames


def read_side(trajectory: Path, topology: Path) -> PeptideTrajectory:
    """All frames of the peptide's heavy atoms, with what was left out and put right. Raises EvaluationError for files
    that cannot be read or do not fit, fewer than two frames, positions that are not finite, or lengths that are not
    nm."""
    try:
        return read_peptide(trajectory, topology)
    except TrajectoryError as error:
        reason = str(error).removeprefix(f"{trajectory}: ")
        raise EvaluationError(f"{trajectory}: cannot be read with {topology}: {reason}") from None


def load_heavy(trajectory: Path, topology: Path) -> mdtraj.Trajectory:
    """The frames of `read_side`. Raises EvaluationError as it does."""
    return read_side(trajectory, topology).trajectory


def require_same_molecule(reference: mdtraj.Topology, samples: mdtraj.Topology, where: Path) -> None:
    """Raises EvaluationError, naming the first difference, unless heavy atoms agree in name, residue and order."""
    first, second = atom_labels(reference), atom_labels(samples)
    if first == second:
        return
    if sorted(first) == sorted(second):
        raise EvaluationError(f"{where}: the atoms of the reference in another order; write them in its order.")
    if len(first) != len(second):
        lacking, beyond = (
            [label for label in one if label not in other] for one, other in ((first, second), (second, first))
        )
        words = [f"{verb} {_shown(labels)}" for verb, labels in (("lacks", lacking), ("has", beyond)) if labels]
        raise EvaluationError(
            f"{where}: {len(second)} heavy atoms, the reference has {len(first)}: another molecule, which "
            f"{' and '.join(words)}; give both with all heavy atoms."
        )
    difference = next((a, b) for a, b in zip(first, second, strict=True) if a != b)
    raise EvaluationError(f"{where}: has {difference[1]} where the reference has {difference[0]}: another molecule.")


def _shown(labels: list[str]) -> str:
    """The first of many labels, and how many there are."""
    return ", ".join(labels) if len(labels) <= 6 else f"{', '.join(labels[:5])} and {len(labels) - 5} more"


def frame_chains(trajectory: Path, frames: int) -> np.ndarray:
    """Chain of each frame as the sampler wrote it; one chain for files that no sampling.json tells the chains of."""
    chains = recorded_chains(trajectory, frames)
    return np.zeros(frames, dtype=np.int64) if chains is None else chains


def read_flags(samples: Path, frames: int) -> dict[str, np.ndarray] | None:
    """The sampler's own verdict on every frame, from flags.npz beside the samples; None without one.

    Boolean arrays (frames,), `accepted` and any of `broken`, `inverted`, `clash`. Raises EvaluationError for a file
    that is not of these frames.
    """
    path = samples.parent / "flags.npz"
    if not path.is_file():
        return None
    try:
        flags = read_npz(path)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); sample again, or remove it.") from None
    if "accepted" not in flags:
        raise EvaluationError(f"{path}: has no array accepted; sample again, or remove it.")
    for name, values in flags.items():
        if values.shape != (frames,) or values.dtype != bool:
            raise EvaluationError(f"{path}: {name} is not one flag for each of the {frames} samples; sample again.")
    return flags


def none_rejected(accepted: np.ndarray | None) -> str | None:
    """Why accepted samples cannot be told from all of them; None where `accepted` (F,) leaves some frames out."""
    if accepted is None:
        return "the sampler has not judged its frames"
    if accepted.all():
        return "the sampler accepted every frame"
    if accepted.sum() < 2:
        return "the sampler accepted fewer than two frames"
    return None


def replica_of_frames(boundaries: list[int]) -> np.ndarray:
    """Replica of each frame (F,) from the replicas' offsets (R+1)."""
    return np.repeat(np.arange(len(boundaries) - 1), np.diff(boundaries))


def load_reference(trajectory: Path, topology: Path, boundaries: list[int]) -> Ensemble:
    """Reference MD whose replicas have these offsets (R+1). Raises EvaluationError for files that do not fit."""
    md = load_heavy(trajectory, topology)
    if boundaries[-1] != md.n_frames:
        raise EvaluationError(f"{trajectory}: {md.n_frames} frames, but its record tells of {boundaries[-1]}.")
    return Ensemble(md, replica_of_frames(boundaries))


def load_samples(trajectory: Path, topology: Path, reference: Ensemble) -> Ensemble:
    """Samples of the molecule of `reference`. Raises EvaluationError where the two cannot be compared."""
    drawn = load_heavy(trajectory, topology)
    require_same_molecule(reference.trajectory.topology, drawn.topology, trajectory)
    return Ensemble(drawn, frame_chains(trajectory, drawn.n_frames))


def load_pair(
    reference: Path, reference_topology: Path, boundaries: list[int], samples: Path, samples_topology: Path
) -> tuple[Ensemble, Ensemble]:
    """Reference MD and samples of one molecule. Raises EvaluationError where they cannot be compared."""
    md = load_reference(reference, reference_topology, boundaries)
    return md, load_samples(samples, samples_topology, md)
