"""Samples of several models of one peptide, cut to the wall clock of the fastest, against its MD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.compare import Binning, distances
from jamun.evaluation.ensembles import load_reference, load_samples
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import compute_torsions


def samples_at_equal_wall_clock(
    frames: Sequence[int], seconds: Sequence[float | None]
) -> tuple[list[int], float | None, str | None]:
    """First samples of each model (M,) that fit in the shortest of their wall clocks, and that in seconds.

    `frames`, `seconds` (M,) are all samples of each and what they took. Where a wall clock is not recorded: all
    samples, None, and the reason. A model that is too slow for one sample keeps its first.
    """
    known = [time for time in seconds if time]
    if len(known) < len(seconds):
        return list(frames), None, "the wall clock of a model is not recorded"
    shortest = min(known)
    # Rounding must not take a sample from the fastest itself.
    return [max(1, int(n * shortest / time + 1e-9)) for n, time in zip(frames, known, strict=True)], shortest, None


def models_to_files(
    reference: Path,
    reference_topology: Path,
    md_record: Path,
    models: Sequence[str],
    samples: Sequence[Path],
    samples_topologies: Sequence[Path],
    sampling_records: Sequence[Path],
    dataset: str,
    peptide: str,
    settings: EvaluationSettings,
    result: Path,
    arrays: Path,
) -> None:
    """Compare one peptide's samples by each model at equal wall clock with its MD; publish JSON and histograms (NPZ).

    The JSON has the distances of each model's cut (definitions: docs/evaluation.md); the NPZ counts over phi and psi,
    of the MD (P, bins, bins) and of the models (M, P, bins, bins). Raises EvaluationError for files that are not
    ensembles of one molecule.
    """
    md, records = read_json(md_record), [read_json(path) for path in sampling_records]
    first = load_reference(reference, reference_topology, md["boundaries"])
    torsions, reference_angles = compute_torsions(first.trajectory)
    drawn = [record["samples"]["generated"] for record in records]
    kept, shortest, reason = samples_at_equal_wall_clock(drawn, [record["seconds"] for record in records])
    binning = Binning.of(torsions, settings)
    counted = binning.count_blocks(reference_angles, first.chains)
    entries, counts = [], []
    for model, path, topology, record, frames in zip(models, samples, samples_topologies, records, kept, strict=True):
        ensemble = load_samples(path, topology, first)
        _, angles = compute_torsions(ensemble.trajectory)
        drawn_counts = binning.count_blocks(angles[:frames], ensemble.chains[:frames])
        found = distances(binning, counted, drawn_counts)
        counts.append(drawn_counts.total().pairs)
        entries.append(
            {
                "model": model,
                "frames": frames,
                "frames_of_all": ensemble.n_frames,
                "seconds": None if record["seconds"] is None else record["seconds"] * frames / ensemble.n_frames,
                "device": record["device"],
                "processor": record["provenance"]["processor"],
                "js": found["js"],
                "ramachandran": [
                    {key: pair[key] for key in ("residue", "residue_name", "js")} for pair in found["ramachandran"]
                ],
            }
        )
    machines = {(entry["device"], entry["processor"]) for entry in entries}
    notes = ["The models sampled on different machines: their wall clocks are not comparable."] * (len(machines) > 1)
    write_npz(
        arrays,
        {
            "ramachandran_edges": np.linspace(-np.pi, np.pi, settings.ramachandran_bins + 1),
            "ramachandran_reference": counted.total().pairs,
            "ramachandran_models": np.stack(counts),
        },
    )
    write_json(
        result,
        {
            "dataset": dataset,
            "peptide": peptide,
            "seconds": shortest,
            "reason": reason,
            "reference": {
                "file": str(reference),
                "frames": first.n_frames,
                "frame_interval_ps": md["production"]["frame_interval_ps"],
            },
            "models": entries,
            "notes": notes,
            "provenance": provenance("mdtraj", "numpy", "scipy"),
        },
    )
