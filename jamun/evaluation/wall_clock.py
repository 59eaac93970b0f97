"""What the wall clocks of MD and sampling were measured on, from their records."""

from __future__ import annotations

from typing import Any


def machines(md: dict[str, Any], sampling: dict[str, Any]) -> dict[str, dict[str, Any]]:
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
    where = machines(md, sampling)
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
        notes.append(f"MD ran on {md['threads']} threads, sampling on {sampling['threads']}.")
    return notes
