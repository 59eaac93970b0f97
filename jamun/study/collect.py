"""Copy the small files of finished results into one folder, and compute what the page needs of the large ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jamun.study.collected import (
    ABLATION,
    COMPUTE,
    FLOORS,
    MIRROR,
    RECORDS,
    SEARCH,
    STUDY,
    SUMMARY,
    WATER,
    Collected,
)
from jamun.study.compute import compute_log
from jamun.study.dataset import StudyError, describe, require, training_records
from jamun.study.derived import macrostate_floors, mirror_table
from jamun.study.figure import OVERTAKING, overtaking_png
from jamun.study.files import small_png, write_bytes, write_record, write_table
from jamun.study.search import search_table
from jamun.study.water import water_rates

LARGEST_MB = 5.0
# Figures of results/{dataset}/figures, and of a folder of them for each test peptide.
_FIGURES = ("summary.png", "convergence.png", "ablation.png", "timing.png")


def _record_files(results: Path, model: str, peptide: str) -> dict[str, Path]:
    """Where the results have each of RECORDS of a peptide."""
    evaluation = results / "evaluation" / model
    stages = {stage: evaluation / stage / f"{peptide}.json" for stage in RECORDS[1:-1]}
    return {
        RECORDS[0]: evaluation / f"{peptide}.json",
        **stages,
        RECORDS[-1]: results / "samples" / model / peptide / "sampling.json",
    }


def _figure_files(results: Path, study: dict[str, Any]) -> dict[str, Path]:
    """Figures that are there, by their path in the collection."""
    figures, model = results / "figures", study["model"]
    found = {name: figures / name for name in _FIGURES} | {"loss.png": figures / model / "loss.png"}
    for peptide in study["peptides"]["test"]:
        found[f"ramachandran/{peptide}.png"] = figures / model / "ramachandran" / f"{peptide}.png"
        found[f"comparison/{peptide}.png"] = figures / "comparison" / f"{peptide}.png"
    return {name: path for name, path in found.items() if path.exists()}


def collect(
    results: Path,
    logs: Path,
    benchmark: Path,
    root: Path,
    target: Path,
    model: str | None = None,
    configuration: Path | None = None,
) -> Collected:
    """Write data/ and figures/ of `target` from results/{dataset}, logs/{dataset}, and the benchmark of explicit water.

    `root` holds the configurations that the benchmark is about; `configuration` is that of the study, for its page to
    name. Files that the results no longer have are removed, and files that are as they were stay untouched. Raises
    StudyError for results that are not finished, and where all would be more than LARGEST_MB.
    """
    study = describe(results, model)
    if configuration is not None:
        study["configuration"] = configuration.as_posix()
    model, tested = study["model"], list(study["peptides"]["test"])
    collected = Collected(target)
    written = [collected.data / STUDY]
    write_record(written[0], study)

    def copy(source: Path, place: Path) -> None:
        write_bytes(place, source.read_bytes())
        written.append(place)

    copy(results / "evaluation" / "summary.csv", collected.data / SUMMARY)
    for peptide in tested:
        for kind, source in _record_files(results, model, peptide).items():
            if kind in ("comparison", "sampling"):
                require(source, f"{kind} of {peptide}")
            if source.exists():
                copy(source, collected.data / kind / f"{peptide}.json")
    ablation = results / "ablation" / "ablation.csv"
    if ablation.exists():
        copy(ablation, collected.data / ABLATION)
    for name, record in training_records(results, study["models"]).items():
        written.append(collected.data / "training" / f"{name}.json")
        write_record(written[-1], record)
    if benchmark.exists():
        written.append(collected.data / WATER)
        write_record(written[-1], water_rates(benchmark, root))
    tables = {
        COMPUTE: compute_log(logs),
        SEARCH: search_table(results, study["models"]),
        MIRROR: mirror_table(results / "evaluation", study["models"], tested),
        FLOORS: macrostate_floors(results, model, tested),
    }
    for name, table in tables.items():
        if not table.empty:
            written.append(collected.data / name)
            write_table(written[-1], table)
    for name, source in _figure_files(results, study).items():
        written.append(collected.figures / name)
        write_bytes(written[-1], small_png(source))
    written.append(collected.figures / OVERTAKING)
    write_bytes(written[-1], overtaking_png(Collected(target)))
    _remove_others(target, set(written))
    _require_small(written)
    return Collected(target)


def _remove_others(target: Path, written: set[Path]) -> None:
    """Remove what an earlier collection left in data/ and figures/, and folders that are empty then."""
    for folder in (target / "data", target / "figures"):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file() and path not in written:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _require_small(written: list[Path]) -> None:
    sizes = {path: path.stat().st_size / 1e6 for path in written}
    if sum(sizes.values()) > LARGEST_MB:
        largest = max(sizes, key=sizes.get)
        raise StudyError(
            f"{largest.parent}: the collection is {sum(sizes.values()):.1f} MB, more than {LARGEST_MB:g}; its largest "
            f"file is {largest.name} ({sizes[largest]:.1f} MB): lower figures.dpi, or test fewer peptides."
        )
