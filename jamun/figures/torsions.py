"""Distributions of every torsion: MD and samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import EQUAL, GREEK, REFERENCE, SAMPLES, residue_label, save, styled
from jamun.io.atomic import read_json, read_npz

_KINDS = ("phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5")


def _density(counts: np.ndarray, width: float) -> np.ndarray:
    return counts / max(counts.sum(), 1) / width


def plot_torsions(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Probability density per degree of each torsion, a row a residue, a column a kind."""
    torsions = result["torsions"]
    residues = sorted({torsion["residue"] for torsion in torsions})
    kinds = [kind for kind in _KINDS if any(torsion["kind"] == kind for torsion in torsions)]
    edges = np.rad2deg(arrays["torsion_edges"])
    width = edges[1] - edges[0]
    with styled():
        shape = (max(len(residues), 1), max(len(kinds), 1))
        figure, axes = plt.subplots(
            *shape, figsize=(1.0 + 1.75 * shape[1], 0.8 + 1.45 * shape[0]), squeeze=False, sharex=True
        )
        for panel in axes.flat:
            panel.set_visible(False)
        for row, torsion in enumerate(torsions):
            place = residues.index(torsion["residue"])
            panel = axes[place, kinds.index(torsion["kind"])]
            panel.set_visible(True)
            reference = _density(arrays["torsion_reference"][row], width)
            panel.stairs(reference, edges, fill=True, color=REFERENCE, alpha=0.25, label="MD")
            if arrays["torsion_equal"][row].sum():
                equal = _density(arrays["torsion_equal"][row], width)
                panel.stairs(equal, edges, color=EQUAL, linewidth=0.8, label="MD at equal wall clock")
            samples = _density(arrays["torsion_samples"][row], width)
            panel.stairs(samples, edges, color=SAMPLES, linewidth=1.2, label=f"JAMUN ({result['model']})")
            label = residue_label(torsion["residue_name"], torsion["residue"])
            value = torsion["js"]["value"]
            distance = "" if value is None else f"   JS {value:.2f}"
            panel.set_title(f"{label} {GREEK[torsion['kind']]}{distance}", fontsize=8)
            # Above the tallest bar of either: a single narrow peak must not leave the frame.
            panel.set(
                xlim=(-180, 180),
                xticks=[-180, 0, 180],
                yticks=[],
                ylim=(0, 1.08 * max(reference.max(), samples.max(), 1e-9)),
            )
            panel.tick_params(labelbottom=True)
            panel.spines["left"].set_visible(False)
        handles, labels = max((panel.get_legend_handles_labels() for panel in axes.flat), key=lambda pair: len(pair[1]))
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
        figure.suptitle(f"{result['peptide']}: torsions", fontsize=11, fontweight="bold", x=0.02, ha="left")
        figure.supxlabel("torsion (degrees); heights are probability densities", fontsize=9)
    return figure


def torsions_to_files(result: Path, arrays: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's torsions from evaluation's files."""
    with styled():
        save(plot_torsions(read_json(result), read_npz(arrays), settings), settings, png, pdf)
