"""Features of one peptide in one HDF5 file, whose positions are read frame by frame through a memory map."""

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from jamun.data.molecule import Molecule
from jamun.data.vocabulary import VOCABULARY_VERSION
from jamun.io.atomic import atomic_path
from jamun.io.log import UserError


class FeatureError(UserError):
    """A features file that is missing, damaged or of another version."""


def mean_squared_pair_distance(positions: np.ndarray) -> float:
    """Mean of |x_i - x_j|^2 over all pairs i != j and all frames: positions (F, N, 3) in nm -> nm^2; 0 for one atom.

    By the centroid: the sum over ordered pairs is 2 N sum_i |x_i - mean|^2.
    """
    n_atoms = positions.shape[1]
    if n_atoms < 2:
        return 0.0
    centred = positions.astype(np.float64) - positions.mean(1, keepdims=True, dtype=np.float64)
    return float(2.0 * np.square(centred).sum((1, 2)).mean() / (n_atoms - 1))


def write_features(
    target: Path,
    peptide: str,
    molecule: Molecule,
    chunks: Iterable[np.ndarray],
    n_frames: int,
    boundaries: list[int],
    frame_interval_ps: float,
    solvent: str | None = None,
    weights: np.ndarray | None = None,
) -> None:
    """Write positions as they come, atomically: `chunks` yields (f, N, 3) in nm of the molecule's heavy atoms that add
    up to `n_frames`, with the frame offsets `boundaries` of replicas from 0 to `n_frames`. `weights` (F, R) are those
    of each residue's atoms in each frame, caps among the residues; None where all count alike.

    Raises FeatureError where the number of frames is another, or a frame is not finite.
    """
    shape = (n_frames, molecule.n_atoms, 3)
    if n_frames < 1:
        raise FeatureError(f"{peptide}: no frames are left; lower features.discard or features.stride.")
    with atomic_path(target) as temporary, h5py.File(temporary, "w", libver="latest") as file:
        # contiguous and allocated at once, so that the array lies in the file in one piece and can be mapped
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_layout(h5py.h5d.CONTIGUOUS)
        creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple(shape)
        positions = h5py.Dataset(h5py.h5d.create(file.id, b"positions", h5py.h5t.IEEE_F32LE, space, creation))
        positions.attrs["unit"] = "nm"
        written, squared = 0, 0.0
        for chunk in chunks:
            if len(chunk) == 0:  # a stretch of which no frame is kept
                continue
            if not np.isfinite(chunk).all():
                bad = written + int(np.argmin(np.isfinite(chunk).all((1, 2))))
                raise FeatureError(f"{peptide}: frame {bad} of those kept has positions that are not finite numbers.")
            if written + len(chunk) > n_frames:
                raise FeatureError(f"{peptide}: more than the expected {n_frames} frames.")
            positions[written : written + len(chunk)] = chunk.astype(np.float32)
            squared += mean_squared_pair_distance(chunk) * len(chunk)
            written += len(chunk)
        if written != n_frames:
            raise FeatureError(f"{peptide}: {written} frames found where {n_frames} were expected.")
        if weights is not None:
            file.create_dataset("residue_weights", data=weights.astype("<f4"))
        text = h5py.string_dtype()
        for name, value in vars(molecule).items():
            names = isinstance(value, tuple)
            file.create_dataset(name, data=list(value) if names else value, dtype=text if names else None)
        file.create_dataset("boundaries", data=np.asarray(boundaries, dtype=np.int64))
        file.attrs["peptide"] = peptide
        file.attrs["mean_squared_distance"] = squared / n_frames
        file.attrs["frame_interval_ps"] = float(frame_interval_ps)
        file.attrs["vocabulary_version"] = VOCABULARY_VERSION
        if solvent is not None:
            file.attrs["solvent"] = solvent


class FeatureFile:
    """Features of one peptide. Nothing but the description is read until frames are asked for.

    Attributes: peptide; molecule; n_frames; boundaries (R+1,); mean_squared_distance (nm^2); frame_interval_ps; solvent
    of the MD, or None where it is not known; weighted, whether frames of it have weights of their own.
    Raises FeatureError for a file that is missing or not ours. Can be sent to other processes: the map is opened anew.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with h5py.File(self.path, "r") as file:
                version = int(file.attrs["vocabulary_version"])
                self.peptide = str(file.attrs["peptide"])
                self.mean_squared_distance = float(file.attrs["mean_squared_distance"])
                self.frame_interval_ps = float(file.attrs["frame_interval_ps"])
                self.solvent = str(file.attrs["solvent"]) if "solvent" in file.attrs else None
                self.boundaries = file["boundaries"][:]
                self.molecule = Molecule(
                    elements=file["elements"][:],
                    atom_names=tuple(file["atom_names"].asstr()[:]),
                    residue_names=tuple(file["residue_names"].asstr()[:]),
                    residue_indices=file["residue_indices"][:],
                    bonds=file["bonds"][:].reshape(-1, 2),
                    # Files of earlier versions hold natural amino acids.
                    **({"hands": file["hands"][:]} if "hands" in file else {}),
                )
                self._shape = tuple(file["positions"].shape)
                self._offset = file["positions"].id.get_offset()
                # Where the weights begin, and of how many residues they are.
                stored = file.get("residue_weights")
                self._weights = None if stored is None else (stored.id.get_offset(), stored.shape[1])
        except FileNotFoundError:
            raise FeatureError(f"{self.path}: no such features file; run the features target.") from None
        except (OSError, KeyError, ValueError) as error:
            raise FeatureError(
                f"{self.path}: not a features file of this program ({error}); delete it and run the features target."
            ) from None
        if version != VOCABULARY_VERSION:
            raise FeatureError(
                f"{self.path}: made with vocabulary version {version}, this program has {VOCABULARY_VERSION}; delete "
                "it and run the features target."
            )

    @property
    def n_frames(self) -> int:
        return int(self._shape[0])

    @property
    def weighted(self) -> bool:
        return self._weights is not None

    @cached_property
    def positions(self) -> np.ndarray:
        """(F, N, 3) float32 in nm, read-only memory map of the file."""
        return np.memmap(self.path, dtype="<f4", mode="r", offset=self._offset, shape=self._shape)

    @cached_property
    def _handle(self) -> BinaryIO:
        return open(self.path, "rb", buffering=0)

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Copies of the frames with these numbers, in any order: (f,) -> (f, N, 3) float32 in nm.

        By plain reads rather than through the map, whose touched pages would add up in the process's memory.
        """
        return self._read(np.empty((len(frames), *self._shape[1:]), dtype="<f4"), frames, self._offset)

    def read_weights(self, frames: np.ndarray) -> np.ndarray:
        """What the atoms of these frames count in the loss: (f,) -> (f, N) float32, of each atom 1 in the mean over all
        frames; ones where the frames have no weights."""
        if self._weights is None:
            return np.ones((len(frames), self.molecule.n_atoms), dtype=np.float32)
        offset, residues = self._weights
        of_residues = self._read(np.empty((len(frames), residues), dtype="<f4"), frames, offset)
        of_atoms: np.ndarray = of_residues[:, self.molecule.residue_indices]
        return of_atoms

    def _read(self, result: np.ndarray, frames: np.ndarray, offset: int) -> np.ndarray:
        """Fill `result` (f, ...) with the rows of these numbers of an array that begins at `offset`."""
        size = result[:1].nbytes
        for row, frame in zip(result, frames, strict=True):
            if not 0 <= frame < self.n_frames:
                raise IndexError(f"{self.path}: frame {frame} of {self.n_frames}")
            if os.preadv(self._handle.fileno(), [row], offset + int(frame) * size) != size:
                raise FeatureError(f"{self.path}: ends before frame {frame}; delete it and run the features target.")
        return result

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key not in ("positions", "_handle")}
