"""The results and the model of configs/chains.yaml, from a finished workflow:

    python studies/longer_chains/md.py --processes 2
    snakemake evaluate --configfile configs/chains.yaml
    python studies/longer_chains

Run it in the repository's root. It writes summary.csv beside this file and the model to models/chains, and prints the
tables of docs/longer_chains.md.
"""

from __future__ import annotations

import hashlib
import statistics
from pathlib import Path
from typing import Any

import pandas as pd
from md import HEIGHT, SAMPLED_BY, SAMPLING, SIMULATE
from md import OUT as MD

from jamun import layout
from jamun.config import load
from jamun.config.configuration import Configuration
from jamun.data.trained_on import TrainedOn
from jamun.io.atomic import read_json, write_json, write_text
from jamun.io.shipped import CARD, WEIGHTS
from jamun.model.checkpoint import load_denoiser, read_content
from jamun.model.weights import write_weights
from jamun.peptides.sequences import Peptide, parse_sequence
from jamun.peptides.splits import resolve_splits
from jamun.populations.short_md import implicit_settings

CONFIGURATION = Path("configs/chains.yaml")
FOLDER = Path(__file__).parent
MODEL = "default"
SHIPPED = "chains"  # its name in models/
# Faults of samples by their record, and what the table calls them.
FAULTS = {"broken": "broken", "inverted": "inverted", "clash": "clashes"}
# Distances from MD by their groups of torsions.
DISTANCES = {"backbone": "backbone", "all": "all torsions"}


def faults(results: Path, models: list[str], peptides: list[Peptide]) -> pd.DataFrame:
    """For each model and peptide the number of samples, and the share of them with each fault."""
    rows = []
    for model in models:
        for peptide in peptides:
            record = read_json(results / "samples" / model / peptide.name / "sampling.json")
            shares = {name: record["flaws"][name]["share"] for name in FAULTS}
            rows.append(
                {
                    "model": model,
                    "peptide": peptide.letters,
                    "samples": record["samples"]["written"],
                    **shares,
                    "seconds_a_sample": record["seconds"] / record["samples"]["written"],
                }
            )
    return pd.DataFrame(rows)


def distances(results: Path, peptides: list[Peptide]) -> pd.DataFrame:
    """JS distances of the model's samples from MD, and of the MD's halves from each other, of each peptide."""
    rows = []
    for peptide in peptides:
        found = read_json(results / "evaluation" / MODEL / f"{peptide.name}.json")
        row: dict[str, Any] = {"model": MODEL, "peptide": peptide.letters}
        for group in DISTANCES:
            row[f"js_{group}"] = found["js"][group]["value"]
            row[f"js_{group}_md_halves"] = found["baselines"]["md_halves"][group]["value"]
        rows.append(row)
    return pd.DataFrame(rows)


def _markdown(head: list[str], lines: list[list[str]]) -> str:
    """A table, whose first column is text."""
    every = [head, [":---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in every) + "\n"


def kind(sequence: str) -> str:
    """What the tables call a peptide."""
    if "(D)" in sequence:
        return "of both hands"
    return "without caps" if sequence.startswith("H-") else f"{_residues(sequence)}"


def distance_table(summary: pd.DataFrame) -> str:
    """The table of distances of the page, in Markdown: means over the peptides of each kind."""
    own = summary[summary["model"] == MODEL]
    head = ["residues", "peptides"]
    for words in DISTANCES.values():
        head += [f"{words}: samples", "MD's halves"]
    lines = []
    for name, part in own.groupby(own["peptide"].map(kind)):
        values = [part[f"js_{group}{end}"].mean() for group in DISTANCES for end in ("", "_md_halves")]
        lines.append([str(name), f"{len(part)}", *(f"{value:.3f}" for value in values)])
    return _markdown(head, lines)


def _residues(sequence: str) -> int:
    """Number of residues; a sequence may have marks of D residues, ends and rings too."""
    return len(parse_sequence(sequence).residues)


def rows(summary: pd.DataFrame) -> list[list[str]]:
    """Rows of the table: for each model, means over the peptides of each kind."""
    found = []
    for model, of_model in summary.groupby("model"):
        for which, part in of_model.groupby(of_model["peptide"].map(kind)):
            shares = [f"{part[name].mean():.1%}" for name in FAULTS]
            name = SHIPPED if model == MODEL else str(model)
            found.append([name, str(which), f"{len(part)}", f"{part['samples'].sum():,}", *shares])
    return found


def table(summary: pd.DataFrame) -> str:
    """The table of the page, in Markdown."""
    head = ["model", "residues", "peptides", "samples", *FAULTS.values()]
    return _markdown(head, rows(summary))


def card(settings: Configuration, results: Path, summary: pd.DataFrame, weights: bytes) -> dict[str, Any]:
    """What `jamun models` tells of the model, of JSON's types."""
    splits = resolve_splits(settings.peptides, Path())
    training = read_json(results / "models" / MODEL / "training.json")
    trained = TrainedOn.from_json(training["trained_on"])
    own = summary[summary["model"] == MODEL]
    peptides = [peptide.letters for peptide in splits["train"]]
    made = read_json(MD / "md.json")["peptides"]
    md = [record for record in made if record["biased"] and record["split"] == "train"]
    drawn = [record for record in made if not record["biased"] and record["split"] == "train"]
    seconds = sum(record["seconds"] for record in md)
    return {
        "title": "Denoiser for walk-jump sampling of peptides (JAMUN)",
        "license": "MIT",
        "use": f"jamun sample --sequence DFPN --model {SHIPPED}",
        "file": {"name": WEIGHTS, "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
        "data": {
            "dataset": settings.dataset,
            "forms": list(trained.forms),
            "trained_on": len(peptides),
            "peptides": {
                split: {"count": len(members), "sequences": sorted(peptide.letters for peptide in members)}
                for split, members in splits.items()
            },
            "md": {
                "train": {
                    "ns": sum(record["ns"] for record in md),
                    "frames": sum(record["frames"] for record in md),
                    "platforms": ["Reference"],
                    "settings": [implicit_settings(SIMULATE).model_dump(mode="json") | {"barriers_kT": HEIGHT}],
                }
            },
            "samples": {
                "model": SAMPLED_BY,
                "peptides": len(drawn),
                "frames": sum(record["frames"] for record in drawn),
                "settings": SAMPLING,
            },
        },
        "settings": {
            key: training[key] for key in ("network", "training", "parameters", "initial", "steps", "best_step")
        }
        | {"validation_loss": training["best_validation_loss"], "loss": training["loss"]},
        "metrics": {
            "peptides": sorted(own["peptide"]),
            "unseen": True,
            "entries": [
                {"metric": name, "mean": float(own[name].mean()), "peptides": len(own)}
                for name in (*FAULTS, *(f"js_{group}" for group in DISTANCES))
            ],
        },
        "limits": [
            "Its MD has lowered barriers and is short. Slow motions of whole chains, such as turns, keep what the "
            "drawn starts had of them.",
            "Chains of 1 to 5 residues in implicit solvent; other sizes and solvents are extrapolation.",
            f"{own['broken'].mean():.1%} of its samples are broken and {own['inverted'].mean():.1%} are inverted. "
            "Its setting sampling.reject leaves them out.",
        ],
        "compute": {
            "md_core_hours": round(seconds / 3600, 2),
            "sampling_core_hours": round(sum(record["seconds"] for record in drawn) / 3600, 2),
            "training_core_hours": round(training["seconds"] * training["threads"] / 3600, 2),
            "median_ns_per_day_of_a_core": statistics.median(86400 * record["ns"] / record["seconds"] for record in md),
        },
        "trained_on": trained.to_json(),
        "provenance": {"training": training["provenance"]},
    }


def main() -> None:
    """Write all of it."""
    settings = load(CONFIGURATION)
    results = Path("results") / settings.dataset
    test = resolve_splits(settings.peptides, Path())["test"]
    summary = faults(results, list(settings.models), test)
    summary = summary.merge(distances(results, test), how="left", on=["model", "peptide"])
    write_text(FOLDER / "summary.csv", summary.to_csv(index=False, float_format="%.6g"))
    checkpoint = layout.place(layout.MODEL["checkpoint"], Path(), dataset=settings.dataset, model=MODEL)
    load_denoiser(checkpoint)
    # Who samples with it wants samples that are whole.
    sampling = settings.sampling_of(MODEL).model_dump(mode="json", exclude_defaults=True)
    sampling |= {"reject": ["inverted", "broken"], "samples": 1000}
    target = Path("models") / SHIPPED
    target.mkdir(parents=True, exist_ok=True)
    write_weights(target / WEIGHTS, read_content(checkpoint) | {"sampling": sampling})
    write_json(target / CARD, card(settings, results, summary, (target / WEIGHTS).read_bytes()))
    print(table(summary), distance_table(summary), sep="\n", end="")


if __name__ == "__main__":
    main()
