"""The card of the shipped model: data, settings, metrics, limits, compute, all of it from the collected files."""

from __future__ import annotations

from typing import Any

from jamun.peptides.sequences import THREE_LETTER
from jamun.study.bars import BARS, MET, verdict
from jamun.study.collected import Collected
from jamun.study.compute import by_stage
from jamun.study.dataset import lineage, trained_on
from jamun.study.floors import floors_of
from jamun.study.statistics import median

TITLE = "Denoiser for walk-jump sampling of peptides (JAMUN)"


def make_card(collected: Collected, shipped: dict[str, Any]) -> dict[str, Any]:
    """The card, of JSON's types. `shipped` tells of the file itself: name, bytes, SHA-256."""
    study, training = collected.study, collected.training.get(collected.model)
    return {
        "title": TITLE,
        "license": "MIT",
        "use": "jamun sample --sequence WF",
        "file": shipped,
        "data": _data(collected),
        "settings": {
            "network": training["network"],
            "training": training["training"],
            "parameters": training["parameters"],
            "initial": training.get("initial"),
            "steps": training["steps"],
            "best_step": training["best_step"],
            "validation_loss": training["best_validation_loss"],
            "loss": training["loss"],
            "sampling": collected.sampler,
        }
        if training
        else None,
        "metrics": {
            "peptides": list(study["peptides"]["test"]),
            "unseen": collected.unseen(),
            "interval": "95 % over peptides, Student's t",
            "floor": "of the MD itself: halves, replicas, or all of it (md)",
            "entries": _metrics(collected),
        },
        "wall_clock": _wall_clock(collected),
        "limits": limits(collected),
        "compute": _compute(collected),
        "provenance": {
            "training": (training or {}).get("provenance"),
            "evaluation": sorted(
                {record["provenance"]["jamun"] for record in collected.records["comparison"].values()}
            ),
        },
    }


def _data(collected: Collected) -> dict[str, Any]:
    study = collected.study
    training = collected.training.get(collected.model)
    peptides = study["peptides"]
    return {
        "dataset": study["dataset"],
        "forms": study["forms"],
        "trained_on": trained_on(training, study),
        "peptides": {
            split: {"count": len(names), "sequences": sorted(names.values())} for split, names in peptides.items()
        },
        "md": {
            split: {key: md[key] for key in ("ns", "frames", "platforms", "settings")}
            for split, md in study["md"].items()
        },
    }


def _metrics(collected: Collected) -> list[dict[str, Any]]:
    own, entries = collected.own, []
    for bar in BARS:
        if bar.key not in own and bar.bar is None:
            continue
        found = bar.over(own.get(bar.key, []))
        judged = verdict(bar, found)
        entries.append(
            {
                "metric": bar.key,
                "name": bar.name,
                "mean": found.value,
                "low": found.low,
                "high": found.high,
                "peptides": found.count,
                "floor": floors_of(collected, bar.key),
                "bar": None if bar.bar is None else f"{bar.side} {bar.bar:g}",
                "verdict": None if judged is None else judged.word,
            }
        )
    return entries


def _wall_clock(collected: Collected) -> dict[str, Any]:
    found = {name: collected.overtaken(name, "backbone") for name in collected.records["comparison"]}
    known = [one.seconds for one in found.values() if one.seconds is not None]
    return {
        "md_overtakes_backbone_seconds": {
            name: one.seconds if one.seconds is not None else one.reason for name, one in found.items()
        },
        "median_seconds": median(known),
    }


def _words(names: list[str]) -> str:
    return ", ".join(names)


def limits(collected: Collected) -> list[str]:
    """What the model was not made for, or does not do well enough: sentences, each from the data."""
    study, training = collected.study, collected.training.get(collected.model)
    letters = [*study["peptides"]["train"].values()]
    found = []
    if letters:
        sizes = sorted({len(sequence) for sequence in letters})
        found.append(
            f"Trained on {' and '.join(study['forms'])} peptides of {' or '.join(map(str, sizes))} residues; other "
            "sizes and ends are extrapolation."
        )
        residues = {letter for sequence in letters for letter in sequence}
        missing = sorted(set(THREE_LETTER) - residues)
        found.append(
            f"Residues seen: {_words([THREE_LETTER.get(letter, letter) for letter in sorted(residues)])}"
            + (f"; never seen: {_words([THREE_LETTER[letter] for letter in missing])}." if missing else ".")
        )
        places = max(map(len, letters))
        lacking = [
            f"{THREE_LETTER[letter]} at place {place + 1}"
            for place in range(places)
            for letter in sorted(residues & set(THREE_LETTER))
            if letter not in {sequence[place] for sequence in letters if len(sequence) > place}
        ]
        if lacking:
            found.append(f"Not seen in training: {_words(lacking)}.")
    found += _md_limits(study)
    if training:
        level = training["training"]
        sigma = level["sigma_range"] or [level["sigma"]]
        strangers = {one["model"] for one in lineage(training)[:-1]} - set(collected.training)
        if strangers:
            found.append(f"Its weights come from {_words(sorted(strangers))}, whose training peptides are not in here.")
        found.append(f"Walks at sigma {' to '.join(f'{one:g}' for one in sigma)} nm; not at other noise levels.")
    if not collected.unseen():
        found.append("Some test peptides were seen in training, so the metrics do not tell of new ones.")
    for entry in _metrics(collected):
        if entry["verdict"] not in (None, MET):
            value = "no value" if entry["mean"] is None else f"{entry['mean']:.3g}"
            found.append(f"{entry['name']}: {value}, where the study asks for {entry['bar']}.")
    return found


def _md_limits(study: dict[str, Any]) -> list[str]:
    """Force field, solvent, temperature and protonation of the training MD."""
    md = study["md"].get("train") or next(iter(study["md"].values()))
    settings = md["settings"][0]
    if "forcefield" not in settings:
        return ["The MD was imported; its samples follow that MD's force field and temperature."]
    return [
        f"Samples follow the MD that it learned: {settings['forcefield']}, {settings['solvent']} solvent, "
        f"{settings['temperature']:g} K, and its errors; other temperatures and solvents need other training.",
        f"Training MD was {md['ns'] / md['peptides']:.3g} ns a peptide: what it did not reach, the model has not seen.",
    ]


def _compute(collected: Collected) -> list[dict[str, Any]] | None:
    if collected.compute is None:
        return None
    return by_stage(collected.compute).drop(columns="unmeasured").round(4).to_dict("records")
