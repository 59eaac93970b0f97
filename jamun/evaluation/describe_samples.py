"""Samples without MD: their torsions, and their geometry against the structure that they started from."""

from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.data.molecule import heavy_atoms
from jamun.evaluation.bootstrap import SAMPLES_SEED
from jamun.evaluation.ensembles import EvaluationError, read_flags
from jamun.evaluation.geometry import Terms, find_terms, flaws, measure, physical
from jamun.evaluation.measured import MeasuredEnsemble
from jamun.evaluation.pair import Ensemble, Files, Result, of_accepted, read_samples
from jamun.evaluation.runs import stopped_notes
from jamun.evaluation.torsion_histograms import Binning
from jamun.io.atomic import write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import compute_torsions

# A bond is an outlier against its mean length in the MD, and broken where the sampler's own, wider tolerance says so.
DEFINITIONS = {
    "strained": "a bond differs from its length in the structure by more than bond_tolerance",
    "bent": "an angle differs from that in the structure by more than angle_tolerance",
    "cis": "a peptide bond has |omega| below pi/2",
    "inverted": "a stereocentre's v1.(v2 x v3) has not the sign that it has in the structure",
    "clash": "heavy atoms more than three bonds apart are nearer than clash_distance",
    "physical": "neither strained, inverted nor clash",
    "interval": "low, high: 95 %, block bootstrap over chains or stretches of frames",
}


def load_structure(pdb: Path) -> mdtraj.Trajectory:
    """Heavy atoms of one structure. Raises EvaluationError for a file that MDTraj cannot read."""
    try:
        structure = mdtraj.load(str(pdb))
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise EvaluationError(f"{pdb}: not readable as a structure ({error}); make it again.") from None
    return structure.atom_slice(heavy_atoms(structure.topology))[0]


def _flaws(
    samples: MeasuredEnsemble, structure: mdtraj.Trajectory, terms: Terms, settings: EvaluationSettings
) -> dict[str, np.ndarray]:
    """What is wrong with each frame (F,) against the structure (DEFINITIONS)."""
    right = measure(structure.xyz, terms)
    found = flaws(samples.measured, right.bonds, right.angles, right.volumes, settings.physicality)
    found["physical"] = physical(found)
    return {"strained": found.pop("bond_outlier")} | found


def describe(
    samples: Ensemble, structure: mdtraj.Trajectory, accepted: np.ndarray | None, settings: EvaluationSettings
) -> Result:
    """Describe samples by themselves, held against one frame of the same atoms.

    `accepted` tells which samples count (F,); None where none was judged. Returns entries of the result, and histograms
    as those of a comparison, of samples alone. Raises MoleculeError for a topology without bonds.
    """
    _, start = compute_torsions(structure)
    terms = find_terms(structure.topology, structure.xyz)
    measured = MeasuredEnsemble.of(samples, terms, SAMPLES_SEED)
    flags = _flaws(measured, structure, terms, settings)

    def shares(chosen: np.ndarray | slice) -> dict[str, Any]:
        some = measured.chosen(chosen)
        return {name: some.share(values[chosen]) for name, values in flags.items()}

    result = {
        "torsions": [
            torsion.entry | {"start": float(start[0, column])} for column, torsion in enumerate(samples.torsions)
        ],
        "ramachandran": [
            samples.torsions[phi].residue_entry | {"start": [float(start[0, phi]), float(start[0, psi])]}
            for phi, psi in samples.pairs
        ],
        "shares": shares(slice(None)),
        **of_accepted(samples, accepted, lambda kept: {"shares": shares(kept)}),
        "definitions": DEFINITIONS,
        "settings": settings.model_dump(mode="json", include={"torsion_bins", "ramachandran_bins", "physicality"}),
    }
    binning = Binning.of(samples, settings)
    counts = binning.count(samples)
    return result, binning.edges() | {"torsion_samples": counts.torsions, "ramachandran_samples": counts.pairs}


def describe_to_files(
    files: Files, structure: Path, names: dict[str, str], settings: EvaluationSettings, result: Path, arrays: Path
) -> None:
    """Describe one peptide's samples without MD and publish result (JSON) and histograms (NPZ).

    `structure` is the PDB that they started from; `names` are the entries dataset, model and peptide of the result.
    Raises EvaluationError for samples that cannot be read, or are not of the structure's molecule.
    """
    start = load_structure(structure)
    samples, record = read_samples(files, start.topology)
    flags = read_flags(files.trajectory, len(samples))
    described, counts = describe(samples, start, None if flags is None else flags["accepted"], settings)
    head = names | {
        "reference": None,
        "structure": {"file": str(structure)},
        "samples": {
            "file": str(files.trajectory),
            "frames": len(samples),
            **{key: record["samples"][key] for key in ("accepted", "rejected")},
            **{key: record[key] for key in ("chains", "atoms", "seconds", "milliseconds_per_sample", "device")},
            "processor": record["provenance"]["processor"],
            "outside_training": record.get("outside_training"),
        },
    }
    write_npz(arrays, counts)
    made = {"notes": [*record["notes"], *stopped_notes(record)], "provenance": provenance("mdtraj", "numpy", "scipy")}
    write_json(result, head | described | made)
