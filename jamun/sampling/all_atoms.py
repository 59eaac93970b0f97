"""Samples with hydrogens: placed in bulk, and contacts relaxed as before short MD."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import mdtraj
import numpy as np
from tqdm import tqdm

from jamun.io.atomic import atomic_path, read_npz, write_json, write_npz
from jamun.io.files import AllAtomFiles, SamplingFiles
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.peptides.hydrogens import AllAtoms, SeedError
from jamun.peptides.writing import save_structure

logger = logging.getLogger(__name__)

# Frames at a time, which bounds the memory.
_CHUNK = 500


def all_atoms_to_files(pdb: Path, samples: SamplingFiles, files: AllAtomFiles) -> None:
    """Write the accepted samples of one peptide with hydrogens.

    Samples whose stereocentres are not those of the peptide, or turn while contacts relax, are left out and counted.

    Args:
        pdb: the peptide with hydrogens, built or taken in here.
        samples: what a sampling has published.
        files: what to write.

    Raises:
        SeedError: samples of another molecule, or none that is of the peptide's hands.
    """
    began = time.monotonic()
    peptide = AllAtoms.read(pdb)
    with openable(samples.samples) as name:
        drawn = mdtraj.load(name, top=str(samples.topology))
    peptide.require(drawn.topology)
    accepted = np.flatnonzero(read_npz(samples.flags)["accepted"])
    frames, numbers, energies = [], [], []
    for first in tqdm(range(0, len(accepted), _CHUNK), desc="hydrogens", unit=f"{_CHUNK} samples"):
        chosen = accepted[first : first + _CHUNK]
        relaxed, good = peptide.relaxed(drawn.xyz[chosen])
        frames.append(relaxed[good].astype(np.float32))
        numbers.append(chosen[good])
        energies.append(peptide.energies(relaxed[good]))
    if not any(map(len, numbers)):
        raise SeedError(f"{samples.samples}: no sample is of the peptide's hands, so none gets hydrogens.")
    kept = np.concatenate(numbers)
    energy = np.concatenate(energies)
    refused = len(accepted) - len(kept)
    if refused:
        logger.warning(
            "%d of %d samples got no hydrogens: a stereocentre is of the wrong hand.", refused, len(accepted)
        )
    whole = mdtraj.Trajectory(np.concatenate(frames), peptide.topology, time=kept.astype(np.float32))
    with atomic_path(files.trajectory) as temporary, openable(temporary) as name:
        whole.save_xtc(name)
    save_structure(mdtraj.Trajectory(peptide.template[None], peptide.topology), files.topology)
    write_npz(files.arrays, {"sample": kept, "energy": energy})
    levels = (0.05, 0.5, 0.95)
    quantiles = np.quantile(energy, levels)
    write_json(
        files.record,
        {
            "samples": len(accepted),
            "written": len(kept),
            "refused": refused,
            "energy_kj_per_mol": dict(zip(map(str, levels), quantiles, strict=True)),
            "energy_of": "amber99sbildn with OBC, after the contacts were relaxed: below that of MD",
            "seconds": time.monotonic() - began,
            "provenance": provenance("openmm", "mdtraj", "numpy"),
        },
    )
