"""JS distances of every peptide and model."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.peptides.splits import NAME_OF_MEANS

_GROUPS = {
    "backbone": "backbone torsions",
    "side_chain": "side-chain torsions",
    "all": "all torsions",
    "ramachandran": "φ, ψ pairs",
}
_FLOOR, _EQUAL = "MD, half against half", "MD at equal wall clock"
# With more peptides than this, means are drawn, and each peptide as a dot.
_MOST_PEPTIDES = 16
_EDGE = (patheffects.withStroke(linewidth=3.2, foreground="white"),)


def _column(table: pd.DataFrame, keys: list[tuple[str, str]], name: str) -> np.ndarray:
    """Values (keys,) of a column `name`, with {} for the group, at (peptide, group); NaN where absent."""
    values = []
    for peptide, group in keys:
        column = name.format(group)
        present = peptide in table.index and column in table.columns
        values.append(table.at[peptide, column] if present else np.nan)
    return np.array(values, dtype=float)


def _draw(panel: Axes, tables: dict[str, pd.DataFrame], keys: list[tuple[str, str]], dots: bool) -> dict[str, object]:
    """Bars of each model at each (peptide, group), and MD's own distances as marks; returns the legend's entries."""
    entries: dict[str, object] = {}
    places = np.arange(len(keys))
    width = 0.8 / len(tables)
    for number, (model, table) in enumerate(tables.items()):
        value = _column(table, keys, "js_{}")
        x = places + (number - (len(tables) - 1) / 2) * width
        colour = style.MODELS[number % len(style.MODELS)]
        if np.isfinite(value).any():
            entries[model] = panel.bar(x, np.nan_to_num(value), 0.9 * width, color=colour, alpha=0.85)
        low, high = (_column(table, keys, f"js_{{}}_{end}") for end in ("low", "high"))
        style.intervals(panel, x, value, low, high, ecolor="black", capsize=min(4.0, 16 * width), zorder=4)
        if dots:
            peptides = [peptide for peptide in table.index if peptide != NAME_OF_MEANS]
            # Spread across the bar in the order of the table, so that the same data give the same picture.
            offsets = np.linspace(-0.3, 0.3, len(peptides)) * width
            for place, (_, group) in zip(x, keys, strict=True):
                own = _column(table, [(peptide, group) for peptide in peptides], "js_{}")
                entries["one peptide"] = panel.scatter(
                    place + offsets, own, s=7, color="white", edgecolors="0.25", linewidths=0.6, zorder=3
                )
        floor = _column(table, keys, "js_{}_md_halves")
        if np.isfinite(floor).any():
            entries[_FLOOR] = panel.hlines(
                floor,
                x - 0.45 * width,
                x + 0.45 * width,
                color="black",
                linewidth=1.6,
                path_effects=_EDGE,
                zorder=5,
            )
        equal = _column(table, keys, "js_{}_md_equal_wall_clock")
        if np.isfinite(equal).any():
            entries[_EQUAL] = panel.scatter(
                x,
                equal,
                s=np.clip(85 * width, 14, 34),
                marker="D",
                color="black",
                edgecolors="white",
                linewidths=0.8,
                zorder=6,
            )
    return entries


def _axes(panel: Axes, names: list[str], turned: bool) -> None:
    panel.set(xticks=np.arange(len(names)), xlim=(-0.6, len(names) - 0.4))
    panel.set_xticklabels(names, rotation=90 if turned else 0)
    panel.tick_params(axis="x", length=0)


@style.styled()
def plot_summary(summary: pd.DataFrame, settings: FigureSettings) -> Figure:
    """Bars of each model with 95 % intervals; marks: MD's own distances.

    A panel a group of torsions and bars over peptides; for one peptide, or more than fit, one panel with the groups
    side by side, of that peptide or of the means. `summary` is evaluation's table, with rows of means.
    """
    models = list(dict.fromkeys(summary["model"]))
    peptides = [peptide for peptide in dict.fromkeys(summary["peptide"]) if peptide != NAME_OF_MEANS]
    tables = {model: summary[summary["model"] == model].set_index("peptide") for model in models}
    dataset = summary["dataset"].iloc[0]
    if len(peptides) == 1 or len(peptides) > _MOST_PEPTIDES:
        figure, panel = plt.subplots(figsize=(max(6.0, 2.6 + 1.0 * len(models)), 4.0), layout="constrained")
        shown = peptides[0] if len(peptides) == 1 else NAME_OF_MEANS
        keys = [(shown, group) for group in _GROUPS]
        entries = _draw(panel, tables, keys, dots=len(peptides) > 1)
        _axes(panel, list(_GROUPS.values()), turned=False)
        panel.set_ylim(bottom=0)
        panel.set_ylabel("JS distance to MD")
        empty = [
            place
            for place, key in enumerate(keys)
            if not any(np.isfinite(_column(table, [key], "js_{}")).any() for table in tables.values())
        ]
        for place in empty:
            panel.text(place, 0.01, "none", ha="center", fontsize=8, transform=panel.get_xaxis_transform())
        what = shown if len(peptides) == 1 else f"means of {len(peptides)} peptides"
    else:
        names = [*peptides, NAME_OF_MEANS]
        across = 1.3 + max(0.17 * len(names) * (len(models) + 0.6), 2.3)
        figure, axes = plt.subplots(
            2, 2, figsize=(min(2 * across, 14.0), 5.8), sharex=True, sharey=True, layout="constrained"
        )
        style.set_pads(figure, 0.06, 0.08)
        entries = {}
        turned = len(names) > 7 or max(map(len, names)) > 5
        for panel, (group, title) in zip(axes.flat, _GROUPS.items(), strict=True):
            drawn = _draw(panel, tables, [(name, group) for name in names], dots=False)
            if drawn:
                panel.axvline(len(peptides) - 0.5, color="0.8", linewidth=0.8, zorder=0)
            else:
                style.in_words(panel, "none in these peptides")
            entries |= drawn
            panel.set_title(title)
            _axes(panel, names, turned)
        axes[0, 0].set_ylim(bottom=0)  # after all are drawn: it ends the automatic choice of the shared top
        for panel in axes[:, 0]:
            panel.set_ylabel("JS distance to MD")
        what = f"{len(peptides)} peptides"
    style.below_legend(figure, dict(sorted(entries.items(), key=lambda entry: entry[0] not in tables)))
    style.headline(figure, f"{dataset}: {what}")
    return figure


def draw_summary(summary: Path, settings: FigureSettings) -> Figure:
    """The summary table (CSV), drawn. Raises FigureError for a table without rows or without its columns."""
    table = style.read_rows(summary, ("dataset", "model", "peptide", "js_backbone"), "the evaluation")
    return plot_summary(table, settings)
