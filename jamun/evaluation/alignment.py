"""A few frames of MD and of samples, aligned, for pictures and viewers."""

import textwrap
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import Molecule
from jamun.evaluation.pair import Files, read_reference, read_samples
from jamun.io.atomic import write_text

# Heavy atoms of the backbone, of caps too: CH3 is theirs alone.
_BACKBONE = ("N", "CA", "C", "O", "CH3")


def evenly(chains: np.ndarray, count: int) -> np.ndarray:
    """Indices of at most `count` of the frames that `chains` (F,) has, evenly over chains and within them, in order of
    chain and time; all frames where there are no more."""
    order = np.argsort(chains, kind="stable")
    return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]


def backbone_atoms(topology: mdtraj.Topology) -> np.ndarray:
    """Indices of the backbone's heavy atoms, caps included."""
    return np.array([atom.index for atom in topology.atoms if atom.name in _BACKBONE], dtype=np.int64)


def central_frame(trajectory: mdtraj.Trajectory, atoms: np.ndarray) -> int:
    """The frame with the smallest mean RMSD over `atoms` to the others."""
    means = [
        mdtraj.rmsd(trajectory, trajectory, frame, atom_indices=atoms).mean() for frame in range(trajectory.n_frames)
    ]
    return int(np.argmin(means))


def _axes(positions: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) that lays positions (N, 3) about their centre along x, then y; the first atom on the left."""
    axes = np.linalg.svd(positions - positions.mean(0), full_matrices=True)[2]
    for row, atom in ((0, 0), (1, -1)):
        if axes[row] @ (positions[atom] - positions.mean(0)) > 0:
            axes[row] *= -1
    axes[2] = np.cross(axes[0], axes[1])
    return axes


def align(reference: mdtraj.Trajectory, samples: mdtraj.Trajectory) -> None:
    """Align both, in place, on the backbone of the most central frame of `reference`.

    The centre of that frame becomes the origin, its longest extents x and y; no picture needs to turn it.
    """
    atoms = backbone_atoms(reference.topology)
    target = reference[central_frame(reference, atoms)]
    target.unitcell_vectors = reference.unitcell_vectors = samples.unitcell_vectors = None
    for trajectory in (reference, samples):
        trajectory.superpose(target, atom_indices=atoms)
    positions = target.xyz[0].astype(float)
    axes, centre = _axes(positions), positions.mean(0)
    for trajectory in (reference, samples):
        trajectory.xyz = ((trajectory.xyz - centre) @ axes.T).astype(np.float32)


def pdb_text(trajectory: mdtraj.Trajectory, remark: str) -> str:
    """A PDB with a model a frame and every bond as CONECT, so that no program guesses bonds from distances."""
    lines = [f"REMARK   1 {line}" for line in textwrap.wrap(remark, 68)]
    heads = [
        # Names of fewer than four letters begin in the second column.
        f"ATOM  {atom.index + 1:5d} {atom.name if len(atom.name) == 4 else f' {atom.name}':<4s} "
        f"{atom.residue.name:>3s} A{atom.residue.index + 1:4d}    "
        for atom in trajectory.topology.atoms
    ]
    tails = [f"  1.00  0.00          {atom.element.symbol:>2s}" for atom in trajectory.topology.atoms]
    for number, positions in enumerate(10 * trajectory.xyz, start=1):
        lines.append(f"MODEL     {number:4d}")
        lines += [
            f"{head}{x:8.3f}{y:8.3f}{z:8.3f}{tail}"
            for head, (x, y, z), tail in zip(heads, positions, tails, strict=True)
        ]
        lines.append("ENDMDL")
    bonds = Molecule.from_topology(trajectory.topology).bonds
    lines += [f"CONECT{first + 1:5d}{second + 1:5d}" for first, second in bonds]
    return "\n".join([*lines, "END"]) + "\n"


def aligned_to_files(reference: Files, samples: Files, frames: int, md: Path, drawn: Path) -> None:
    """Write at most `frames` heavy-atom frames of each of MD and samples, aligned, as PDBs `md` and `drawn` with a
    model a frame. Raises EvaluationError for files that are not two ensembles of one molecule."""
    first, _ = read_reference(reference)
    second, _ = read_samples(samples, first.topology)
    chosen = [evenly(ensemble.chains, frames) for ensemble in (first, second)]
    # One molecule, so one topology: bonds are the MD's, whose file has every atom.
    pieces = [
        mdtraj.Trajectory(ensemble.placed()[indices], first.topology)
        for ensemble, indices in zip((first, second), chosen, strict=True)
    ]
    align(*pieces)
    for target, piece, indices, ensemble, what in zip(
        (md, drawn), pieces, chosen, (first, second), ("frames of MD", "samples"), strict=True
    ):
        numbers = ", ".join(map(str, indices))
        remark = f"{len(indices)} of {len(ensemble)} {what}, heavy atoms, aligned on the backbone; by number "
        write_text(target, pdb_text(piece, f"{remark}from 0: {numbers}."))
