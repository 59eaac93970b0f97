"""Tables of the summary for papers and for the report: Markdown, LaTeX and HTML of the same cells."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jamun.evaluation.metrics import BASELINES, SELF_DISTANCES, SUMMARY, Metric, columns, metrics_of
from jamun.evaluation.table_text import to_html, to_latex, to_markdown
from jamun.io.atomic import read_json, write_text
from jamun.io.text import plural
from jamun.peptides.splits import NAME_OF_MEANS

DASH = "–"
_KEYS = ("dataset", "model", "peptide", "notes")
_ENDS = ("_low", "_high")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    key: its column in the summary.
    name: its words.
    kind: what kind of number it holds.
    over: words over it and its neighbours.
    """

    key: str
    name: str
    kind: str = "distance"
    over: str = ""

    @classmethod
    def of(cls, metric: Metric, suffix: str = "", over: str = "") -> "Column":
        """The column of a metric: of samples, or with its suffix of something else."""
        return cls(f"{metric.key}{suffix}", metric.label, metric.kind, over)


# What sampling took, in any table of samples.
SAMPLING_COST = (
    Column("ms_per_sample", "ms a sample", "number"),
    Column("seconds", "time", "time"),
    Column("atoms", "heavy atoms", "count"),
    Column("device", "device", "text"),
)


def device_of(samples: dict[str, Any]) -> str:
    """What the network ran on: the GPU, or the processor where there was none."""
    return samples["processor"] if samples["device"] == "cpu" else samples["device"]


@dataclass
class Table:
    """What every format writes: `rows` of cells, texts with the marks of their footnotes; those of `means` are bold."""

    title: str
    columns: list[Column]
    rows: list[list[tuple[str, str]]] = field(default_factory=list)
    means: list[bool] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def mark(self, reason: str) -> str:
        """The letter of a footnote, the same for the same words."""
        if reason not in self.notes:
            place, letters = len(self.notes), ""
            while place >= 0:
                place, letters = place // 26 - 1, chr(ord("a") + place % 26) + letters
            self.notes[reason] = letters
        return self.notes[reason]


def duration(seconds: float) -> str:
    """Seconds in a fitting unit, three digits at most."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds)} s"


def significant(value: float) -> str:
    """Three significant digits without an exponent, thousands apart."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{decimals}f}"


def percent(value: float) -> str:
    """A share in percent, of small ones two digits."""
    return f"{100 * value:.{0 if value == 0 else 1 if value >= 0.01 else 2}f} %"


_FORMATS: dict[str, Callable[[Any], str]] = {
    "distance": lambda value: f"{value:.3f}",
    "factor": lambda value: f"{significant(value)}×",
    "share": percent,
    "count": lambda value: f"{round(value):,}",
    "number": significant,
    "time": duration,
    "text": str,
}


def interval(low: float, high: float, kind: str) -> str:
    """Both ends with as many digits as tell them apart: [0.28, 0.30]."""
    if kind in ("factor", "number"):
        return f"[{significant(low)}, {significant(high)}]"
    if kind == "share":
        return f"[{percent(low).removesuffix(' %')}, {percent(high)}]"
    decimals = 2 if high - low >= 0.01 else 3
    return f"[{low:.{decimals}f}, {high:.{decimals}f}]"


def _missing(row: pd.Series, column: Column) -> str:
    """Why a value is missing, from the summary's notes and what the column is."""
    notes = str(row.get("notes") or "")
    for key, beginning in (("js_msm", "No MSM: "), ("md_equal_wall_clock", "No MD at equal wall clock: ")):
        if key in column.key:
            found = re.search(f"{re.escape(beginning)}(.*?)\\.(?: [A-Z]|$)", notes)
            if found:
                return f"{beginning}{found[1]}."
    # The other columns of a peptide without side chains are there.
    if column.key.endswith("_md_replicas"):
        return "No two replicas of the MD."
    if column.key.endswith("_accepted"):
        return "The sampler accepted all samples, or judged none."
    if "side_chain" in column.key:
        return "No such torsions."
    return "No peptide has it." if row["peptide"] == NAME_OF_MEANS else "Not recorded."


def _cell(row: pd.Series, column: Column, table: Table, peptides: pd.DataFrame) -> tuple[str, str]:
    value = row.get(column.key)
    if value is None or pd.isna(value) or value == "":
        return DASH, table.mark(_missing(row, column))
    text, mark = _FORMATS[column.kind](value), ""
    low, high = (row.get(f"{column.key}{end}") for end in _ENDS)
    if low is not None and high is not None and not pd.isna([low, high]).any():
        text += f" {interval(low, high, column.kind)}"
    if row["peptide"] == NAME_OF_MEANS and column.kind != "text":
        there = int(peptides[column.key].notna().sum())
        if there < len(peptides):
            mark = table.mark(f"Mean of {there} of {len(peptides)} peptides, which have it.")
    return text, mark


def fill(table: Table, summary: pd.DataFrame, notes: bool = False) -> Table:
    """Rows of every peptide and model; with `notes`, what the summary notes of a peptide and no other cell tells."""
    models = summary["model"].nunique()
    for _, row in summary.iterrows():
        own = summary[(summary["model"] == row["model"]) & (summary["peptide"] != NAME_OF_MEANS)]
        mean = row["peptide"] == NAME_OF_MEANS
        said = str(row.get("notes") or "") if notes and not mean else ""
        said = re.sub(r"No (MSM|MD at equal wall clock): .*?\.(?= [A-Z]|$)", "", said).strip()
        cells = [(str(row["peptide"]), table.mark(said) if said else "")]
        if models > 1:
            cells.append((str(row["model"]), ""))
        table.rows.append(cells + [_cell(row, column, table, own) for column in table.columns[len(cells) :]])
        table.means.append(mean)
    return table


def _names(summary: pd.DataFrame) -> list[Column]:
    names = [Column("peptide", "peptide", "text")]
    return [*names, Column("model", "model", "text")] if summary["model"].nunique() > 1 else names


def _ordered(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of one peptide together, means last; no means of a single peptide, which would say everything twice."""
    peptides = [peptide for peptide in dict.fromkeys(summary["peptide"]) if peptide != NAME_OF_MEANS]
    if len(peptides) == 1:
        return summary[summary["peptide"] != NAME_OF_MEANS]
    places = summary["peptide"].map({peptide: place for place, peptide in enumerate([*peptides, NAME_OF_MEANS])})
    return summary.loc[places.sort_values(kind="stable").index]


def _partial(summary: pd.DataFrame) -> str:
    """How many of the test peptides the summary has, where it has not all."""
    notes = " ".join(map(str, summary.loc[summary["peptide"] == NAME_OF_MEANS].get("notes", [])))
    found = re.search(r"Mean of (\d+ of \d+) peptides", notes)
    return f" Partial: {found[1]} test peptides." if found else ""


def make_tables(summary: pd.DataFrame) -> list[Table]:
    """Samples against MD, MD against itself, what sampling took, and whatever else the summary holds.

    `summary` is evaluation's table, with rows of means; columns that it lacks are left out, those that are not
    known here go to the last table.
    """
    partial = _partial(summary)
    summary = _ordered(summary)
    columns = set(summary.columns)
    names = _names(summary)
    one = f" Model {summary['model'].iloc[0]}." if summary["model"].nunique() == 1 else ""
    metrics = metrics_of(SUMMARY)
    near = [metric for metric in metrics if metric.analysis in ("compare", "msm")]
    slow = metrics_of(SUMMARY, "dynamics")
    against = [Column.of(metric) for metric in near]
    itself = [
        Column.of(metric, f"_{baseline}", words)
        for baseline, words in BASELINES.items()
        for metric in near
        if baseline in metric.baselines and metric.key != "js_ramachandran"
    ]
    dynamics = [Column.of(metric, over="samples") for metric in slow]
    dynamics += [
        Column.of(metric, f"_{baseline}", BASELINES[baseline])
        for baseline in SELF_DISTANCES
        for metric in slow
        if baseline in metric.baselines
    ]
    accepted = [Column.of(metric, "_accepted") for metric in metrics if metric.accepted]
    geometry = [Column.of(metric) for metric in metrics_of(SUMMARY, "physicality")]
    published = [
        Column.of(metric, suffix, words)
        for suffix, words in (("", "samples"), ("_md_halves", BASELINES["md_halves"]))
        for metric in metrics_of(SUMMARY, "wasserstein")
    ]
    cost = [Column("samples", "samples", "count"), *SAMPLING_COST, Column("md_frames", "MD frames", "count")]
    tables = [
        # Title, columns, and whether a column without any value is there and says why.
        (f"JS distance of samples to MD, with 95 % intervals.{partial}{one}", against, True),
        ("JS distance of MD cut short to all of it, and of its halves and replicas to each other.", itself, True),
        (f"Slow motions and transport.{one}", dynamics, False),
        (f"Distances and slow motions of the samples that the sampler accepted.{one}", accepted, False),
        (f"2-Wasserstein distances of samples to MD as published for ManyPeptidesMD.{one}", published, False),
        (f"Geometry of the samples, and basins of the MD.{one}", geometry, False),
        (f"What sampling took.{one}", cost, True),
    ]
    known = {column.key for _, listed, _ in tables for column in listed} | set(_KEYS)
    known |= {f"js_ramachandran_{baseline}" for baseline in BASELINES}
    others = [
        Column(key, key.replace("_", " "), "number")
        for key in summary.columns
        if key not in known and not key.endswith(_ENDS) and pd.api.types.is_numeric_dtype(summary[key])
    ]
    tables.append((f"Other numbers of the summary.{one}", others, False))
    made = []
    for title, listed, says_why in tables:
        present = [
            column
            for column in listed
            if column.key in columns
            # Not every run has replicas.
            and (summary[column.key].notna().any() or (says_why and not column.key.endswith("_md_replicas")))
        ]
        if present:
            made.append(fill(Table(title, [*names, *present]), summary, notes=listed is cost))
    return made


def read_summary(path: Path) -> pd.DataFrame:
    """The summary's CSV; only blanks are missing in it: the peptide Asn-Ala is called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _cost(evaluation: Path, samples: Path, model: str, peptide: str) -> dict[str, Any]:
    """Time, device and atoms of the sampling of one peptide, as far as the files in these folders tell them."""
    cost: dict[str, Any] = {}
    result, record = evaluation / model / f"{peptide}.json", samples / model / peptide / "sampling.json"
    if result.exists():
        drawn = read_json(result)["samples"]
        cost = {"seconds": drawn["seconds"], "device": device_of(drawn)}
    if record.exists():
        sampling = read_json(record)
        cost["atoms"] = sampling["atoms"]
        if sampling["device"] == "cpu" and cost.get("device"):
            cost["device"] += f", {plural(sampling['threads'], 'thread')}"
    return cost


def with_records(summary: pd.DataFrame, evaluation: Path, samples: Path) -> pd.DataFrame:
    """The summary with the time, atoms and device of sampling where the folders `evaluation` and `samples` of the
    dataset tell them; in rows of means, means over peptides and the device that all have."""
    costs = [_cost(evaluation, samples, row["model"], row["peptide"]) for _, row in summary.iterrows()]
    told = [name for name in ("seconds", "device", "atoms") if any(name in cost for cost in costs)]
    table = summary.join(pd.DataFrame(costs, index=summary.index, columns=told))
    of_means = table["peptide"] == NAME_OF_MEANS
    for model in table["model"].unique():
        of_model = table["model"] == model
        for name in told:
            values = table.loc[of_model & ~of_means, name].dropna()
            if name != "device":
                table.loc[of_model & of_means, name] = values.mean()
            elif values.nunique() == 1:
                table.loc[of_model & of_means, name] = values.iloc[0]
    return table


def _write(tables: list[Table], dataset: str, markdown: Path, latex: Path, page: Path) -> None:
    """Write the same tables in three formats."""
    for target, text in ((markdown, to_markdown), (latex, to_latex), (page, to_html)):
        write_text(target, text(tables, dataset))


def tables_to_files(summary: Path, samples: Path, markdown: Path, latex: Path, page: Path, timing: Path) -> None:
    """Write the tables of the summary (CSV) in three formats, and what sampling took (CSV) for the figure of it.

    The summary lies in evaluation's folder of the dataset, `samples` is the sampler's.
    """
    table = with_records(read_summary(summary), summary.parent, samples)
    dataset = str(table["dataset"].iloc[0])
    _write(make_tables(table), dataset, markdown, latex, page)
    columns = ["dataset", "model", "peptide", "samples", *(column.key for column in SAMPLING_COST)]
    timed = table[table["peptide"] != NAME_OF_MEANS].reindex(columns=columns)
    write_text(timing, timed.to_csv(index=False, float_format="%.6g"))


# Of samples without MD.
_SHARES = ("strained", "bent", "inverted", "cis", "clash", "physical")


def _described(result: dict[str, Any]) -> dict[str, Any]:
    """A row of samples without MD: what sampling took, and how sound they are."""
    samples = result["samples"]
    row = {key: result[key] for key in ("dataset", "model", "peptide")}
    row |= {key: samples[key] for key in ("accepted", "rejected", "seconds", "atoms")}
    row |= {"ms_per_sample": samples["milliseconds_per_sample"], "device": device_of(samples)}
    for name in _SHARES:
        row |= columns(name, result["shares"][name])
    return row | {"notes": " ".join(result["notes"])}


def sample_tables_to_files(results: list[Path], summary: Path, markdown: Path, latex: Path, page: Path) -> None:
    """Read descriptions of samples without MD (JSON) and write a row of each (CSV), and tables in three formats."""
    rows = pd.DataFrame([_described(read_json(path)) for path in results])
    rows = rows.sort_values(["peptide", "model"], kind="stable", ignore_index=True)
    names = [Column("peptide", "peptide", "text"), Column("model", "model", "text")]
    counts = [Column("accepted", "accepted samples", "count"), Column("rejected", "rejected", "count")]
    # Six columns with intervals are wider than a report's page; angles stay in the CSV.
    shares = [Column(name, name, "share") for name in _SHARES if name != "bent"]
    tables = [
        fill(Table("What sampling took.", [*names, *counts, *SAMPLING_COST]), rows, notes=True),
        fill(Table("Geometry of all samples, against the structure that they started from.", [*names, *shares]), rows),
    ]
    write_text(summary, rows.to_csv(index=False, float_format="%.6g"))
    _write(tables, str(rows["dataset"].iloc[0]), markdown, latex, page)
