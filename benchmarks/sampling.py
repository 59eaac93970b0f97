"""How many independent samples a core makes in a second, and what each costs: shipped models side by side.

    python benchmarks/sampling.py --json benchmarks/results/sampling.json

Each model samples each peptide with the settings that it brings, in turns, by one process of one thread; the first in
float32, as all did before processors' units for bfloat16 were used, the others in what is chosen here. Effective
samples are those of TIC 0, which is fitted on the peptide's MD in data/explicit_water: frames of a chain over 1 plus
twice the sum of its autocorrelations. Burn-in counts in time and in evaluations. Time is that of the processor, so that
neighbours on the machine count less than by the clock. Chains that stay in one place longer than they run look as if
they moved freely: where a model has few effective samples, their number is an upper bound. Rows that the JSON has of
other peptides are kept.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.sampling import SamplingSettings
from jamun.evaluation.decorrelation import effective_samples
from jamun.evaluation.js import histograms, js_distance
from jamun.evaluation.runs import cut_into_runs
from jamun.evaluation.tica import Projection, fit_tica
from jamun.io.atomic import read_json, write_json
from jamun.io.provenance import provenance
from jamun.io.shipped import sampling_in, shipped_model
from jamun.model.score import NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import compute_torsions, without_omega
from jamun.sampling.run import SamplingFiles, sample_to_files
from jamun.trajectories.peptide import read_peptide, recorded_chains

_MD = Path(__file__).resolve().parents[1] / "data" / "explicit_water"
_PEPTIDES = ["GN", "ET", "NE", "IG", "FA", "CW", "HP", "DW"]
# Frames, of 10 ps each.
_TICA_LAG = 10
_BINS = 100


def _torsions(trajectory: mdtraj.Trajectory) -> np.ndarray:
    """phi, psi and chi (F, K) in radians."""
    torsions, angles = compute_torsions(trajectory)
    return angles[:, without_omega(torsions)]


def slow_motion(peptide: str) -> tuple[Projection, np.ndarray]:
    """The slow components of the peptide's MD, and its torsions (F, K) in radians."""
    replicas = sorted((_MD / peptide).glob("replica_*.xtc"))
    parts = [_torsions(read_peptide(path, _MD / peptide / "topology.pdb").trajectory) for path in replicas]
    return fit_tica(parts, _TICA_LAG), np.concatenate(parts)


def measure(name: str, peptide: str, changes: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One model on one peptide: samples, effective samples, evaluations, time and flaws."""
    model = shipped_model(name)
    settings = SamplingSettings(**sampling_in(str(model.weights)) | {"device": "cpu", "reject": []} | changes)
    pdb, files = folder / f"{peptide}.pdb", SamplingFiles.in_folder(folder / f"{peptide}_{name}")
    folder.mkdir(exist_ok=True)
    if not pdb.exists():
        build_to_files(parse_sequence(peptide), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    before = time.process_time()
    sample_to_files(NetworkScore.read(model.weights), [pdb], peptide, settings, files, threads=1)
    used = time.process_time() - before
    record = read_json(files.record)
    trajectory = mdtraj.load(str(files.samples), top=str(files.topology))
    chains = recorded_chains(files.samples, trajectory.n_frames)
    if chains is None:
        raise RuntimeError(f"{files.samples}: frames without their chains")
    projection, md = slow_motion(peptide)
    angles = _torsions(trajectory)
    signal, runs = projection(angles)[:, 0], cut_into_runs(chains)
    effective = float(np.nansum(effective_samples(signal, runs, 0)[0]))
    # What the estimate makes of independent samples: in short chains noise alone has positive autocorrelations.
    shuffled = np.random.default_rng(0).permutation(signal)
    share_of_independent = float(np.nansum(effective_samples(shuffled, runs, 0)[0])) / len(signal)
    # One evaluation is of all chains of a batch.
    evaluations = record["network_evaluations"] * record["batch"]
    distances = js_distance(histograms(angles, _BINS), histograms(md, _BINS))
    return {
        "model": name,
        "peptide": peptide,
        "samples": record["samples"]["written"],
        "effective_samples": effective,
        "effective_share": effective / len(signal),
        "effective_share_of_the_same_shuffled": share_of_independent,
        "precision": record["settings"]["precision"],
        "processor_seconds": used,
        "effective_samples_a_second": effective / used,
        "evaluations_a_sample": evaluations / record["samples"]["written"],
        "evaluations_an_effective_sample": evaluations / effective,
        "js_torsions_to_unweighted_md": float(np.mean(distances)),
        "inverted": record["flaws"]["inverted"]["share"],
        "broken": record["flaws"]["broken"]["share"],
    }


def main() -> None:
    """Measure all models on all peptides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["implicit", "explicit"], help="shipped models; the first is 1")
    parser.add_argument("--peptides", nargs="*", default=_PEPTIDES, help="peptides of data/explicit_water")
    parser.add_argument("--samples", type=int, nargs="*", default=[4000, 600], help="samples of each model")
    parser.add_argument("--chains", type=int, nargs="*", default=[10, 20], help="chains of each model")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if options.json is not None and options.json.exists():
        rows = [row for row in read_json(options.json)["rows"] if row["peptide"] not in options.peptides]
    with tempfile.TemporaryDirectory() as folder:
        for peptide in options.peptides:
            for place, (name, samples, chains) in enumerate(
                zip(options.models, options.samples, options.chains, strict=True)
            ):
                changes: dict[str, Any] = {"samples": samples, "chains": chains}
                if place == 0:
                    changes["precision"] = "float32"
                rows.append(measure(name, peptide, changes, Path(folder) / str(place)))
                first = next(row for row in rows if row["peptide"] == peptide)
                rows[-1]["over_the_first"] = (
                    rows[-1]["effective_samples_a_second"] / first["effective_samples_a_second"]
                )
                told = (f"{key} {value:.3g}" for key, value in rows[-1].items() if not isinstance(value, str))
                print("  ".join([f"{name:10}", f"{peptide:4}", *told]), flush=True)
                if options.json is not None:
                    write_json(
                        options.json,
                        {"rows": rows, "date": time.strftime("%F"), "provenance": provenance("torch", "deeptime")},
                    )


if __name__ == "__main__":
    main()
