"""Files as other programs write them: a built peptide, shaken, in their formats, names and orders."""

from __future__ import annotations

from pathlib import Path

import h5py
import mdtraj
import numpy as np

from jamun.data.molecule import heavy_atoms

FRAMES = 12
INTERVAL = 2.0


def shaken(pdb: Path, frames: int = FRAMES, seed: int = 0) -> mdtraj.Trajectory:
    """Frames of the built peptide with every atom displaced by some picometres, whole, without a box."""
    built = mdtraj.load(str(pdb))
    noise = np.random.default_rng(seed).normal(scale=0.003, size=(frames, built.n_atoms, 3))
    times = INTERVAL * np.arange(frames)
    return mdtraj.Trajectory((built.xyz + noise).astype(np.float32), built.topology, time=times)


def expected(trajectory: mdtraj.Trajectory) -> np.ndarray:
    """What an import keeps of `trajectory`: heavy atoms, centred."""
    heavy = trajectory.xyz[:, heavy_atoms(trajectory.topology)].astype(np.float64)
    return heavy - heavy.mean(axis=1, keepdims=True)


def renamed(trajectory: mdtraj.Trajectory, residues: dict[str, str], atoms: dict[tuple[str, str], str]) -> None:
    """Rename in place: residues by name, atoms by (residue's new name, atom name)."""
    for residue in trajectory.topology.residues:
        residue.name = residues.get(residue.name, residue.name)
        for atom in residue.atoms:
            atom.name = atoms.get((residue.name, atom.name), atom.name)


def with_water(trajectory: mdtraj.Trajectory, waters: int = 5) -> mdtraj.Trajectory:
    """Waters and an ion before and after the peptide, at random places of a box of 3 nm."""
    rng = np.random.default_rng(1)

    def solvent(count: int, ions: int) -> mdtraj.Trajectory:
        top = mdtraj.Topology()
        chain = top.add_chain()
        for _ in range(count):
            residue = top.add_residue("HOH", chain)
            for name, symbol in (("O", "O"), ("H1", "H"), ("H2", "H")):
                top.add_atom(name, mdtraj.element.get_by_symbol(symbol), residue)
        for _ in range(ions):
            top.add_atom("CL", mdtraj.element.chlorine, top.add_residue("CL", chain))
        return mdtraj.Trajectory(rng.uniform(0, 3, (trajectory.n_frames, top.n_atoms, 3)), top, time=trajectory.time)

    joined = solvent(2, 0).stack(trajectory).stack(solvent(waters, 1))
    joined.time = trajectory.time
    return joined


def wrapped(trajectory: mdtraj.Trajectory, vectors: np.ndarray) -> mdtraj.Trajectory:
    """Every atom moved into the box of `vectors` (3, 3), which tears molecules that lie across its faces."""
    inside = trajectory.xyz - trajectory.xyz.mean(axis=1, keepdims=True)  # around the origin, a corner of the box
    fraction = inside @ np.linalg.inv(vectors)
    torn = mdtraj.Trajectory((fraction - np.floor(fraction)) @ vectors, trajectory.topology, time=trajectory.time)
    torn.unitcell_vectors = np.repeat(vectors[None], trajectory.n_frames, axis=0)
    return torn


def save_npz(path: Path, positions: np.ndarray, **others: np.ndarray) -> Path:
    """The arrays as Timewarp's files hold them."""
    np.savez(path, positions=positions, **others)
    return path


def save_h5(path: Path, trajectory: mdtraj.Trajectory) -> Path:
    """MDTraj's HDF5 layout, without PyTables."""
    with h5py.File(path, "w") as file:
        file["coordinates"] = trajectory.xyz
        file["time"] = trajectory.time
        if trajectory.unitcell_vectors is not None:
            file["cell_lengths"] = trajectory.unitcell_lengths
            file["cell_angles"] = trajectory.unitcell_angles
    return path
