"""Samples of several models of one peptide, cut to the wall clock of the fastest, against its MD."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.pair import Ensemble, Files, Result, read_reference, read_samples
from jamun.evaluation.torsion_histograms import Binning
from jamun.io.atomic import write_json, write_npz
from jamun.io.provenance import provenance


def samples_at_equal_wall_clock(
    frames: Sequence[int], seconds: Sequence[float | None]
) -> tuple[list[int], float | None, str | None]:
    """First samples of each model (M,), one at least, that fit in the shortest of their wall clocks; that wall clock in
    seconds; and None. Where one is not recorded: all samples, None, and the reason."""
    known = [time for time in seconds if time]
    if len(known) < len(seconds):
        return list(frames), None, "the wall clock of a model is not recorded"
    shortest = min(known)
    # Rounding must not take a sample from the fastest itself.
    return [max(1, int(n * shortest / time + 1e-9)) for n, time in zip(frames, known, strict=True)], shortest, None


def compare_models(reference: Ensemble, models: Mapping[str, Ensemble], settings: EvaluationSettings) -> Result:
    """Compare samples of each model at equal wall clock with the MD.

    Returns entries of the result (definitions: docs/evaluation.md); and counts over phi and psi, of the MD
    (P, bins, bins) and of the models (M, P, bins, bins).
    """
    clocks = [samples.clock.seconds for samples in models.values()]
    kept, shortest, reason = samples_at_equal_wall_clock([len(samples) for samples in models.values()], clocks)
    binning = Binning.of(reference, settings)
    counted = binning.count_blocks(reference)
    entries, counts = [], []
    for (model, samples), frames in zip(models.items(), kept, strict=True):
        drawn = binning.count_blocks(samples.chosen(slice(frames)))
        found = binning.estimated(drawn, counted)
        counts.append(drawn.total().pairs)
        seconds = samples.clock.seconds
        entries.append(
            {
                "model": model,
                "frames": frames,
                "frames_of_all": len(samples),
                "seconds": None if seconds is None else seconds * frames / len(samples),
                "js": found["js"],
                "ramachandran": [
                    {key: pair[key] for key in ("residue", "residue_name", "js")} for pair in found["ramachandran"]
                ],
            }
        )
    arrays = {
        "ramachandran_edges": binning.edges()["ramachandran_edges"],
        "ramachandran_reference": counted.total().pairs,
        "ramachandran_models": np.stack(counts),
    }
    return {"seconds": shortest, "reason": reason, "models": entries}, arrays


def compare_models_to_files(
    reference: Files,
    models: Mapping[str, Files],
    names: dict[str, str],
    settings: EvaluationSettings,
    result: Path,
    arrays: Path,
) -> None:
    """Publish compare_models of one peptide, as JSON and NPZ; `names` are the entries dataset and peptide of the
    result. Raises EvaluationError for files that are not ensembles of one molecule."""
    md, record = read_reference(reference)
    read = {model: read_samples(files, md.topology) for model, files in models.items()}
    found, counts = compare_models(md, {model: samples for model, (samples, _) in read.items()}, settings)
    for entry, (_, of_sampling) in zip(found["models"], read.values(), strict=True):
        entry |= {"device": of_sampling["device"], "processor": of_sampling["provenance"]["processor"]}
    machines = {(entry["device"], entry["processor"]) for entry in found["models"]}
    head = names | {
        "reference": {
            "file": str(reference.trajectory),
            "frames": len(md),
            "frame_interval_ps": record["production"]["frame_interval_ps"],
        },
        "notes": ["The models sampled on different machines: their wall clocks are not comparable."]
        * (len(machines) > 1),
    }
    write_npz(arrays, counts)
    write_json(result, head | found | {"provenance": provenance("mdtraj", "numpy", "scipy")})
