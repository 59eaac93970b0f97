"""What a run cost: jobs, wall hours and core hours a stage, from Snakemake's benchmark files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

COLUMNS = ("stage", "rule", "jobs", "wall_hours", "core_hours", "unmeasured")
# Which stage of the pipeline a rule belongs to, by how its name begins; the first that fits.
_STAGES = {
    "ablation_": "ablation",
    "tabulate_ablation": "ablation",
    "build_peptide": "peptides",
    "take_structure": "peptides",
    "simulate": "molecular dynamics",
    "import_trajectory": "molecular dynamics",
    "featurize": "features",
    "describe_dataset": "features",
    "train": "training",
    "import_checkpoint": "training",
    "sample": "sampling",
    "plot_": "figures and report",
    "make_viewer": "figures and report",
    "superpose": "figures and report",
    "report": "figures and report",
}
_REST = "evaluation"


def stage_of(rule: str) -> str:
    """The stage of a rule; whatever is none of the others is evaluation."""
    return next((stage for beginning, stage in _STAGES.items() if rule.startswith(beginning)), _REST)


def benchmark_files(logs: Path) -> dict[str, list[Path]]:
    """Benchmark files below logs/{dataset} by rule: {rule}.tsv, or whatever lies below {rule}/."""
    found: dict[str, list[Path]] = {}
    for path in sorted(logs.rglob("*.tsv")):
        first = path.relative_to(logs).parts[0]
        found.setdefault(first.removesuffix(".tsv"), []).append(path)
    return found


def _runs(path: Path) -> pd.DataFrame:
    """Seconds of wall clock and of processors of every run in a benchmark file; NaN where Snakemake wrote a dash,
    since the job ended before it looked."""
    table = pd.read_csv(path, sep="\t")
    return table.reindex(columns=["s", "cpu_time"]).apply(pd.to_numeric, errors="coerce")


def compute_log(logs: Path) -> pd.DataFrame:
    """A row a rule: stage, rule, jobs, hours of wall clock and of cores, and jobs without a measured processor time.

    Core hours are `cpu_time`, user and system time of a job and its children. Snakemake writes a job's benchmark when
    it ends well: time before a job was stopped and went on is not in it.
    """
    rows = []
    for rule, files in benchmark_files(logs).items():
        runs = pd.concat([_runs(path) for path in files], ignore_index=True)
        runs = runs[runs["s"].notna()]
        if runs.empty:
            continue
        hours = runs.sum() / 3600.0
        unmeasured = int(runs["cpu_time"].isna().sum())
        rows.append((stage_of(rule), rule, len(runs), hours["s"], hours["cpu_time"], unmeasured))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["core_hours", "rule"], ascending=[False, True], ignore_index=True)


def by_stage(table: pd.DataFrame) -> pd.DataFrame:
    """Sums of the compute log's rows by stage, the dearest first."""
    sums = table.groupby("stage", sort=False)[list(COLUMNS[2:])].sum().reset_index()
    return sums.sort_values(["core_hours", "stage"], ascending=[False, True], ignore_index=True)
