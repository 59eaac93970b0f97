"""The page's section on what was varied: other models, their maps' symmetry, and settings of the sampler."""

from __future__ import annotations

import pandas as pd

from jamun.evaluation.tables import DASH
from jamun.study import text
from jamun.study.collected import Collected, by_peptide, means_of
from jamun.study.dataset import lineage, of_model, trained_on
from jamun.study.statistics import difference, mean

_DIFFERENCE = "js_backbone"


def ablations(collected: Collected, links: str) -> str:
    """All that was varied; a sentence where nothing was."""
    parts = [*_models(collected), *_symmetry(collected, links), *_sampling(collected, links)]
    return "\n\n".join(["## Ablations", *(parts or ["The study has one model and no ablation of its sampling."])])


def _models(collected: Collected) -> list[str]:
    """The models side by side on the same peptides."""
    if not collected.models_beside():
        return []
    plain = by_peptide(collected.summary, collected.model, _DIFFERENCE)
    rows = []
    for model in (collected.model, *collected.models_beside()):
        training = collected.training.get(model)
        own = of_model(collected.summary, model)
        settings = (training or {}).get("training", {})
        sigma = settings.get("sigma_range") or [settings.get("sigma")]
        change = difference(by_peptide(collected.summary, model, _DIFFERENCE), plain)
        rows.append(
            [
                model,
                training["network"]["hidden_irreps"] if training else DASH,
                f"{trained_on(training, collected.study):,}" if training else DASH,
                " + ".join(f"{one['steps']:,}" for one in lineage(training)) if training else DASH,
                " to ".join(f"{level:g}" for level in sigma) if training else DASH,
                f"{training['best_validation_loss']:.3f}" if training else DASH,
                *(text.of_mean(mean(own[key])) if key in own else DASH for key in ("js_backbone", "js_all", "js_msm")),
                DASH if model == collected.model else text.of_mean(change, signed=True),
                *(
                    text.number(mean(own[key]).value, "share") if key in own else DASH
                    for key in ("basin_coverage", "inverted", "broken")
                ),
            ]
        )
    names = ["model", "features", "training peptides", "steps", "sigma, nm", "validation loss", "JS backbone", "JS all"]
    names += ["JS MSM", f"JS backbone − {collected.model}", "basins", "inverted", "broken"]
    return [
        "Models on the same test peptides, means over them. Compare those trained for as many steps; the difference is "
        "of the same peptides, and its interval over them.",
        text.table(names, rows, texts=2),
    ]


def _symmetry(collected: Collected, links: str) -> list[str]:
    """How alike the maps of each model are to their mirror images; only interesting beside another model."""
    table = collected.mirror
    if table is None or not collected.models_beside():
        return []
    rows = []
    chiral = table[table["residue_name"] != "GLY"]
    for place, model in enumerate((collected.model, *collected.models_beside())):
        own = chiral[chiral["model"] == model]
        if own.empty:
            continue
        if not place:
            rows.append(["MD", *_symmetry_cells(own, "md")])
        rows.append([model, *_symmetry_cells(own, "samples")])
    pictures = [
        f"![Ramachandran maps of {peptide} by every model]({links}/figures/comparison/{peptide}.png)"
        for peptide in collected.study["peptides"]["test"]
        if (collected.figures / "comparison" / f"{peptide}.png").exists()
    ]
    return [
        "Mirror images: the JS distance of each residue's (φ, ψ) map to its own mirror image (−φ, −ψ), 0 of a "
        "symmetric map, and the share of frames with φ > 0, means over residues but glycine. A network of natural "
        "parity (1o) cannot tell the two apart.",
        text.table(["", "JS to the mirror image", "φ > 0"], rows),
        *pictures,
    ]


def _symmetry_cells(rows: pd.DataFrame, side: str) -> list[str]:
    return [
        text.number(mean(rows[f"js_mirror_{side}"]).value),
        text.number(mean(rows[f"positive_phi_{side}"]).value, "share"),
    ]


def _sampling(collected: Collected, links: str) -> list[str]:
    """Variants of the sampler's settings, from evaluation's table of the ablation."""
    if collected.ablation is None:
        return []
    kinds = {
        "js_backbone": ("JS backbone", "distance"),
        "js_all": ("JS all", "distance"),
        "ess_per_second": ("ESS a second", "number"),
        "ess_per_evaluation": ("ESS an evaluation", "number"),
        "broken": ("broken", "share"),
        "inverted": ("inverted", "share"),
        "ms_per_sample": ("ms a sample", "number"),
    }
    means = means_of(collected.ablation)
    shown = {key: value for key, value in kinds.items() if key in means}
    rows = []
    for _, row in means.iterrows():
        variant = collected.ablation[
            (collected.ablation["variant"] == row["variant"]) & ~collected.ablation.index.isin(means.index)
        ]
        found = {key: mean(variant[key]) for key in shown}
        change = mean(variant["js_backbone_change"]) if "js_backbone_change" in variant else None
        differs = row["differs"] if isinstance(row["differs"], str) else ""
        rows.append(
            [
                str(row["variant"]),
                differs or "nothing",
                *(text.of_mean(found[key], kind) for key, (_, kind) in shown.items()),
                DASH if change is None or not differs else text.of_mean(change, signed=True),
            ]
        )
    samples = sorted({int(count) for count in collected.ablation["samples"]})
    picture = collected.figures / "ablation.png"
    return [
        f"Settings of the sampler, {' or '.join(f'{count:,}' for count in samples)} samples a peptide, means over the "
        "test peptides; an evaluation is one structure seen by the network.",
        text.table(
            ["variant", "differs in", *(name for name, _ in shown.values()), "change of JS backbone"], rows, texts=2
        ),
        *([f"![Ablation of the sampler's settings]({links}/figures/ablation.png)"] if picture.exists() else []),
    ]
