"""The test peptides one by one."""

from __future__ import annotations

from jamun.study import text
from jamun.study.collected import Collected

_PEPTIDE_COLUMNS = {
    "js_backbone": ("backbone", "distance"),
    "js_backbone_md_replicas": ("floor", "distance"),
    "js_side_chain": ("side chains", "distance"),
    "js_all": ("all torsions", "distance"),
    "js_all_md_replicas": ("floor", "distance"),
    "js_msm": ("MSM", "distance"),
    "basin_coverage": ("basins", "share"),
    "inverted": ("inverted", "share"),
    "broken": ("broken", "share"),
    "ms_per_sample": ("ms a sample", "number"),
}


def peptides(collected: Collected, links: str) -> str:
    """The section: a row and a figure a peptide."""
    own = collected.own
    columns = dict(_PEPTIDE_COLUMNS)
    lacking = "js_backbone_md_replicas" not in own or own["js_backbone_md_replicas"].isna().all()
    if lacking:
        columns = {key.replace("md_replicas", "md_halves"): value for key, value in columns.items()}
    rows = []
    for _, row in own.iterrows():
        cells = [str(row["peptide"])]
        for key, (_, kind) in columns.items():
            ends = [row.get(f"{key}_{end}") for end in ("low", "high")] if key.count("_md_") == 0 else [None, None]
            cells.append(text.with_interval(row.get(key), *ends, kind))
        rows.append(cells)
    floor = "halves" if lacking else "replicas"
    pictures = [
        text.figure(collected.figures, links, f"ramachandran/{peptide}.png", f"Ramachandran maps of {peptide}")
        for peptide in collected.study["peptides"]["test"]
    ]
    return "\n\n".join(
        filter(
            None,
            [
                "## Peptide by peptide",
                text.table(["peptide", *(name for name, _ in columns.values())], rows),
                f"JS distances and shares of samples, with 95 % intervals over chains and stretches of MD; floors are "
                f"those of the MD's {floor}.",
                *pictures,
            ],
        )
    )
