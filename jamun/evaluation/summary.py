"""One table of every peptide and model."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jamun.evaluation.metrics import BASELINES, SUMMARY, columns, estimate_at, metrics_of, read_result
from jamun.io.atomic import write_text
from jamun.peptides.splits import NAME_OF_MEANS

# The analyses whose results a row is made of beside the comparison, by the folders that they lie in beside it.
STAGES = ("msm", "dynamics", "physicality")
# Those that are made only where the configuration asks for them.
ON_REQUEST = ("wasserstein",)


def _row(result: dict[str, Any], stages: Mapping[str, dict[str, Any] | None]) -> dict[str, Any]:
    results = {"compare": result, **stages}
    asked = ("compare", *STAGES, *stages)
    metrics, msm = [metric for metric in metrics_of(SUMMARY) if metric.analysis in asked], stages.get("msm")
    row: dict[str, Any] = {key: result[key] for key in ("dataset", "model", "peptide")}
    for metric in metrics:
        row |= columns(metric.key, estimate_at(results, metric.path))
    # Those of the comparison first, as every version has written them.
    for analysis in dict.fromkeys(asked):
        for baseline in BASELINES:
            for metric in metrics:
                if metric.analysis == analysis and baseline in metric.baselines:
                    row |= columns(f"{metric.key}_{baseline}", estimate_at(results, metric.path_of(baseline)))
    for metric in metrics:
        if metric.accepted:
            row |= columns(f"{metric.key}_accepted", estimate_at(results, metric.path_of_accepted))
    frames, seconds = result["samples"]["frames"], result["samples"]["seconds"]
    row |= {"md_frames": result["reference"]["frames"], "samples": frames}
    row["ms_per_sample"] = None if seconds is None else 1e3 * seconds / frames
    notes = [*result["notes"], *([f"No MSM: {msm['reason']}."] if msm and msm["reason"] else [])]
    return row | {"notes": " ".join(notes)}


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
    results: list[tuple[dict[str, Any], Mapping[str, dict[str, Any] | None]]], of: int | None = None
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
        means.append({"dataset": dataset, "model": model, "peptide": NAME_OF_MEANS, **mean.to_dict(), "notes": notes})
    return pd.concat([table, pd.DataFrame(means)], ignore_index=True)


def results_beside(summary: Path, results: Iterable[Path]) -> list[Path]:
    """The results of every model that lie beside the summary, of the peptides of `results`: those of models that were
    evaluated in earlier runs too. In order of model, then of peptide."""
    peptides = sorted({path.name for path in results})
    found = (folder / peptide for folder in sorted(summary.parent.glob("*/")) for peptide in peptides)
    return [path for path in found if path.exists()]


def summarize_to_files(
    results: list[Path], target: Path, of: int | None = None, on_request: tuple[str, ...] = ()
) -> None:
    """Read the comparisons (JSON), and beside each those of the other STAGES that are there, and write the CSV.

    of: how many peptides the test split has. on_request: those of ON_REQUEST that the configuration asks for; others
    that lie there are of an earlier one.
    """
    rows: list[tuple[dict[str, Any], Mapping[str, dict[str, Any] | None]]] = []
    for path in results:
        others = {stage: path.parent / stage / path.name for stage in (*STAGES, *on_request)}
        rows.append(
            (read_result(path), {stage: read_result(other) for stage, other in others.items() if other.exists()})
        )
    write_text(target, summarize(rows, of).to_csv(index=False, float_format="%.6g"))
