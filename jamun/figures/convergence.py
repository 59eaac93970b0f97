"""JS distance against the number of samples and against wall clock, for the sampler and MD (paper: figure 11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import EQUAL, FLOOR, SAMPLES, in_words, save, styled
from jamun.io.atomic import read_json

_GROUPS = {"backbone": "backbone torsions", "all": "all torsions", "ramachandran": "φ, ψ pairs"}
_AXES = {"frames": "samples or MD frames", "seconds": "wall clock (s)"}


def plot_convergence(result: dict[str, Any], settings: FigureSettings) -> Figure:
    """A row for number and for wall clock, a column a group of torsions; dashed: MD halves against each other."""
    curves = result["convergence"]
    halves = result["baselines"]["md_halves"]
    with styled():
        figure, axes = plt.subplots(2, len(_GROUPS), figsize=(7.6, 4.6), squeeze=False, sharey="col")
        for row, (axis, label) in enumerate(_AXES.items()):
            for column, (group, title) in enumerate(_GROUPS.items()):
                panel = axes[row, column]
                drawn = False
                for name, colour, words in (("md", EQUAL, "MD"), ("samples", SAMPLES, f"JAMUN ({result['model']})")):
                    points = [
                        (x, y)
                        for x, y in zip(curves[name][axis], curves[name][group], strict=True)
                        if x is not None and y is not None
                    ]
                    if points:
                        panel.plot(*zip(*points, strict=True), "o-", color=colour, markersize=3, label=words)
                        drawn = True
                floor = halves[group]
                if floor and floor["value"] is not None:
                    panel.axhline(
                        floor["value"], color=FLOOR, linestyle="--", linewidth=1, label="MD, half against half"
                    )
                if drawn:
                    panel.set_xscale("log")
                else:
                    in_words(panel, "no value for this peptide")
                panel.set_xlabel(label)
                panel.set_ylim(bottom=0)
                if row == 0:
                    panel.set_title(title)
                if column == 0:
                    panel.set_ylabel("JS distance to all MD")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.suptitle(f"{result['peptide']}: convergence", fontsize=11, fontweight="bold")
    return figure


def convergence_to_files(result: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's curves from evaluation's file."""
    with styled():
        save(plot_convergence(read_json(result), settings), settings, png, pdf)
