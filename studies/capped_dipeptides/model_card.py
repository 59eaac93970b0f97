"""The model of a study, put where `jamun` finds it: weights as safetensors, and a card that tells data, settings,
metrics, limits and compute, all of it from the collected files."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from collect import at, write
from collected import Collected, StudyError, lineage, require
from tables import compute_stages
from targets import MET, median, targets_of

from jamun import layout
from jamun.data.trained_on import TrainedOn
from jamun.io.shipped import CARD, DEFAULT_MODEL, WEIGHTS
from jamun.model.checkpoint import load_denoiser, read_content
from jamun.model.weights import write_model
from jamun.peptides.sequences import THREE_LETTER

TITLE = "Denoiser for walk-jump sampling of peptides (JAMUN)"


def make_card(collected: Collected, shipped: dict[str, Any]) -> dict[str, Any]:
    """The card, of JSON's types. `shipped` tells of the file itself: name, bytes, SHA-256."""
    card = _card(collected, shipped)
    trained = _trained_on(card["data"])
    if trained is not None:
        card["trained_on"] = replace(trained, solvent=collected.study.get("solvent", trained.solvent)).to_json()
    return card


def _trained_on(data: dict[str, Any]) -> TrainedOn | None:
    """The molecules of the training, by the sequences, forms and MD of a card; None without any."""
    sequences = data["peptides"].get("train", {}).get("sequences")
    if not sequences or not data["forms"]:
        return None
    solvents = {each["solvent"] for each in data["md"].get("train", {}).get("settings", []) if "solvent" in each}
    letters = {letter for sequence in sequences for letter in sequence}
    return TrainedOn(
        tuple(sorted({len(sequence) for sequence in sequences})),
        tuple(sorted(THREE_LETTER[letter] for letter in letters if letter in THREE_LETTER)),
        tuple(data["forms"]),
        solvent=solvents.pop() if len(solvents) == 1 else None,
    )


def _card(collected: Collected, shipped: dict[str, Any]) -> dict[str, Any]:
    study, training = collected.study, collected.training.get(collected.model)
    overtaken = {name: collected.overtaken(name, "backbone") for name in collected.records["comparison"]}
    stages = compute_stages(collected)
    return {
        "title": TITLE,
        "license": "MIT",
        "use": usage(collected.folder.name),
        "file": shipped,
        "data": {
            "dataset": study["dataset"],
            "forms": study["forms"],
            "trained_on": collected.trained_on(collected.model),
            "peptides": {
                split: {"count": len(names), "sequences": sorted(names.values())}
                for split, names in study["peptides"].items()
            },
            "md": {
                split: {key: md[key] for key in ("ns", "frames", "platforms", "settings")}
                for split, md in study["md"].items()
            },
        },
        "settings": training
        and {
            "network": training["network"],
            "training": training["training"],
            "parameters": training["parameters"],
            "initial": training.get("initial"),
            "steps": training["steps"],
            "best_step": training["best_step"],
            "validation_loss": training["best_validation_loss"],
            "loss": training["loss"],
            "sampling": collected.sampler,
        },
        "metrics": {
            "peptides": list(study["peptides"]["test"]),
            "unseen": collected.unseen,
            "interval": "95 % over peptides, Student's t",
            "md_self_distance": "between the MD's halves, between its replicas, or of all of it (md)",
            "entries": _metrics(collected),
        },
        "wall_clock": {
            "md_overtakes_backbone_seconds": {
                name: one.reason if one.seconds is None else one.seconds for name, one in overtaken.items()
            },
            "median_seconds": median(one.seconds for one in overtaken.values()),
        },
        "limits": limits(collected),
        "compute": None if stages is None else stages.drop(columns="unmeasured").round(4).to_dict("records"),
        "provenance": {
            "training": (training or {}).get("provenance"),
            "evaluation": sorted(
                {record["provenance"]["jamun"] for record in collected.records["comparison"].values()}
            ),
        },
    }


def _metrics(collected: Collected) -> list[dict[str, Any]]:
    own, entries = collected.own, []
    for target in targets_of(collected.study["dataset"]):
        found = target.over(own.get(target.key, []))
        if found.value is not None or target.value is not None:
            verdict = target.verdict(found)
            entries.append(
                {
                    "metric": target.key,
                    "name": target.name,
                    "mean": found.value,
                    "low": found.low,
                    "high": found.high,
                    "peptides": found.count,
                    "md_self_distance": collected.md_self_distance(target.key),
                    "target": None if target.value is None else f"{target.side} {target.value:g}",
                    "verdict": verdict and verdict.word,
                }
            )
    return entries


def usage(name: str) -> str:
    """The command that samples with the model of a study."""
    return "jamun sample --sequence WF" + ("" if name == DEFAULT_MODEL else f" --model {name}")


def limits(collected: Collected) -> list[str]:
    """What the model was not made for, or does not do well enough: sentences, each from the data."""
    study, training = collected.study, collected.training.get(collected.model)
    found = [*_residue_limits(study), *_md_limits(study)]
    if training:
        level = training["training"]
        sigma = level["sigma_range"] or [level["sigma"]]
        strangers = {one["model"] for one in lineage(training)[:-1]} - set(collected.training)
        if strangers:
            others = ", ".join(sorted(strangers))
            found.append(
                f"Its training began with the weights of earlier models: {others}. Their training peptides are not "
                "listed here."
            )
        levels = " to ".join(f"{one:g}" for one in sigma)
        found.append(f"Trained at sigma {levels} nm. Do not sample at other noise levels.")
    if not collected.unseen:
        found.append("Some test peptides were seen in training. So the metrics do not hold for new peptides.")
    for entry in _metrics(collected):
        if entry["verdict"] not in (None, MET):
            value = "no value" if entry["mean"] is None else f"{entry['mean']:.3g}"
            found.append(f"{entry['name']}: {value}. The study's target was {entry['target']}.")
    return found


def _residue_limits(study: dict[str, Any]) -> list[str]:
    """Sizes, residues and their places that training did not show."""
    letters = [*study["peptides"]["train"].values()]
    if not letters:
        return []
    sizes = sorted({len(sequence) for sequence in letters})
    residues = {letter for sequence in letters for letter in sequence}
    missing = [THREE_LETTER[letter] for letter in sorted(set(THREE_LETTER) - residues)]
    seen = ", ".join(THREE_LETTER.get(letter, letter) for letter in sorted(residues))
    found = [
        f"Trained on {' and '.join(study['forms'])} peptides of {' or '.join(map(str, sizes))} residues. Other "
        "lengths and ends are extrapolation.",
        *([f"Residues seen: {seen}; never seen: {', '.join(missing)}."] if missing else []),
    ]
    lacking = [
        f"{THREE_LETTER[letter]} at place {place + 1}"
        for place in range(sizes[-1])
        for letter in sorted(residues & set(THREE_LETTER))
        if letter not in {sequence[place] for sequence in letters if len(sequence) > place}
    ]
    return [*found, f"Not seen in training: {', '.join(lacking)}."] if lacking else found


def _md_limits(study: dict[str, Any]) -> list[str]:
    """Force field, solvent, temperature and protonation of the training MD."""
    md = study["md"].get("train") or next(iter(study["md"].values()))
    settings = md["settings"][0]
    if "forcefield" not in settings:
        return ["Trained on imported MD. Its samples follow the force field and the temperature of that MD."]
    return [
        f"Trained on MD with {settings['forcefield']}, {settings['solvent']} solvent, {settings['temperature']:g} K. "
        "Its samples have the errors of that MD. Other temperatures and solvents need other training.",
        f"Its training MD was {md['ns'] / md['peptides']:.3g} ns a peptide. It has not learned what "
        "that MD did not visit.",
    ]


def ship(results: Path, collected: Collected, target: Path) -> bool:
    """Write model.safetensors and card.json of the study's model into `target`, unless they are there already; whether
    the weights were written. The weights bring the settings that the study sampled with.

    The collection must be of this checkpoint: its samples name their checkpoint's SHA-256. Raises StudyError where they
    name another, CheckpointError for a file that is no checkpoint.
    """
    checkpoint = require(at(results, layout.MODEL["checkpoint"], model=collected.model), "trained model")
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    for peptide, record in collected.records["sampling"].items():
        if record["checkpoint"]["sha256"] != digest:
            raise StudyError(
                f"{checkpoint}: the samples of {peptide} were drawn with another checkpoint; finish the workflow and "
                "collect its results again."
            )
    load_denoiser(checkpoint)
    content = read_content(checkpoint) | {"sampling": collected.sampler or {}}
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), content, {})
        weights = (Path(folder) / WEIGHTS).read_bytes()
    written = write(target / WEIGHTS, weights)
    shipped = {"name": WEIGHTS, "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    write(target / CARD, make_card(collected, shipped))
    return written
