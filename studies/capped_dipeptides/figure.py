"""JS against wall clock of the model and of MD on as many cores, a panel a test peptide, and where MD overtakes."""

from __future__ import annotations

import io
import math

import matplotlib.pyplot as plt
from collected import Collected
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from overtaking import AT_ONCE
from tables import GROUPS

from jamun.config.figures import FigureSettings
from jamun.figures.style import EQUAL, SAMPLES, below_legend, headline, in_words, styled

_COLUMNS = 4


def _panel(panel: Axes, collected: Collected, peptide: str, group: str) -> tuple[dict[str, object], bool]:
    """Draw one peptide; the legend's entries, and whether the MD is held against other MD."""
    samples, md, independent = collected.curves(peptide, group)
    entries: dict[str, object] = {}
    for (seconds, js), colour, marker, words in (
        (md, EQUAL, "o", "MD, first frames"),
        (samples, SAMPLES, "s", "model, first samples"),
    ):
        if len(seconds):
            (entries[words],) = panel.plot(seconds, js, color=colour, marker=marker, markersize=3)
    if not panel.lines:
        in_words(panel, "wall clock not recorded")
        panel.set_xticks([])
        return entries, independent
    panel.set_xscale("log")
    if len(samples[0]) and len(md[0]) and samples[0][-1] < md[0][-1]:
        # What the overtaking is read against once all samples are drawn.
        panel.hlines(samples[1][-1], samples[0][-1], md[0][-1], color=SAMPLES, linewidth=1.0, linestyle=":")
    found = collected.overtaken(peptide, group)
    if found.seconds is not None:
        entries["MD overtakes the model"] = panel.axvline(found.seconds, color="#444444", linewidth=1.0, linestyle="--")
    elif found.reason == AT_ONCE:
        panel.text(0.98, 0.95, "MD ahead throughout", transform=panel.transAxes, ha="right", va="top", fontsize=8)
    return entries, independent


def plot_overtaking(collected: Collected, group: str = "backbone") -> Figure:
    """A panel a test peptide. Dotted: the distance that all samples have, held beyond their end; dashed: the wall clock
    from which MD is nearer."""
    peptides = list(collected.records["comparison"])
    columns = min(_COLUMNS, len(peptides))
    rows = math.ceil(len(peptides) / columns)
    with styled():
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(2.3 * columns + 0.9, 2.0 * rows + 1.2),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        entries: dict[str, object] = {}
        held = []
        for panel, peptide in zip(axes.flat, peptides, strict=False):
            drawn, independent = _panel(panel, collected, peptide, group)
            entries |= drawn
            held.append(independent)
            panel.set_title(peptide)
        for place, panel in enumerate(axes.flat):
            if place >= len(peptides):
                panel.set_axis_off()
            elif place + columns >= len(peptides):
                panel.set_xlabel("wall clock (s)")
        for panel in axes[:, 0]:
            panel.set_ylabel("JS distance to " + ("other MD" if all(held) else "MD"))
        axes[0, 0].set_ylim(bottom=0)
        below_legend(figure, entries)
        words = GROUPS[group] if "torsions" in GROUPS[group] else f"{GROUPS[group]} torsions"
        headline(figure, f"{words.capitalize()}: model and MD on the same cores")
    return figure


def overtaking_png(collected: Collected) -> io.BytesIO:
    """The figure as a PNG."""
    with styled():
        figure, drawn = plot_overtaking(collected), io.BytesIO()
        # Without the version of Matplotlib, so that the same data give the same bytes.
        figure.savefig(drawn, dpi=FigureSettings().dpi, metadata={"Software": None})
        plt.close(figure)
    return drawn
