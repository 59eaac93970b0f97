"""Where the model fails: which torsions, basins, stereocentres and bonds."""

from __future__ import annotations

from typing import Any

from jamun.evaluation.tables import DASH
from jamun.study import failures as worst
from jamun.study import text
from jamun.study.collected import Collected

_MOST = 10
_MOST_BASINS = 40


def _basin_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            row["peptide"],
            text.residue(row),
            text.degrees(row["phi"]),
            text.degrees(row["psi"]),
            f"{row['free_energy']:.2f}",
            text.number(row["md"], "share"),
            text.number(row["samples"], "share"),
        ]
        for row in rows
    ]
    return text.table(["peptide", "residue", "φ", "ψ", "free energy, kcal/mol", "MD", "samples"], cells, texts=2)


def _stopped(sampling: dict[str, Any] | None) -> str:
    return DASH if sampling is None else f"{sampling['chains_stopped']['count']} of {sampling['chains']}"


def failures(collected: Collected) -> str:
    """The section: the worst of each kind over all test peptides, and every basin that was never visited."""
    comparisons, physical = collected.records["comparison"], collected.records["physicality"]
    parts = ["## Where it fails"]
    torsions = worst.worst_torsions(comparisons, _MOST)
    parts += [
        f"The {len(torsions)} torsions farthest from the MD, of all peptides:",
        text.table(
            ["peptide", "residue", "torsion", "JS"],
            [[row["peptide"], text.residue(row), row["kind"], text.of_estimate(row["js"])] for row in torsions],
            texts=3,
        ),
    ]
    if not physical:
        return "\n\n".join([*parts, "Physicality was not evaluated."])
    basins = worst.basins(physical)
    missed = worst.never_visited(basins)
    parts.append(f"Basins never visited: {len(missed)} of {len(basins)}.")
    if missed:
        more = f" The {_MOST_BASINS} most populated:" if len(missed) > _MOST_BASINS else ""
        parts[-1] += more
        parts.append(_basin_table(missed[:_MOST_BASINS]))
    wrong = worst.misjudged(basins, _MOST)
    if wrong:
        parts += [f"The {len(wrong)} basins whose populations are farthest from the MD's:", _basin_table(wrong)]
    return "\n\n".join([*parts, *_geometry(collected)])


def _geometry(collected: Collected) -> list[str]:
    """Broken and inverted samples: of which peptides, at which stereocentres and bonds."""
    physical, parts = collected.records["physicality"], []
    shares = worst.broken_peptides(physical)
    parts.append(
        text.table(
            ["peptide", "broken", "inverted", "clashing", "chains stopped"],
            [
                [
                    row["peptide"],
                    *(text.number(row[name], "share") for name in ("broken", "inverted", "clash")),
                    _stopped(collected.records["sampling"].get(row["peptide"])),
                ]
                for row in shares
            ],
        )
    )
    centres = worst.inverted_centres(physical, _MOST)
    if centres:
        rows = [
            [row["peptide"], row["label"], text.number(row["samples"], "share"), text.number(row["md"], "share")]
            for row in centres
        ]
        parts += [
            "Stereocentres with most samples of the wrong sign:",
            text.table(["peptide", "centre", "samples", "MD"], rows, texts=2),
        ]
    else:
        parts.append("No sample of any peptide has a stereocentre of the wrong sign.")
    bonds = worst.worst_bonds(physical, _MOST)
    if bonds:
        rows = [
            [
                row["peptide"],
                row["label"],
                *(f"{1e3 * row[f'{side}_mean']:.1f} ± {1e3 * row[f'{side}_sd']:.1f}" for side in ("samples", "md")),
                f"{1e3 * row['w1']:.2f}",
            ]
            for row in bonds
        ]
        names = ["peptide", "bond", "samples, pm", "MD, pm", "W1, pm"]
        parts += ["Bonds whose lengths differ most, mean ± standard deviation:", text.table(names, rows, texts=2)]
    return parts
