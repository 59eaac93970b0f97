"""From a trajectory to features, one stretch of frames at a time; and what a dataset consists of."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from tqdm import tqdm

from jamun.config.features import FeatureSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.data.store import FeatureError, FeatureFile, write_features
from jamun.data.vocabulary import VOCABULARY_VERSION, encode
from jamun.data.weights import bounded
from jamun.io.atomic import read_json, write_json
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.peptides.bias import Bias, local_energies

# Frames held in memory at a time.
CHUNK_FRAMES = 1000
# What a frame of MD with a bias may weigh, over the mean: where a bias is too high, a few frames would count for all.
LARGEST_WEIGHT = 20.0


def kept_frames(boundaries: list[int], discard: int, stride: int) -> tuple[np.ndarray, list[int]]:
    """Which of all frames (F,) are kept of replicas with the offsets `boundaries` (R+1), and their offsets then (R+1):
    of each replica every `stride`-th but the first `discard`."""
    keep = np.zeros(boundaries[-1], dtype=bool)
    offsets = [0]
    for start, stop in itertools.pairwise(boundaries):
        chosen = keep[start:stop]
        chosen[discard::stride] = True
        offsets.append(offsets[-1] + int(chosen.sum()))
    return keep, offsets


def _chunks(trajectory: Path, topology: mdtraj.Topology, atoms: np.ndarray, keep: np.ndarray) -> Iterator[np.ndarray]:
    """Positions (f, N, 3) in nm of the kept frames."""
    start = 0
    try:
        with openable(trajectory) as name:
            for part in mdtraj.iterload(name, top=topology, chunk=CHUNK_FRAMES, atom_indices=atoms):
                if start + len(part) > len(keep):
                    raise FeatureError(f"{trajectory}: more than the {len(keep)} frames that its record tells of.")
                yield part.xyz[keep[start : start + len(part)]]
                start += len(part)
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, FeatureError):
            raise
        raise FeatureError(f"{trajectory}: cannot be read with this topology ({error}).") from None
    if start != len(keep):
        raise FeatureError(f"{trajectory}: {start} frames, but its record tells of {len(keep)}; simulate it again.")


def _residue_weights(chunks: Iterator[np.ndarray], molecule: Molecule, bias: Bias) -> np.ndarray:
    """Weights (F, R) of the atoms of each residue in frames of biased MD, of each 1 in the mean: exp(V / kT), V being
    the bias of the residue and of those bonded to it.

    The denoiser is the mean of x given y, so a frame weighs exp(V / kT) with the whole bias V. Where y tells what a far
    residue does, its share of V is the same in all x that may be behind y, and cancels; where y does not, the near
    residues' torsions hardly depend on it. Left out, as here, it leaves more frames that count: 47 % of those of the
    pentapeptides of studies/longer_chains, of which the whole bias leaves 15 %.
    """
    topology = molecule.topology()
    energies = np.concatenate(
        [local_energies(bias, mdtraj.Trajectory(chunk, topology)) for chunk in chunks if len(chunk)]
    )
    weights = np.exp(energies - energies.max(0))
    return np.stack([bounded(own, 0.0, LARGEST_WEIGHT) for own in weights.T], axis=1)


def featurize_to_file(
    trajectory: Path, topology: Path, md_record: Path, settings: FeatureSettings, peptide: str, target: Path
) -> None:
    """Write the features of one peptide (HDF5), from an XTC and a PDB of it alone and the md.json of its simulation.

    MD with a bias, which its record holds, gets weights.

    Raises FeatureError, which names the file and says why, where one cannot be used.
    """
    try:
        structure = mdtraj.load(str(topology))
    except (OSError, ValueError, IndexError) as error:
        raise FeatureError(f"{topology}: not readable as a topology ({error}).") from None
    top = structure.topology
    record = read_json(md_record)
    try:
        boundaries = [int(offset) for offset in record["boundaries"]]
        interval = float(record["production"]["frame_interval_ps"])
    except (KeyError, TypeError, ValueError) as error:
        raise FeatureError(f"{md_record}: not the record of a simulation (missing {error}).") from None
    try:
        with openable(trajectory) as name, mdtraj.open(name) as file:
            first = file.read(1)
    except (OSError, ValueError, RuntimeError) as error:
        raise FeatureError(f"{trajectory}: not readable as a trajectory ({error}); simulate it again.") from None
    n_atoms = first[0].shape[1] if isinstance(first, tuple) else first.shape[1]
    if n_atoms != top.n_atoms:
        raise FeatureError(f"{trajectory}: {n_atoms} atoms, but {topology} has {top.n_atoms}; they must be of one run.")
    molecule = Molecule.from_topology(top, structure.xyz[0])
    encode(molecule)  # a peptide that the network cannot be told of is refused here, not in training
    made_by = record.get("settings")
    solvent = made_by.get("solvent") if isinstance(made_by, dict) else None
    keep, offsets = kept_frames(boundaries, settings.discard, settings.stride)
    weights = None
    if record.get("bias"):
        parts = _chunks(trajectory, top, heavy_atoms(top), keep)
        weights = _residue_weights(parts, molecule, Bias.of_told(record["bias"]))
    chunks = _chunks(trajectory, top, heavy_atoms(top), keep)
    # Closed before an error is told, which would else stand in the bar's line.
    with tqdm(chunks, total=-(-len(keep) // CHUNK_FRAMES), desc=f"features of {peptide}", unit="chunk") as progress:
        write_features(
            target, peptide, molecule, progress, int(keep.sum()), offsets, interval * settings.stride, solvent, weights
        )


def _describe(paths: list[Path]) -> dict[str, Any]:
    files = [FeatureFile(path) for path in paths]
    return {
        "peptides": len(files),
        "frames": sum(file.n_frames for file in files),
        "atoms": sum(file.molecule.n_atoms for file in files),
        "largest": max((file.molecule.n_atoms for file in files), default=0),
    }


def summarize_to_file(train: list[Path], validation: list[Path], target: Path) -> None:
    """Describe the dataset (JSON) from the features files of both splits: counts of both, and the mean squared distance
    A over pairs i != j (Appendix B) in nm^2, over the frames of the training peptides.

    Raises FeatureError where there are no training files.
    """
    if not train:
        raise FeatureError("There are no training peptides; list some under peptides.train.")
    files = [FeatureFile(path) for path in train]
    frames = np.array([file.n_frames for file in files], dtype=np.float64)
    squared = np.array([file.mean_squared_distance for file in files])
    write_json(
        target,
        {
            "train": _describe(train),
            "validation": _describe(validation),
            "mean_squared_distance": float((frames * squared).sum() / frames.sum()),
            "vocabulary_version": VOCABULARY_VERSION,
            "provenance": provenance("mdtraj", "numpy", "h5py"),
        },
    )
