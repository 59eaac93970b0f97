"""What was compared, and what the wall clocks of MD and sampling were measured on, from their records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jamun.evaluation.ensembles import Ensemble
from jamun.io.text import plural


def _machines(md: dict[str, Any], sampling: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Processor and device of the MD (key `reference`) and of the sampling (`samples`); None for imported MD, which ran
    elsewhere: its record tells of the machine that imported it."""
    processor = None if md["platform"] is None else md["provenance"]["processor"]
    return {
        "reference": {"processor": processor, "device": md["platform"]},
        "samples": {"processor": sampling["provenance"]["processor"], "device": sampling["device"]},
    }


def wall_clock_notes(md: dict[str, Any], sampling: dict[str, Any]) -> list[str]:
    """Sentences on what makes the two wall clocks differ other than the methods."""
    if md["platform"] is None:
        return ["The MD was imported; what it ran on is not known."]
    where = _machines(md, sampling)
    first, second = where["reference"], where["samples"]
    notes = []
    if first["processor"] != second["processor"]:
        notes.append(
            f"MD ran on {first['processor']}, sampling on {second['processor']}: wall clocks are of different machines."
        )
    if (first["device"] in ("CUDA", "OpenCL")) != (second["device"] != "cpu"):
        notes.append(
            f"MD ran on {first['device']}, sampling on {second['device']}: wall clocks are of different devices."
        )
    if md["threads"] != sampling["threads"] and second["device"] == "cpu":
        notes.append(f"MD ran on {plural(md['threads'], 'thread')}, sampling on {sampling['threads']}.")
    return notes


def loss_notes(no_cut: str | None, sampling: dict[str, Any]) -> list[str]:
    """Sentences on what there is not: MD at equal wall clock, for the reason `no_cut`, and chains that were stopped."""
    notes = [f"No MD at equal wall clock: {no_cut}."] if no_cut else []
    stopped = sampling["chains_stopped"]["count"]
    return notes + ([f"{stopped} of {sampling['chains']} chains were stopped."] if stopped else [])


def compared_ensembles(
    reference: Path, samples: Path, ensembles: tuple[Ensemble, Ensemble], md: dict[str, Any], sampling: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """What a result says of the two ensembles, read from these files: entries `reference` and `samples`."""
    first, second = ensembles
    where = _machines(md, sampling)
    return {
        "reference": {
            "file": str(reference),
            "frames": first.n_frames,
            "frame_interval_ps": md["production"]["frame_interval_ps"],
            "replicas": len(md["boundaries"]) - 1,
            "seconds": md["production"]["seconds"],
        }
        | where["reference"],
        "samples": {
            "file": str(samples),
            "frames": second.n_frames,
            "chains": sampling["chains"],
            "seconds": sampling["seconds"],
        }
        | where["samples"],
    }
