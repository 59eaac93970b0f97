"""JS distance against the number of samples and against wall clock, for the sampler and MD (paper: figure 11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import EQUAL, FLOOR, SAMPLES, below_legend, headline, in_words, save, styled
from jamun.io.atomic import read_json

_GROUPS = {"backbone": "backbone torsions", "all": "all torsions", "ramachandran": "φ, ψ pairs"}
_AXES = {
    "frames": ("samples or MD frames", "no value for this peptide"),
    "seconds": ("wall clock (s)", "wall clock not recorded"),
}
_SERIES = {"md": (EQUAL, "o", "MD, first frames"), "samples": (SAMPLES, "s", "JAMUN, first samples")}
_FLOOR = "MD, half against half"


def plot_convergence(result: dict[str, Any], settings: FigureSettings) -> Figure:
    """JS distance to all MD of the first frames of each: a row over their number, a row over wall clock.

    A column a group of torsions. Dashed: the first half of the MD against the second, the distance that sampling noise
    alone leaves. The MD's own curve ends at 0, since at its end it is the reference.
    """
    curves, halves = result["convergence"], result["baselines"]["md_halves"]
    with styled():
        figure, axes = plt.subplots(2, len(_GROUPS), figsize=(7.8, 5.0), sharey=True, layout="constrained")
        figure.get_layout_engine().set(h_pad=0.08, w_pad=0.06)
        entries: dict[str, object] = {}
        for row, (axis, (label, nothing)) in enumerate(_AXES.items()):
            for column, (group, title) in enumerate(_GROUPS.items()):
                panel = axes[row, column]
                for name, (colour, marker, words) in _SERIES.items():
                    points = [
                        point
                        for point in zip(curves[name][axis], curves[name][group], strict=True)
                        if None not in point and point[0] > 0
                    ]
                    if points:
                        x, y = zip(*points, strict=True)
                        (entries[words],) = panel.plot(x, y, marker=marker, color=colour, markersize=3.5)
                        panel.set_xscale("log")
                floor = (halves[group] or {}).get("value")
                if panel.lines and floor is not None:
                    entries[_FLOOR] = panel.axhline(floor, color=FLOOR, linestyle="--", linewidth=1.2, zorder=1)
                elif not panel.lines:
                    in_words(panel, nothing)
                    panel.set_xticks([])
                panel.set_xlabel(label)
                if row == 0:
                    panel.set_title(title)
                if column == 0:
                    panel.set_ylabel("JS distance to all MD")
        axes[0, 0].set_ylim(bottom=0)
        below_legend(figure, entries)
        headline(figure, f"{result['peptide']}, model {result['model']}: convergence")
    return figure


def convergence_to_files(result: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's curves from evaluation's file (JSON)."""
    with styled():
        save(plot_convergence(read_json(result), settings), settings, png, pdf)
