"""Trajectories, flags and weights, read from files and checked."""

from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import atom_labels
from jamun.io.atomic import read_npz
from jamun.io.log import UserError
from jamun.peptides.closures import Closures
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.peptide import PeptideTrajectory, read_peptide, recorded_chains


class EvaluationError(UserError):
    """Two trajectories that cannot be compared; the message names the file."""


def read_trajectory(trajectory: Path, topology: Path) -> PeptideTrajectory:
    """All frames of the peptide's heavy atoms, with what was left out and put right. Raises EvaluationError for files
    that cannot be read or do not fit, fewer than two frames, positions that are not finite, or lengths that are not
    nm."""
    try:
        return read_peptide(trajectory, topology)
    except TrajectoryError as error:
        reason = str(error).removeprefix(f"{trajectory}: ")
        raise EvaluationError(f"{trajectory}: cannot be read with {topology}: {reason}") from None


def require_same_molecule(reference: mdtraj.Topology, samples: mdtraj.Topology, where: Path) -> None:
    """Raises EvaluationError, naming the first difference, unless heavy atoms agree in name, residue and order, and
    disulphides and the bond of a ring are the same."""
    first, second = atom_labels(reference), atom_labels(samples)
    if first == second:
        if Closures.of_topology(reference) != Closures.of_topology(samples):
            raise EvaluationError(
                f"{where}: other disulphides than in the reference, or a ring: another molecule; give the topology of "
                "each with its bonds (CONECT records)."
            )
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


def weights_beside(trajectory: Path) -> Path | None:
    """The file of a trajectory's weights, weights.npz in its folder; None without one."""
    path = trajectory.parent / "weights.npz"
    return path if path.is_file() else None


def read_weights(path: Path | None, frames: int) -> np.ndarray | None:
    """Statistical weights (frames,) from a file, scaled to a mean of 1; None without one.

    The file has an array `weights`, one number a frame. Raises EvaluationError for a file that is not of these frames.
    """
    if path is None:
        return None
    try:
        weights = np.asarray(read_npz(path)["weights"], dtype=float)
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"{path}: cannot be read as weights ({error}); make it again, or remove it.") from None
    if weights.shape != (frames,):
        raise EvaluationError(f"{path}: holds {weights.size} weights for {frames} frames; make it again.")
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() == 0:
        raise EvaluationError(f"{path}: weights must be finite, not negative, and not all zero; make it again.")
    return weights / weights.mean()
