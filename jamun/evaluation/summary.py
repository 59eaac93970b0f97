"""One table of every peptide and model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jamun.evaluation.compare import GROUPS
from jamun.io.atomic import atomic_path, read_json

MEAN = "mean"


def _row(result: dict[str, Any], msm: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {key: result[key] for key in ("dataset", "model", "peptide")}
    for group in GROUPS:
        row[f"js_{group}"] = result["js"][group]["value"]
        row[f"js_{group}_low"] = result["js"][group]["low"]
        row[f"js_{group}_high"] = result["js"][group]["high"]
    row["js_msm"] = msm["js"]["value"] if msm else None
    for baseline in ("md_equal_wall_clock", "md_tenth", "md_halves"):
        for group in GROUPS:
            point = result["baselines"][baseline][group]
            row[f"js_{group}_{baseline}"] = point["value"] if point else None
    row["md_frames"] = result["reference"]["frames"]
    row["samples"] = result["samples"]["frames"]
    seconds = result["samples"]["seconds"]
    row["ms_per_sample"] = None if seconds is None else 1e3 * seconds / result["samples"]["frames"]
    notes = [*result["notes"], *([f"No MSM: {msm['reason']}."] if msm and msm["reason"] else [])]
    row["notes"] = " ".join(notes)
    return row


def summarize(pairs: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> pd.DataFrame:
    """Rows of (comparison, MSM) results, and per model a row whose peptide is "mean": means over its peptides of what
    is there, the low and high of a mean from the standard error over peptides (1.96 of them), empty for one peptide."""
    table = pd.DataFrame([_row(result, msm) for result, msm in pairs])
    means = []
    for (dataset, model), rows in table.groupby(["dataset", "model"], sort=False):
        numbers = rows.drop(columns=["dataset", "model", "peptide", "notes"]).apply(pd.to_numeric)
        mean = numbers.mean()
        for group in GROUPS:
            values = numbers[f"js_{group}"].dropna()
            error = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            mean[f"js_{group}_low"], mean[f"js_{group}_high"] = mean[f"js_{group}"] - error, mean[f"js_{group}"] + error
        notes = f"Mean of {len(rows)} peptides."
        means.append({"dataset": dataset, "model": model, "peptide": MEAN, **mean.to_dict(), "notes": notes})
    return pd.concat([table, pd.DataFrame(means)], ignore_index=True)


def summarize_to_files(results: list[tuple[Path, Path]], target: Path) -> None:
    """Read (comparison, MSM) JSON files, the second of which may be missing, and write the CSV."""
    pairs = [(read_json(result), read_json(msm) if msm.exists() else None) for result, msm in results]
    with atomic_path(target) as temporary:
        summarize(pairs).to_csv(temporary, index=False, float_format="%.6g")
