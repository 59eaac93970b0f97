"""Ramachandran maps: all MD | MD cut to the sampler's wall clock | samples, a row a residue (paper: figures 8, 9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import (
    colormap,
    duration,
    free_energy,
    in_words,
    residue_label,
    save,
    simulated,
    square_degrees,
    styled,
)
from jamun.io.atomic import read_json, read_npz


def _titles(result: dict[str, Any]) -> list[str]:
    reference, samples = result["reference"], result["samples"]
    cut = result["baselines"]["md_equal_wall_clock"]["frames"]
    interval = reference["frame_interval_ps"]
    equal = f"\n{simulated(cut, interval)}, {cut:,} frames" if cut else ""
    return [
        f"MD\n{simulated(reference['frames'], interval)}, {reference['frames']:,} frames",
        f"MD in {duration(samples['seconds'])} of wall clock{equal}",
        f"JAMUN ({result['model']}) in {duration(samples['seconds'])}\n{samples['frames']:,} samples",
    ]


def plot_ramachandran(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi in kT above each panel's lowest bin, one colour scale for the figure."""
    rows = result["ramachandran"]
    edges = np.rad2deg(arrays["ramachandran_edges"])
    columns = [arrays[f"ramachandran_{name}"] for name in ("reference", "equal", "samples")]
    reason = result["baselines"]["md_equal_wall_clock"].get("reason")
    with styled():
        height = max(len(rows), 1)
        figure, axes = plt.subplots(height, 3, figsize=(7.6, 0.5 + 2.35 * height), squeeze=False)
        if not rows:
            for panel in axes.flat:
                in_words(panel, "no residue has both φ and ψ")
                square_degrees(panel)
        for row, residue in enumerate(rows):
            image = None
            distances = [None, residue["js_md_equal_wall_clock"], residue["js"]["value"]]
            for column, panel in enumerate(axes[row]):
                counts = columns[column][row]
                if counts.sum() == 0:
                    in_words(panel, f"none: {reason}" if column == 1 and reason else "no frames")
                else:
                    image = panel.pcolormesh(
                        edges,
                        edges,
                        free_energy(counts).T,
                        cmap=colormap(settings),
                        vmin=0,
                        vmax=settings.energy_max,
                        rasterized=True,
                    )
                if distances[column] is not None:
                    panel.text(
                        0.97,
                        0.04,
                        f"JS {distances[column]:.2f}",
                        transform=panel.transAxes,
                        ha="right",
                        fontsize=8,
                        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
                    )
                square_degrees(panel, labels=False)
                if row == height - 1:
                    panel.set_xlabel("φ (degrees)")
                else:
                    panel.set_xticklabels([])
                if column:
                    panel.set_yticklabels([])
            label = residue_label(residue["residue_name"], residue["residue"])
            axes[row, 0].set_ylabel(f"{label}\nψ (degrees)")
            if image is not None:
                bar = figure.colorbar(image, ax=axes[row].tolist(), pad=0.015, aspect=16)
                bar.set_label("free energy (kT)")
        for panel, title in zip(axes[0], _titles(result), strict=True):
            panel.set_title(title, fontsize=8.5)
        figure.suptitle(result["peptide"], fontsize=11, fontweight="bold")
    return figure


def ramachandran_to_files(result: Path, arrays: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's maps from evaluation's files."""
    with styled():
        save(plot_ramachandran(read_json(result), read_npz(arrays), settings), settings, png, pdf)
