"""Frames of a foreign trajectory, one stretch at a time, so that memory does not grow with the file."""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import h5py
import mdtraj
import numpy as np
from mdtraj.utils import lengths_and_angles_to_box_vectors

from jamun.io.names import openable
from jamun.io.text import in_brief
from jamun.peptides.reading import is_structure, read_models
from jamun.peptides.sequences import PeptideError
from jamun.trajectories.checks import TrajectoryError

# Coordinates held in memory at a time, water and all.
_CHUNK_ATOMS = 2_000_000
_NPZ_KEY, _NPZ_TIME = "positions", "time"
# Formats that can carry times; of NetCDF, which need not have any, the file tells.
_TIMED = (".xtc", ".trr", ".nc", ".netcdf", ".ncdf")


@dataclass(frozen=True)
class Frames:
    """Some frames: positions (F, N, 3), box vectors (F, 3, 3) or None, in one unit of length, and times (F,) in ps or
    None. Times are double precision, whatever the file has: 0.1 ps at 20 ns is lost in sums of single precision."""

    positions: np.ndarray
    box: np.ndarray | None
    times: np.ndarray | None


@contextmanager
def _by_mdtraj(path: Path, where: str = "") -> Iterator[None]:
    """Read a file by MDTraj and its C readers: what they print is kept off the terminal, and what they fail with, which
    is in every way there is, becomes a sentence of ours that begins with `where`."""
    saved = [(number, os.dup(number)) for number in (1, 2)]
    try:
        with open(os.devnull, "wb") as nowhere:
            for number, _ in saved:
                os.dup2(nowhere.fileno(), number)
        yield
    except ImportError as error:
        raise TrajectoryError(f"{path}: a format that needs another package ({in_brief(error)}).") from None
    except Exception as error:
        raise _unreadable(path, f"{where}{error}" if where else error) from None
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)


def _unreadable(path: Path, error: object) -> TrajectoryError:
    return TrajectoryError(
        f"{path}: not readable as {path.suffix[1:].upper()} ({in_brief(error)}); the file is damaged, cut short or of "
        "another format: fetch or write it again."
    )


def _require_atoms(path: Path, found: int, expected: int, topology: Path) -> None:
    if found != expected:
        raise TrajectoryError(
            f"{path}: {found} atoms in each frame, but {topology} has {expected}; give the topology that belongs to it."
        )


def _require_complete(path: Path, frames: int) -> None:
    """Refuse what MDTraj reads without a word: XDR files that end within a word, DCD files shorter than they tell."""
    if path.suffix.lower() in (".xtc", ".trr") and path.stat().st_size % 4:
        raise _unreadable(path, "it ends within a number")
    if path.suffix.lower() == ".dcd":
        with open(path, "rb") as handle:
            head = handle.read(12)
        if len(head) == 12:
            order = "<" if head[:4] == struct.pack("<i", 84) else ">"
            told = struct.unpack(f"{order}i", head[8:])[0]
            if told > frames:
                raise _unreadable(path, f"{frames} whole frames, but its header tells of {told}")


def _blank(n_atoms: int) -> mdtraj.Topology:
    """A topology of so many atoms, which MDTraj asks for where it converts a file's units to nm."""
    top = mdtraj.Topology()
    residue = top.add_residue("UNK", top.add_chain())
    for _ in range(n_atoms):
        top.add_atom("X", mdtraj.element.virtual, residue)
    return top


def _mdtraj_frames(path: Path, n_atoms: int, atoms: np.ndarray, where: Path) -> Iterator[Frames]:
    chunk, topology = max(1, _CHUNK_ATOMS // n_atoms), _blank(n_atoms)
    with ExitStack() as stack:
        name = stack.enter_context(openable(path, path.suffix.lower()))
        with _by_mdtraj(path):
            file = stack.enter_context(mdtraj.open(name))
            first = file.read(1)
            total = len(file)
            file.seek(0)
        _require_complete(path, total)
        shown = first[0] if isinstance(first, tuple) else first
        _require_atoms(path, shown.shape[1], n_atoms, where)
        # Where there are none, MDTraj counts frames instead.
        has_times = path.suffix.lower() in _TIMED and first[1] is not None
        read = 0
        while True:
            with _by_mdtraj(path, f"after {read} frames: "):  # a damaged frame is met only here
                part = file.read_as_traj(topology, n_frames=chunk)
            if len(part) == 0:
                return
            read += len(part)
            times = part.time.astype(np.float64) if has_times else None
            yield Frames(part.xyz[:, atoms], part.unitcell_vectors, times)


def _structure_frames(path: Path, n_atoms: int, atoms: np.ndarray, where: Path) -> Iterator[Frames]:
    """The models of a structure file."""
    try:
        models = read_models(path)
    except PeptideError as error:
        raise TrajectoryError(str(error)) from None
    frames = []
    for model in models:
        found = {atom.index: atom.position for residue in model.residues for atom in residue.atoms}
        _require_atoms(path, len(found), n_atoms, where)
        frames.append([found[index] for index in atoms.tolist()])
    yield Frames(np.array(frames), None, None)


def _hdf5_frames(path: Path, n_atoms: int, atoms: np.ndarray, where: Path) -> Iterator[Frames]:
    """MDTraj's HDF5 layout, read without PyTables."""
    chunk = max(1, _CHUNK_ATOMS // n_atoms)
    try:
        with h5py.File(path, "r") as file:
            coordinates = file["coordinates"]
            if coordinates.ndim != 3 or coordinates.shape[2] != 3:
                raise _unreadable(path, f"coordinates have shape {coordinates.shape}, not frames x atoms x 3")
            _require_atoms(path, coordinates.shape[1], n_atoms, where)
            for start in range(0, len(coordinates), chunk):
                part = slice(start, start + chunk)
                box = None
                if "cell_lengths" in file:
                    lengths, angles = file["cell_lengths"][part], file["cell_angles"][part]
                    vectors = lengths_and_angles_to_box_vectors(*lengths.T, *angles.T)
                    box = np.stack(vectors, axis=1)
                times = file["time"][part].astype(np.float64) if "time" in file else None
                yield Frames(coordinates[part][:, atoms], box, times)
    except (OSError, KeyError, AttributeError, RuntimeError) as error:
        raise _unreadable(path, error) from None


def _npz_header(handle: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(handle)
    if dtype.hasobject:
        raise TrajectoryError(
            f"{path}: {_NPZ_KEY} is pickled, which can run code and is never loaded; save it as an array of floats."
        )
    if dtype.kind != "f" or len(shape) != 3 or shape[2] != 3 or (fortran and min(shape) > 1):
        raise TrajectoryError(
            f"{path}: {_NPZ_KEY} is {dtype} of shape {shape}{' in Fortran order' if fortran else ''}; save floats of "
            "shape frames x atoms x 3 in C order."
        )
    return shape, dtype


def _npz_times(path: Path, frames: int) -> np.ndarray | None:
    """Times (F,) in ps as Timewarp's files hold them; None where there are none."""
    with np.load(path, allow_pickle=False) as arrays:
        if _NPZ_TIME not in arrays:
            return None
        times = np.asarray(arrays[_NPZ_TIME])
    if times.shape != (frames,) or times.dtype.kind not in "fiu":
        raise TrajectoryError(
            f"{path}: {_NPZ_TIME} is {times.dtype} of shape {times.shape} for {frames} frames; save a number of ps for "
            "each, or leave it out."
        )
    return times.astype(np.float64)


def _npz_frames(path: Path, n_atoms: int, atoms: np.ndarray, where: Path) -> Iterator[Frames]:
    """The member `positions` of an NPZ, compressed or not, read through its header frame by frame; nothing is ever
    unpickled, and members that are not asked for are not touched."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = f"{_NPZ_KEY}.npy"
            if member not in archive.namelist():
                held = ", ".join(name.removesuffix(".npy") for name in archive.namelist())[:120]
                raise TrajectoryError(
                    f"{path}: no array {_NPZ_KEY!r}, only {held or 'nothing'}; save it under this name."
                )
            with archive.open(member) as handle:
                shape, dtype = _npz_header(handle, path)
                _require_atoms(path, shape[1], n_atoms, where)
                frame_bytes = shape[1] * 3 * dtype.itemsize
                chunk = max(1, _CHUNK_ATOMS // n_atoms)
                times = _npz_times(path, shape[0])
                for start in range(0, shape[0], chunk):
                    count = min(chunk, shape[0] - start)
                    content = handle.read(count * frame_bytes)
                    if len(content) < count * frame_bytes:
                        raise EOFError("it ends before its last frame")
                    values = np.frombuffer(content, dtype=dtype)
                    own = None if times is None else times[start : start + count]
                    yield Frames(values.reshape(count, shape[1], 3)[:, atoms], None, own)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, zlib.error) as error:
        raise _unreadable(path, error) from None
    except ValueError as error:
        if isinstance(error, TrajectoryError):
            raise
        raise _unreadable(path, error) from None  # NumPy's word for a header that is none


def read_frames(path: Path, n_atoms: int, atoms: np.ndarray, where: Path) -> Iterator[Frames]:
    """Stretches of frames of a trajectory, so that memory does not grow with the file.

    Args:
        path: XTC, TRR, DCD, NetCDF, HDF5 in MDTraj's layout, NPZ with an array `positions`, the models of a structure
            file, or another format that MDTraj reads in stretches. Lengths are nm as MDTraj reads them, NPZ as stored.
        n_atoms: atoms that a frame has to have.
        atoms: (N,), the atoms that are returned.
        where: the file of the topology, for messages.

    Raises:
        TrajectoryError: the file is empty, damaged, cut short or of another format, pickled, or of another number of
            atoms.
    """
    if path.stat().st_size == 0:
        raise TrajectoryError(f"{path}: an empty file; fetch or write it again.")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _npz_frames(path, n_atoms, atoms, where)
    if suffix == ".h5":
        return _hdf5_frames(path, n_atoms, atoms, where)
    if is_structure(path):
        return _structure_frames(path, n_atoms, atoms, where)
    return _mdtraj_frames(path, n_atoms, atoms, where)
