"""What was run: peptides, their MD, the model, its samples."""

from __future__ import annotations

from jamun.evaluation.tables import DASH, duration
from jamun.io.text import plural
from jamun.study import text
from jamun.study.collected import Collected
from jamun.study.dataset import lineage, trained_on


def head(collected: Collected) -> str:
    """The title and the section under it."""
    study, training = collected.study, collected.training.get(collected.model)
    rows = []
    for split, md in study["md"].items():
        settings = md["settings"][0]
        what = [settings.get("forcefield"), f"{settings['solvent']} solvent" if "solvent" in settings else "imported"]
        what += [f"{settings['temperature']:g} K"] if "temperature" in settings else []
        each = study["test_md"] if split == "test" else {}
        replicas = sorted({one["replicas"] for one in each.values()}) or [settings.get("replicas", 1)]
        rows.append(
            [
                split,
                f"{md['peptides']:,}",
                text.nanoseconds(md["ns"]),
                ", ".join(str(count) for count in replicas),
                ", ".join(filter(None, what)) + ("" if len(md["settings"]) == 1 else " (settings differ)"),
                ", ".join(md["platforms"]),
                DASH if md["wall_hours"] is None else duration(3600 * md["wall_hours"]),
            ]
        )
    names = ["split", "peptides", "MD in all", "replicas each", "MD", "platform", "wall clock"]
    parts = [
        f"# Results of {study['dataset']}",
        f"Model `{collected.model}`, judged on {plural(len(study['peptides']['test']), 'test peptide')}: "
        f"{', '.join(study['peptides']['test'])}. "
        + (
            "None of their sequences is in training or validation."
            if collected.unseen()
            else "**Some of their sequences are in training or validation.**"
        ),
        text.table(names, rows),
    ]
    if training:
        *before, _ = lineage(training)
        # Older records do not tell; those were of processors.
        device = training.get("device", "cpu")
        on = plural(training["threads"], "thread") if device == "cpu" else f"one {device}"
        frames = ", its frames reweighted (`features.reweighting`)" if training.get("reweighted_frames") else ""
        begun = [f"`{one['model']}`, of {one['steps']:,} steps ({duration(one['seconds'])})" for one in before]
        parts.append(
            f"The model: {training['network']['hidden_irreps']}, {training['parameters']:,} parameters, sigma "
            f"{training['training']['sigma']:g} nm, trained on {trained_on(training, study)} peptides{frames} for "
            f"{training['steps']:,} steps of {training['training']['batch_size']} frames "
            f"({duration(training['seconds'])} on {on})"
            + (f" from the weights of {', before it '.join(reversed(begun))}" if begun else "")
            + "; "
            f"validation loss {training['best_validation_loss']:.3f} of 3 sigma^2 at step {training['best_step']:,}."
        )
    else:
        parts.append("The model was brought as a checkpoint; how it was trained is not in the results.")
    drawn = sorted({record["samples"]["generated"] for record in collected.records["sampling"].values()})
    if drawn:
        parts.append(
            f"Samples a peptide: {', '.join(f'{count:,}' for count in drawn)}. "
            "Every metric: [evaluation.md](evaluation.md)."
        )
    return "\n\n".join(parts)
