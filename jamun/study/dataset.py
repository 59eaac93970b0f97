"""What the data of a study are: peptides by split, and their MD, from the records of the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jamun.evaluation.summary import MEAN
from jamun.evaluation.tables import read_summary
from jamun.io.atomic import read_json
from jamun.io.log import UserError

# Settings of the MD that say where or how often and not what was simulated.
_NOT_PHYSICS = {"platform", "precision", "jobs_per_gpu", "seed", "checkpoint_interval"}


class StudyError(UserError):
    """Results that are not there, or not of a finished study."""


def require(path: Path, what: str) -> Path:
    """`path`, if it is there. Raises StudyError, saying what is missing and how it is made."""
    if not path.exists():
        raise StudyError(f"{path}: no such file, so there is no {what} yet; finish the study's workflow first.")
    return path


def peptides_by_split(results: Path, tested: list[str]) -> dict[str, list[str]]:
    """Names of the peptides of each split: training and validation by their features, test as they were evaluated."""
    splits = {
        split: sorted(path.stem for path in (results / "features" / split).glob("*.h5"))
        for split in ("train", "validation")
    }
    return splits | {"test": tested}


def _simulated(record: dict[str, Any]) -> dict[str, Any]:
    """What one peptide's MD was, from its record; imported MD has no settings of its own and no wall clock."""
    production = record["production"]
    return {
        "ns": production["frames"] * production["frame_interval_ps"] / 1e3,
        "frames": production["frames"],
        "replicas": len(record["boundaries"]) - 1,
        "seconds": production["seconds"],
        "threads": record.get("threads"),
        "platform": record["platform"],
        "processor": record["provenance"]["processor"],
        "resumptions": record.get("resumptions", 0),
        "settings": {key: value for key, value in record["settings"].items() if key not in _NOT_PHYSICS},
    }


def _split_md(records: list[dict[str, Any]]) -> dict[str, Any]:
    """What the MD of one split was: totals, and the settings that occur."""
    settings: list[dict[str, Any]] = []
    for record in records:
        if record["settings"] not in settings:
            settings.append(record["settings"])
    seconds = [record["seconds"] for record in records]
    return {
        "peptides": len(records),
        "ns": sum(record["ns"] for record in records),
        "frames": sum(record["frames"] for record in records),
        "wall_hours": None if None in seconds else sum(seconds) / 3600.0,
        "resumptions": sum(record["resumptions"] for record in records),
        "platforms": sorted({str(record["platform"]) for record in records}),
        "processors": sorted({record["processor"] for record in records}),
        "settings": settings,
    }


def describe(results: Path, model: str | None) -> dict[str, Any]:
    """What a study was made of, from results/{dataset}: JSON's types only.

    `model` is the one that the study is about, by default the first of the summary. Raises StudyError where the
    summary, a record of the MD or the model is missing.
    """
    summary = read_summary(require(results / "evaluation" / "summary.csv", "table of results"))
    models = list(dict.fromkeys(summary["model"]))
    model = model or models[0]
    if model not in models:
        raise StudyError(f"{results}: model {model} was not evaluated there; give one of {', '.join(models)}.")
    own = summary[(summary["model"] == model) & (summary["peptide"] != MEAN)]
    splits = peptides_by_split(results, list(own["peptide"]))
    built = {
        name: read_json(require(results / "peptides" / f"{name}.json", f"record of peptide {name}"))
        for names in splits.values()
        for name in names
    }
    folders = {name: results / "md" / name for name in built}
    md = {name: _simulated(read_json(require(folders[name] / "md.json", f"MD of {name}"))) for name in built}
    # Samples are held against the wall clock of one simulation alone, also where many were made together.
    timed = {
        name: _simulated(read_json(alone)) if (alone := folders[name] / "alone.json").exists() else md[name]
        for name in splits["test"]
    }
    return {
        "dataset": str(own["dataset"].iloc[0]),
        "model": model,
        "models": models,
        "peptides": {
            split: {name: str(built[name].get("sequence", name)) for name in names} for split, names in splits.items()
        },
        "forms": sorted({str(record.get("form")) for record in built.values()}),
        "md": {split: _split_md([md[name] for name in names]) for split, names in splits.items() if names},
        "test_md": {
            name: {key: value for key, value in timed[name].items() if key != "settings"} for name in splits["test"]
        },
    }


def training_records(results: Path, models: list[str]) -> dict[str, dict[str, Any]]:
    """training.json of each model that was trained with the results."""
    found = {name: results / "models" / name / "training.json" for name in models}
    return {name: read_json(path) for name, path in found.items() if path.exists()}


def trained_on(training: dict[str, Any] | None, study: dict[str, Any]) -> int | None:
    """How many peptides a model was trained on; None of a model that was brought from elsewhere."""
    if training is None:
        return None
    return training["training"].get("peptides") or len(study["peptides"]["train"])


def lineage(training: dict[str, Any]) -> list[dict[str, Any]]:
    """The trainings that led to a model, the first one first; the last is its own."""
    initial = training.get("initial")
    return [*(lineage(initial) if initial else []), training]


def of_model(summary: pd.DataFrame, model: str) -> pd.DataFrame:
    """Rows of a model's peptides, without that of its means."""
    return summary[(summary["model"] == model) & (summary["peptide"] != MEAN)]
