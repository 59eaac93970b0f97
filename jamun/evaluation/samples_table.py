"""One table of samples without MD: what sampling took, and how sound the samples are."""

from pathlib import Path
from typing import Any

import pandas as pd

from jamun.evaluation.table_text import to_html, to_latex, to_markdown
from jamun.evaluation.tables import SAMPLING_COST, Column, Table, device_of, fill
from jamun.io.atomic import read_json, write_text

_COST = (
    Column("accepted", "accepted samples", "count"),
    Column("rejected", "rejected", "count"),
    *SAMPLING_COST,
)
_SHARES = ("strained", "bent", "inverted", "cis", "clash", "physical")


def _row(result: dict[str, Any]) -> dict[str, Any]:
    samples = result["samples"]
    row = {key: result[key] for key in ("dataset", "model", "peptide")}
    row |= {key: samples[key] for key in ("accepted", "rejected", "seconds", "atoms")}
    row["ms_per_sample"] = samples["milliseconds_per_sample"]
    row["device"] = device_of(samples)
    for name in _SHARES:
        share = result["shares"][name]
        row |= {name: share["value"], f"{name}_low": share["low"], f"{name}_high": share["high"]}
    return row | {"notes": " ".join(result["notes"])}


def tabulate_to_files(results: list[Path], summary: Path, markdown: Path, latex: Path, page: Path) -> None:
    """Read descriptions of samples (JSON) and write a row of each (CSV), and tables of them in three formats."""
    rows = pd.DataFrame([_row(read_json(path)) for path in results])
    rows = rows.sort_values(["peptide", "model"], kind="stable", ignore_index=True)
    names = [Column("peptide", "peptide", "text"), Column("model", "model", "text")]
    # Six columns with intervals are wider than a report's page; angles stay in the CSV.
    shares = [Column(name, name, "share") for name in _SHARES if name != "bent"]
    tables = [
        fill(Table("What sampling took.", [*names, *_COST]), rows, notes=True),
        fill(Table("Geometry of all samples, against the structure that they started from.", [*names, *shares]), rows),
    ]
    dataset = str(rows["dataset"].iloc[0])
    write_text(summary, rows.to_csv(index=False, float_format="%.6g"))
    write_text(markdown, to_markdown(tables, dataset))
    write_text(latex, to_latex(tables, dataset))
    write_text(page, to_html(tables, dataset))
