"""Copy the small files of finished results into one folder, and compute what the page needs of the large ones.

Files are written only where they differ from what is there, so that doing all again changes nothing.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from collected import RECORDS, Collected, StudyError, require
from figure import overtaking_png
from PIL import Image

from jamun import layout
from jamun.config import load
from jamun.evaluation.js import js_distance
from jamun.evaluation.runs import few_parts, replica_pairs
from jamun.evaluation.tables import read_summary
from jamun.io.atomic import atomic_path, read_json, read_npz
from jamun.peptides.splits import NAME_OF_MEANS

LARGEST_MB = 5.0
BENCHMARK = Path("benchmarks/results/simulation_cpu.json")
# Figures on a page are not shown wider than this, pixels, and need no more colours.
_WIDEST, _COLOURS = 1600, 255
_MOST_PAIRS = 45
# Settings of the MD that say where or how often and not what was simulated.
_NOT_PHYSICS = {"platform", "precision", "jobs_per_gpu", "seed", "checkpoint_interval"}
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
# Of the network and the training, what a search may vary, and what it tells of every network.
_VARIED = {
    "network": ("hidden_irreps", "lmax", "n_convolutions", "radial_basis", "n_radial", "radial_width", "radial_range"),
    "training": ("sigma", "sigma_range", "learning_rate", "batch_size", "ema_decay", "peptides"),
}
_ALWAYS = ("model", "parameters", "steps", "seconds", "validation_loss")


def at(results: Path, pattern: str, **wildcards: str) -> Path:
    """The file of a pattern of the layout; `results` is results/{dataset}."""
    return layout.place(pattern, results.parents[1], dataset=results.name, **wildcards)


# What the study was made of


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
    seconds = [record["seconds"] for record in records]
    return {
        "peptides": len(records),
        "ns": sum(record["ns"] for record in records),
        "frames": sum(record["frames"] for record in records),
        "replicas": sorted({record["replicas"] for record in records}),
        "wall_hours": None if None in seconds else sum(seconds) / 3600.0,
        "resumptions": sum(record["resumptions"] for record in records),
        "platforms": sorted({str(record["platform"]) for record in records if record["platform"]}),
        "processors": sorted({record["processor"] for record in records}),
        "settings": [
            record["settings"]
            for place, record in enumerate(records)
            if record["settings"] not in [before["settings"] for before in records[:place]]
        ],
    }


def describe(results: Path, model: str | None) -> dict[str, Any]:
    """What a study was made of, from results/{dataset}: JSON's types only.

    `model` is the one that the study is about, by default the first of the summary. Raises StudyError where the
    summary, a record of the MD or the model is missing.
    """
    summary = read_summary(require(at(results, layout.SUMMARY), "table of results"))
    models = list(dict.fromkeys(summary["model"]))
    model = model or models[0]
    if model not in models:
        raise StudyError(f"{results}: model {model} was not evaluated there; give one of {', '.join(models)}.")
    own = summary[(summary["model"] == model) & (summary["peptide"] != NAME_OF_MEANS)]
    splits = {
        split: sorted(path.stem for path in (results / "features" / split).glob("*.h5"))
        for split in ("train", "validation")
    } | {"test": list(own["peptide"])}
    names = [name for members in splits.values() for name in members]
    built = {
        name: read_json(require(at(results, layout.PEPTIDE["record"], peptide=name), f"peptide {name}"))
        for name in names
    }
    md = {
        name: _simulated(read_json(require(at(results, layout.MD["record"], peptide=name), f"MD of {name}")))
        for name in names
    }
    # Samples are held against the wall clock of one simulation by itself, also where many were made together.
    single = {name: at(results, layout.MD_SINGLE, peptide=name) for name in splits["test"]}
    timed = {name: _simulated(read_json(path)) if path.exists() else md[name] for name, path in single.items()}
    return {
        "dataset": str(own["dataset"].iloc[0]),
        "model": model,
        "models": models,
        "peptides": {
            split: {name: str(built[name].get("sequence", name)) for name in members}
            for split, members in splits.items()
        },
        "forms": sorted({str(record.get("form")) for record in built.values()}),
        "md": {split: _split_md([md[name] for name in members]) for split, members in splits.items() if members},
        "test_md": {
            name: {key: value for key, value in record.items() if key != "settings"} for name, record in timed.items()
        },
    }


# What is computed of the large files


def mirror_rows(result: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Of each residue's map, in MD and samples: the share of frames with phi > 0, and the JS distance to the map of the
    mirror image, in which phi and psi change their signs. From a comparison's record and arrays."""
    rows = []
    for place, pair in enumerate(result["ramachandran"]):
        row = {key: result[key] for key in ("model", "peptide")}
        row |= {key: pair[key] for key in ("residue", "residue_name")}
        for name, key in (("md", "reference"), ("samples", "samples")):
            counts = arrays[f"ramachandran_{key}"][place]
            with np.errstate(invalid="ignore"):
                row[f"positive_phi_{name}"] = float(counts[len(counts) // 2 :].sum() / counts.sum())
            row[f"js_mirror_{name}"] = float(js_distance(counts, counts[::-1, ::-1], dims=2))
        rows.append(row)
    return rows


def mirror_table(results: Path, models: list[str], peptides: list[str]) -> pd.DataFrame:
    """The rows of every model and peptide that was evaluated."""
    pairs = [
        [at(results, path, model=model, peptide=peptide) for path in layout.EVALUATION["compare"].values()]
        for model in models
        for peptide in peptides
    ]
    there = [pair for pair in pairs if all(path.exists() for path in pair)]
    return pd.DataFrame([row for pair in there for row in mirror_rows(read_json(pair[0]), read_npz(pair[1]))])


def macrostate_self_distance(macrostates: np.ndarray, boundaries: list[int]) -> dict[str, float | None]:
    """JS distance of macrostate occupancies between parts of the MD: its halves, and its replicas, the mean over pairs.

    macrostates (F,): that of each frame; boundaries (R+1): the replicas' offsets. None where there are no two parts.
    """
    count = int(macrostates.max()) + 1 if len(macrostates) else 0

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        return float(js_distance(*(np.bincount(part, minlength=count) for part in (first, second))))

    if len(macrostates) < 2:
        return {"md_halves": None, "md_replicas": None}
    half = len(macrostates) // 2
    replicas = [slice(start, stop) for start, stop in pairwise(boundaries) if stop > start]
    pairs = [
        distance(macrostates[one], macrostates[two]) for one, two in replica_pairs(few_parts(replicas), _MOST_PAIRS)
    ]
    return {
        "md_halves": distance(macrostates[:half], macrostates[half:]),
        "md_replicas": float(np.mean(pairs)) if pairs else None,
    }


def self_distance_table(results: Path, model: str, peptides: list[str]) -> pd.DataFrame:
    """The row of each test peptide, from the model's Markov state models and the records of the MD."""
    rows = []
    for peptide in peptides:
        arrays = at(results, layout.EVALUATION["msm"]["arrays"], model=model, peptide=peptide)
        if arrays.exists():
            states = read_npz(arrays)["macrostate_reference"]
            boundaries = read_json(at(results, layout.MD["record"], peptide=peptide))["boundaries"]
            rows.append({"peptide": peptide} | macrostate_self_distance(states, boundaries))
    return pd.DataFrame(rows)


def searched(results: Path, evaluated: list[str]) -> pd.DataFrame:
    """A row a model that was trained and not evaluated, the best validation loss first: _ALWAYS, and the settings in
    which the rows differ. Validation losses compare where sigma is one."""
    rows = []
    for path in sorted((results / "models").glob("*/training.json")):
        name, record = path.parent.name, read_json(path)
        if name not in evaluated:
            found = (name, record["parameters"], record["steps"], record["seconds"], record["best_validation_loss"])
            row = dict(zip(_ALWAYS, found, strict=True))
            row |= {key: record[section].get(key) for section, keys in _VARIED.items() for key in keys}
            levels = row["sigma_range"]
            rows.append(row | {"sigma_range": " to ".join(f"{level:g}" for level in levels) if levels else None})
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows).sort_values("validation_loss", ignore_index=True)
    return table[[key for key in table if key in _ALWAYS or table[key].astype(str).nunique() > 1]]


def stage_of(rule: str) -> str:
    """The stage of a rule; whatever is none of the others is evaluation."""
    return next((stage for beginning, stage in _STAGES.items() if rule.startswith(beginning)), "evaluation")


def compute_log(logs: Path) -> pd.DataFrame:
    """A row a rule, from the benchmark files below logs/{dataset}, {rule}.tsv or all below {rule}/: stage, rule, jobs,
    hours of wall clock and of cores, and jobs without a measured processor time.

    Core hours are `cpu_time`, user and system time of a job and its children. Snakemake writes a job's benchmark when
    it ends well: time before a job was stopped and went on is not in it.
    """
    runs: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(logs.rglob("*.tsv")):
        # A dash where the job ended before Snakemake looked.
        table = pd.read_csv(path, sep="\t").reindex(columns=["s", "cpu_time"]).apply(pd.to_numeric, errors="coerce")
        rule = path.relative_to(logs).parts[0].removesuffix(".tsv")
        runs.setdefault(rule, []).append(table[table["s"].notna()])
    columns = ["stage", "rule", "jobs", "wall_hours", "core_hours", "unmeasured"]
    rows = []
    for rule, tables in runs.items():
        found = pd.concat(tables, ignore_index=True)
        if len(found):
            hours, unmeasured = found.sum() / 3600.0, int(found["cpu_time"].isna().sum())
            rows.append((stage_of(rule), rule, len(found), hours["s"], hours["cpu_time"], unmeasured))
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["core_hours", "rule"], ascending=[False, True], ignore_index=True)


def water_rates(benchmark: Path, root: Path) -> dict[str, Any]:
    """How fast explicit-water MD runs, ns a day on all threads of benchmarks/simulation.py: `cases`, of the
    configurations below `root`, and `fastest`, with simulations side by side where that was faster."""
    record, cases = read_json(benchmark), []
    for row in record.get("overhead", []):
        name = row["case"].split()[0]
        configuration = {"demo": "config.yaml", "paper": "configs/paper.yaml"}.get(name)
        settings = load(root / configuration).simulate if configuration else None
        if settings and settings.solvent == "explicit":
            steps = row["bare_steps_a_second"] * row["share_of_bare"]
            case = {"case": name, "particles": row["particles"], "platform": row["platform"]}
            case |= {"timestep_fs": settings.timestep, "ns_per_day": steps * settings.timestep * 86400e-6}
            cases.append(case)
    rates = [case["ns_per_day"] for case in cases] + [row["ns_a_day"] for row in record.get("sharing", [])]
    return {
        "file": benchmark.relative_to(root).as_posix() if benchmark.is_relative_to(root) else benchmark.name,
        "threads": record["threads"],
        "processor": record["provenance"]["processor"],
        "cases": cases,
        "fastest": max(rates, default=None),
    }


# Files


def small_png(source: Path | io.BytesIO) -> bytes:
    """A figure's PNG of 255 colours: a third of the bytes, and no difference to see. Wider ones are scaled down to
    1600 pixels where that saves more: of sharp small squares it makes more bytes."""
    with Image.open(source) as figure:
        drawn = [figure.convert("RGB")]
    if drawn[0].width > _WIDEST:
        size = _WIDEST, round(drawn[0].height * _WIDEST / drawn[0].width)
        drawn.append(drawn[0].resize(size, Image.Resampling.LANCZOS))
    return min(map(_few_colours, drawn), key=len)


def _few_colours(figure: Image.Image) -> bytes:
    out = io.BytesIO()
    figure.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def write(target: Path, content: bytes | str | dict | list) -> bool:
    """Write bytes, text, or a value of JSON's types, atomically, unless the file holds it already; whether it was
    written."""
    if isinstance(content, dict | list):
        content = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if isinstance(content, str):
        content = content.encode("utf-8")
    if target.is_file() and target.read_bytes() == content:
        return False
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    return True


@dataclass
class _Collection:
    """A folder that is being filled: what was written into it."""

    folder: Path
    written: list[Path] = field(default_factory=list)

    def put(self, place: str, content: bytes | str | dict | list) -> None:
        self.written.append(self.folder / place)
        write(self.written[-1], content)

    def finish(self) -> None:
        """Remove what an earlier collection left. Raises StudyError where all is more than LARGEST_MB."""
        for folder in (self.folder / "data", self.folder / "figures"):
            for path in sorted(folder.rglob("*"), reverse=True):
                if path.is_file() and path not in self.written:
                    path.unlink()
                elif path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        sizes = {path: path.stat().st_size / 1e6 for path in self.written}
        if sum(sizes.values()) > LARGEST_MB:
            largest = max(sizes, key=sizes.get)
            raise StudyError(
                f"{self.folder}: the collection is {sum(sizes.values()):.1f} MB, more than {LARGEST_MB:g}; its largest "
                f"file is {largest.name} ({sizes[largest]:.1f} MB): lower figures.dpi, or test fewer peptides."
            )


def collect(results: Path, logs: Path, root: Path, target: Path, model: str | None = None) -> Collected:
    """Write data/ and figures/ of `target`, whose name is the study's, from results/{dataset} and logs/{dataset}.

    `root` holds the benchmark of explicit water and the configurations that it is about. Files that the results no
    longer have are removed, and files that are as they were stay untouched. Raises StudyError for results that are not
    finished, and where all would be more than LARGEST_MB.
    """
    study = describe(results, model)
    model, tested, collection = study["model"], list(study["peptides"]["test"]), _Collection(target)
    configuration = root / "configs" / f"{target.name}.yaml"
    if configuration.exists():
        # Imported MD does not tell; `simulate` says how it was made.
        study["solvent"] = load(configuration).simulate.solvent
    collection.put("data/study.json", study)
    collection.put("data/summary.csv", (at(results, layout.SUMMARY)).read_bytes())
    for peptide in tested:
        own = {"model": model, "peptide": peptide}
        sources = {kind: at(results, layout.EVALUATION[kind]["result"], **own) for kind in RECORDS[1:-1]}
        compared = at(results, layout.EVALUATION["compare"]["result"], **own)
        sources["comparison"] = require(compared, f"comparison of {peptide}")
        sources["sampling"] = require(at(results, layout.SAMPLES["record"], **own), f"sampling of {peptide}")
        for kind, source in sources.items():
            if source.exists():
                collection.put(f"data/{kind}/{peptide}.json", source.read_bytes())
    for name in study["models"]:
        record = at(results, layout.MODEL["record"], model=name)
        if record.exists():
            collection.put(f"data/training/{name}.json", read_json(record))
    ablation = at(results, layout.ABLATION_TABLE)
    if ablation.exists():
        collection.put("data/ablation.csv", ablation.read_bytes())
    if (root / BENCHMARK).exists():
        collection.put("data/water.json", water_rates(root / BENCHMARK, root))
    computed = {
        "compute": compute_log(logs),
        "search": searched(results, study["models"]),
        "mirror": mirror_table(results, study["models"], tested),
        "macrostate_self_distance": self_distance_table(results, model, tested),
    }
    for name, table in computed.items():
        if not table.empty:
            collection.put(f"data/{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    figures = [(f"{name}.png", f"{name}.png") for name in ("summary", "convergence", "ablation", "timing")]
    figures += [(f"{model}/loss.png", "loss.png")]
    for peptide in tested:
        figures += [(f"{model}/{name}/{peptide}.png", f"{name}/{peptide}.png") for name in ("ramachandran", "msm")]
        figures += [(f"comparison/{peptide}.png", f"comparison/{peptide}.png")]
    for drawn, place in figures:
        if (results / "figures" / drawn).exists():
            collection.put(f"figures/{place}", small_png(results / "figures" / drawn))
    collection.put("figures/overtaking.png", small_png(overtaking_png(Collected(target))))
    collection.finish()
    return Collected(target)
