"""One table of every peptide and model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jamun.evaluation.torsion_histograms import GROUPS
from jamun.io.atomic import atomic_path, read_json

MEAN = "mean"
# Columns with intervals beside the JS distances: where their estimates lie in the results of a stage.
_DYNAMICS = {
    "js_tica_0": ("distances", "tica_0"),
    "js_tica_0_1": ("distances", "tica_01"),
    "w2_torsions": ("distances", "torsion_w2"),
    "w2_tica": ("distances", "tica_w2"),
    "speed_up": ("ess", "speed_up"),
}
_PHYSICALITY = {
    "broken": ("raw", "shares", "broken"),
    "inverted": ("raw", "shares", "inverted"),
    "clash": ("raw", "shares", "clash"),
    "basin_coverage": ("raw", "basins", "coverage"),
}
# Parts of the MD held against the rest of it; those of the slow motions too, where they are a floor.
_BASELINES = ("md_equal_wall_clock", "md_tenth", "md_halves", "md_replicas")
FLOORS = ("md_halves", "md_replicas")
# The stages whose results a row is made of, by the folders that they lie in beside the comparison.
STAGES = ("msm", "dynamics", "physicality")


def estimate(result: dict[str, Any] | None, path: tuple[str, ...], name: str) -> dict[str, float | None]:
    """Value, low and high of one estimate; None where there is no result, or no number in it."""
    for part in path:
        result = (result or {}).get(part)
    return {f"{name}{end}": (result or {}).get(key) for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))}


def _row(result: dict[str, Any], stages: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    msm = stages.get("msm")
    row: dict[str, Any] = {key: result[key] for key in ("dataset", "model", "peptide")}
    for group in GROUPS:
        row[f"js_{group}"] = result["js"][group]["value"]
        row[f"js_{group}_low"] = result["js"][group]["low"]
        row[f"js_{group}_high"] = result["js"][group]["high"]
    row |= estimate(msm, ("js",), "js_msm")
    for stage, columns in (("dynamics", _DYNAMICS), ("physicality", _PHYSICALITY)):
        for name, path in columns.items():
            row |= estimate(stages.get(stage), path, name)
    for baseline in _BASELINES:
        for group in GROUPS:
            row |= estimate(result, ("baselines", baseline, group), f"js_{group}_{baseline}")
    dynamics = stages.get("dynamics")
    for baseline in FLOORS:
        for name, (kind, distance) in _DYNAMICS.items():
            if kind == "distances":
                row |= estimate(dynamics, ("baselines", baseline, distance), f"{name}_{baseline}")
    for group in GROUPS:
        row |= estimate(result, ("accepted", "js", group), f"js_{group}_accepted")
    row |= estimate(msm, ("accepted", "js"), "js_msm_accepted")
    for name, path in _DYNAMICS.items():
        row |= estimate(dynamics, ("accepted", *path), f"{name}_accepted")
    row["md_frames"] = result["reference"]["frames"]
    row["samples"] = result["samples"]["frames"]
    seconds = result["samples"]["seconds"]
    row["ms_per_sample"] = None if seconds is None else 1e3 * seconds / result["samples"]["frames"]
    notes = [*result["notes"], *([f"No MSM: {msm['reason']}."] if msm and msm["reason"] else [])]
    row["notes"] = " ".join(notes)
    return row


def mean_of_peptides(numbers: pd.DataFrame, names: Iterable[str]) -> pd.Series:
    """Means of every column over the peptides (rows) that have a number in it; low and high of `names` are 1.96
    standard errors over peptides from their means, NaN for one peptide."""
    mean = numbers.mean()
    for name in names:
        values = numbers[name].dropna()
        error = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        mean[f"{name}_low"], mean[f"{name}_high"] = mean[name] - error, mean[name] + error
    return mean


def summarize(
    results: list[tuple[dict[str, Any], dict[str, dict[str, Any] | None]]], of: int | None = None
) -> pd.DataFrame:
    """Rows of comparisons, each with the results of the other STAGES, and per model a row whose peptide is "mean".

    Means are over the peptides where a number is there; their low and high are 1.96 standard errors over peptides from
    them, empty for one peptide. The mean's note tells where there are fewer than `of`.
    """
    table = pd.DataFrame([_row(result, stages) for result, stages in results])
    means = []
    for (dataset, model), rows in table.groupby(["dataset", "model"], sort=False):
        numbers = rows.drop(columns=["dataset", "model", "peptide", "notes"]).apply(pd.to_numeric)
        mean = mean_of_peptides(numbers, [name for name in numbers if f"{name}_low" in numbers])
        notes = f"Mean of {len(rows)}{f' of {of}' if len(rows) < (of or 0) else ''} peptides."
        means.append({"dataset": dataset, "model": model, "peptide": MEAN, **mean.to_dict(), "notes": notes})
    return pd.concat([table, pd.DataFrame(means)], ignore_index=True)


def summarize_to_files(results: list[Path], target: Path, of: int | None = None) -> None:
    """Read the comparisons (JSON), and beside each those of the other STAGES that are there, and write the CSV.

    of: how many peptides the test split has.
    """
    rows = []
    for path in results:
        others = {stage: path.parent / stage / path.name for stage in STAGES}
        rows.append((read_json(path), {stage: read_json(other) for stage, other in others.items() if other.exists()}))
    with atomic_path(target) as temporary:
        summarize(rows, of).to_csv(temporary, index=False, float_format="%.6g")
