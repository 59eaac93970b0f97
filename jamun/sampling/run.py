"""Sample one peptide with a checkpoint, from files to files."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
import torch
from mdtraj.formats import XTCTrajectoryFile
from tqdm import tqdm

from jamun.config.sampling import SamplingSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.io.atomic import publish, write_json
from jamun.io.log import UserError
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.model.acceleration import compiled, matmul_precision
from jamun.model.checkpoint import load_denoiser
from jamun.model.conditioning import Conditioning
from jamun.sampling.walk import walk_jump

logger = logging.getLogger(__name__)

LAYOUT = (
    "Frames are ordered by step, then by chain; in the XTC, a frame's step is its chain (from 0) and its time its "
    "number within that chain (from 1)."
)


class SamplingError(UserError):
    """Sampling that cannot start, or whose chains all left the molecule."""


@dataclass
class Tally:
    """What was written, by chain, and how chains ended."""

    lengths: np.ndarray
    written: int = 0
    stopped: int = 0
    evaluations: int = 0
    seconds: float = 0.0


def read_start(pdb: Path) -> mdtraj.Trajectory:
    """Heavy atoms of a structure. Raises SamplingError for a file that MDTraj cannot read."""
    try:
        structure = mdtraj.load_frame(str(pdb), 0)
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise SamplingError(f"{pdb}: not readable as a structure ({error}); give a PDB of the peptide.") from None
    return structure.atom_slice(heavy_atoms(structure.topology))


def choose_device(wanted: str) -> torch.device:
    """The device; auto is CUDA where there is one. Raises SamplingError for a GPU that is not there."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SamplingError("sampling.device is cuda, but PyTorch sees no GPU here; use auto or cpu.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def sample_to_files(
    checkpoint: Path,
    pdb: Path,
    peptide: str,
    settings: SamplingSettings,
    samples: Path,
    topology: Path,
    record: Path,
    work: Path,
    threads: int,
) -> None:
    """Walk-jump sampling of the peptide in `pdb`; publishes samples (XTC), topology (PDB, heavy atoms), record (JSON).

    Frames are streamed to `work` and renamed when all are there. Chains that leave the molecule or are not finite are
    stopped and counted; the others go on until the asked number of samples is written. Raises SamplingError when no
    chain is left, or for a structure or device that cannot be used.
    """
    torch.set_num_threads(threads)
    device = choose_device(settings.device)
    structure = read_start(pdb)
    loaded = load_denoiser(checkpoint, device)
    denoiser, sigma = loaded.denoiser, loaded.sigma
    conditioning = Conditioning.from_molecule(Molecule.from_topology(structure.topology)).to(device)
    start = torch.as_tensor(structure.xyz[0], dtype=torch.float32, device=device)
    seed = derived_seed(settings.seed, "sample", peptide)
    work.mkdir(parents=True, exist_ok=True)
    tally = Tally(np.zeros(settings.chains, dtype=np.int64))
    began = time.perf_counter()
    with (
        torch.no_grad(),
        matmul_precision(settings.precision, device),
        XTCTrajectoryFile(str(work / "samples.xtc"), "w") as xtc,
        tqdm(
            total=settings.samples,
            desc=f"{peptide} samples",
            unit="sample",
            mininterval=5.0 if not sys.stderr.isatty() else 0.2,
        ) as bar,
    ):
        prepared = denoiser.prepare(conditioning)
        denoise = compiled(denoiser, settings.compile, device)
        for jump in walk_jump(lambda y: denoise(y, sigma, prepared), start, sigma, settings, seed):
            alive = jump.alive.cpu().numpy()
            tally.evaluations, tally.stopped = jump.evaluations, int((~alive).sum())
            if not alive.any():
                raise SamplingError(
                    f"{peptide}: all {settings.chains} chains left the molecule within {jump.step} steps, after "
                    f"{tally.written} samples; train the model longer, or lower sampling.step."
                )
            chains = np.flatnonzero(alive)[: settings.samples - tally.written]
            frames = jump.samples.cpu().numpy()[chains].astype(np.float32)
            tally.lengths[chains] += 1
            xtc.write(frames, time=tally.lengths[chains].astype(np.float32), step=chains.astype(np.int32))
            tally.written += len(chains)
            bar.update(len(chains))
            if tally.written == settings.samples:
                break
    tally.seconds = time.perf_counter() - began
    structure.save_pdb(str(work / "topology.pdb"))
    for source, target in (("samples.xtc", samples), ("topology.pdb", topology)):
        publish(work / source, target)
    write_json(
        record,
        {
            "peptide": peptide,
            "settings": settings.model_dump(mode="json"),
            "seed": seed,
            "sigma_nm": sigma,
            "checkpoint": {
                "file": str(checkpoint),
                "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            },
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "threads": threads,
            "atoms": structure.n_atoms,
            "samples": {
                "asked": settings.samples,
                "generated": tally.written,
                "rejected": 0,
            },
            "chains": settings.chains,
            "chains_stopped": {
                "count": tally.stopped,
                "reason": "a sample was not finite, or reached beyond twice the start's radius and 0.5 nm",
            },
            "chain_lengths": tally.lengths,
            "network_evaluations": tally.evaluations,
            "seconds": tally.seconds,
            "milliseconds_per_sample": 1e3 * tally.seconds / tally.written,
            "layout": LAYOUT,
            "provenance": provenance("torch", "e3nn", "mdtraj", "numpy"),
        },
    )
    shutil.rmtree(work)
