"""Samples without MD: their torsions, and their geometry against the structure that they started from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.data.molecule import heavy_atoms
from jamun.evaluation.bootstrap import SAMPLES_SEED, block_sums, ratio
from jamun.evaluation.ensembles import (
    Ensemble,
    EvaluationError,
    frame_chains,
    load_heavy,
    none_rejected,
    read_flags,
    require_same_molecule,
)
from jamun.evaluation.geometry import find_terms, flaws, measure, physical
from jamun.evaluation.js import blocks_of_chains, histograms, pair_histograms
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import compute_torsions, phi_psi_pairs

DEFINITIONS = {
    "broken": "a bond differs from its length in the structure by more than bond_tolerance",
    "bent": "an angle differs from that in the structure by more than angle_tolerance",
    "cis": "a peptide bond has |omega| below pi/2",
    "inverted": "a stereocentre's v1.(v2 x v3) has not the sign that it has in the structure",
    "clash": "heavy atoms more than three bonds apart are nearer than clash_distance",
    "physical": "neither broken, inverted nor clash",
    "interval": "low, high: 95 %, block bootstrap over chains or stretches of frames",
}


def load_structure(pdb: Path) -> mdtraj.Trajectory:
    """Heavy atoms of one structure. Raises EvaluationError for a file that MDTraj cannot read."""
    try:
        structure = mdtraj.load(str(pdb))
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise EvaluationError(f"{pdb}: not readable as a structure ({error}); make it again.") from None
    return structure.atom_slice(heavy_atoms(structure.topology))[0]


def describe(
    samples: Ensemble, structure: mdtraj.Trajectory, accepted: np.ndarray | None, settings: EvaluationSettings
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Describe samples by themselves: (result, arrays).

    `structure` is one frame of the same atoms; `accepted` (F,) tells which samples count, None where none was judged.
    Histograms are those of ``compare``, of samples alone. Raises MoleculeError for a topology without bonds.
    """
    torsions, angles = compute_torsions(samples.trajectory)
    _, start = compute_torsions(structure)
    pairs = np.array(phi_psi_pairs(torsions), dtype=np.int64).reshape(-1, 2)
    terms = find_terms(structure)
    right = measure(structure.xyz, terms)
    flags = flaws(
        measure(samples.trajectory.xyz, terms), right.bonds, right.angles, right.volumes, settings.physicality
    )
    flags |= {"physical": physical(flags)}
    blocks = blocks_of_chains(samples.chains)

    def shares(chosen: np.ndarray) -> dict[str, Any]:
        number = int(blocks.max()) + 1
        frames = np.bincount(blocks[chosen], minlength=number)
        return {
            name: ratio(block_sums(values[chosen], blocks[chosen], number), frames, SAMPLES_SEED)
            for name, values in flags.items()
        }

    reason = none_rejected(accepted)
    result = {
        "torsions": [torsion.entry | {"start": float(start[0, column])} for column, torsion in enumerate(torsions)],
        "ramachandran": [
            torsions[phi].residue_entry | {"start": [float(start[0, phi]), float(start[0, psi])]} for phi, psi in pairs
        ],
        "shares": shares(np.ones(samples.n_frames, dtype=bool)),
        "accepted": None if reason else {"frames": int(accepted.sum()), "shares": shares(accepted)},
        "accepted_reason": reason,
        "definitions": DEFINITIONS,
        "settings": settings.model_dump(mode="json", include={"torsion_bins", "ramachandran_bins", "physicality"}),
    }
    arrays = {
        "torsion_edges": np.linspace(-np.pi, np.pi, settings.torsion_bins + 1),
        "torsion_samples": histograms(angles, settings.torsion_bins),
        "ramachandran_edges": np.linspace(-np.pi, np.pi, settings.ramachandran_bins + 1),
        "ramachandran_samples": pair_histograms(angles, pairs, settings.ramachandran_bins),
    }
    return result, arrays


def describe_to_files(
    samples: Path,
    samples_topology: Path,
    sampling_record: Path,
    structure: Path,
    dataset: str,
    model: str,
    peptide: str,
    settings: EvaluationSettings,
    result: Path,
    arrays: Path,
) -> None:
    """Describe one peptide's samples without MD and publish result (JSON) and histograms (NPZ).

    Raises EvaluationError for samples that are not of the structure's molecule.
    """
    sampling = read_json(sampling_record)
    loaded, start = load_heavy(samples, samples_topology), load_structure(structure)
    require_same_molecule(start.topology, loaded.topology, samples)
    flags = read_flags(samples, loaded.n_frames)
    described, histogram_arrays = describe(
        Ensemble(loaded, frame_chains(samples, loaded.n_frames)),
        start,
        None if flags is None else flags["accepted"],
        settings,
    )
    stopped = sampling["chains_stopped"]["count"]
    notes = [f"{stopped} of {sampling['chains']} chains were stopped."] if stopped else []
    write_npz(arrays, histogram_arrays)
    write_json(
        result,
        {
            "dataset": dataset,
            "model": model,
            "peptide": peptide,
            "reference": None,
            "structure": {"file": str(structure)},
            "samples": {
                "file": str(samples),
                "frames": loaded.n_frames,
                "accepted": sampling["samples"]["accepted"],
                "rejected": sampling["samples"]["rejected"],
                "chains": sampling["chains"],
                "atoms": sampling["atoms"],
                "seconds": sampling["seconds"],
                "milliseconds_per_sample": sampling["milliseconds_per_sample"],
                "processor": sampling["provenance"]["processor"],
                "device": sampling["device"],
            },
        }
        | described
        | {"notes": [*sampling["notes"], *notes], "provenance": provenance("mdtraj", "numpy", "scipy")},
    )
