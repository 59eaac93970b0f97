"""How few evaluations a sample may cost: ways down of a shipped model, on validation peptides of configs/explicit.yaml.

    python benchmarks/descents.py --json benchmarks/results/descents.json

Each way samples each peptide with the same random numbers. JS distances are to the peptide's MD in data/explicit_water,
weighted by a Markov model of its transitions as in the workflow. The table has means over peptides, and differences to
the first way with their standard errors. Rows that the JSON has are not measured again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from populations_explicit import ROOT, read

from jamun.config import load
from jamun.config.sampling import SamplingSettings
from jamun.evaluation.js import histograms, js_distance
from jamun.io.atomic import read_json, write_json
from jamun.io.files import SamplingFiles
from jamun.io.provenance import provenance
from jamun.io.shipped import sampling_in, shipped_model
from jamun.model.score import NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import compute_torsions
from jamun.populations.frames import residue_settings
from jamun.populations.residues import PeptideRuns, Pool, peptide_weights
from jamun.sampling.run import sample_to_files

BINS = 100
PEPTIDES = ["AM", "DF", "FC", "HF", "IP", "IY", "LH", "VK", "VY", "YI"]
SEVEN = {"jump_sigmas": [0.33, 0.21, 0.13, 0.08, 0.045, 0.025, 0.012], "step": 1.5, "friction": 0.5}
# What each changes of the model's own settings.
WAYS: dict[str, dict[str, Any]] = {
    "13 levels, 2 + 4 + 6 steps": {
        "jump_sigmas": [0.38, 0.29, 0.22, 0.17, 0.13, 0.1, 0.08, 0.06, 0.045, 0.034, 0.026, 0.018, 0.01],
        "corrector_steps": [0, 0, 0, 0, 0, 2, 4, 0, 6, 0, 0, 0, 0],
        "step": 1.0,
        "friction": 1.0,
    },
    "7 levels, 4 + 3 steps": SEVEN | {"corrector_steps": [0, 0, 0, 4, 3, 0, 0]},
    "7 levels, 4 + 5 steps": SEVEN | {"corrector_steps": [0, 0, 0, 4, 5, 0, 0]},
    "7 levels, 6 + 4 steps": SEVEN | {"corrector_steps": [0, 0, 0, 6, 4, 0, 0]},
}


def measure(runs: PeptideRuns, weights: np.ndarray, changes: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One way on one peptide; `weights` (F,) are of its MD's frames."""
    model = shipped_model("explicit")
    own = sampling_in(str(model.weights))
    settings = SamplingSettings(**own | {"samples": 960, "chains": 60, "reject": []} | changes)
    pdb, files = folder / f"{runs.peptide}.pdb", SamplingFiles.in_folder(folder / "samples")
    build_to_files(parse_sequence(runs.peptide), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    before = time.process_time()
    sample_to_files(NetworkScore.read(model.weights), [pdb], runs.peptide, settings, files, threads=1)
    used = time.process_time() - before
    record, trajectory = read_json(files.record), mdtraj.load(str(files.samples), top=str(files.topology))
    torsions, angles = compute_torsions(trajectory)
    js = js_distance(histograms(angles, BINS), histograms(np.concatenate(runs.runs), BINS, weights))
    kinds = np.array([torsion.kind for torsion in torsions])
    backbone, side_chain = np.isin(kinds, ["phi", "psi"]), np.char.startswith(kinds, "chi")
    return {
        "evaluations_a_sample": record["network_evaluations"] * record["batch"] / record["samples"]["written"],
        "js_backbone": float(js[backbone].mean()),
        "js_side_chain": float(js[side_chain].mean()) if side_chain.any() else None,
        "js_all": float(js[backbone | side_chain].mean()),
        "samples": record["samples"]["written"],
        "broken": record["flaws"]["broken"]["count"],
        "inverted": record["flaws"]["inverted"]["count"],
        "processor_seconds": used,
    }


def table(rows: list[dict[str, Any]]) -> None:
    """Print each way over the peptides that it has in common with the first."""
    by_way = {name: {row["peptide"]: row for row in rows if row["way"] == name} for name in WAYS}
    first = by_way[next(iter(WAYS))]
    for name, own in by_way.items():
        common = [peptide for peptide in own if peptide in first]
        if len(common) > 1:
            told = [f"{np.mean([own[one]['evaluations_a_sample'] for one in common]):5.1f} evaluations"]
            for key in ("js_backbone", "js_side_chain", "js_all"):
                pairs = np.array([(own[one][key], first[one][key]) for one in common if own[one][key] is not None])
                difference = pairs[:, 0] - pairs[:, 1]
                error = difference.std(ddof=1) / len(difference) ** 0.5
                told.append(f"{key} {pairs[:, 0].mean():.4f} ({difference.mean():+.4f} +- {error:.4f})")
            told += [f"{key} {sum(own[one][key] for one in common)}" for key in ("broken", "inverted", "samples")]
            print(f"{name:28} {len(common):2} peptides", *told, sep="  ", flush=True)


def main() -> None:
    """Measure what the JSON lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peptides", nargs="*", default=PEPTIDES, help="validation peptides")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", type=Path, required=True, help="file to write, and to go on from")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = read_json(options.json)["rows"] if options.json.exists() else []
    there = {(row["peptide"], row["way"]) for row in rows}
    settings = residue_settings(load(ROOT / "configs" / "explicit.yaml").frame_weights)
    training = shipped_model("explicit").card["data"]["peptides"]["train"]["sequences"]
    pool = Pool.of([read(name) for name in training], settings.lag)
    for peptide in options.peptides:
        runs = read(peptide)
        weights = np.concatenate(peptide_weights(runs, pool, settings)[0])
        for way in options.ways:
            if (peptide, way) not in there:
                with tempfile.TemporaryDirectory() as folder:
                    row = {"peptide": peptide, "way": way} | measure(runs, weights, WAYS[way], Path(folder))
                rows.append(row)
                write_json(
                    options.json,
                    {"rows": rows, "ways": WAYS, "date": time.strftime("%F"), "provenance": provenance("torch")},
                )
        table(rows)


if __name__ == "__main__":
    main()
