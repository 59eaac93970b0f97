"""JS distances of every peptide and model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import CYCLE, in_words, save, styled

_GROUPS = {
    "backbone": "backbone torsions",
    "side_chain": "side-chain torsions",
    "all": "all torsions",
    "ramachandran": "φ, ψ pairs",
}
_BASELINES = {
    "md_halves": ("MD, half against half", "_", "#7F7F7F"),
    "md_equal_wall_clock": ("MD at equal wall clock", "D", "#000000"),
}
# With more peptides than this, only means are drawn.
_MOST_PEPTIDES = 16


def plot_summary(summary: pd.DataFrame, settings: FigureSettings) -> Figure:
    """Bars of each model with 95 % intervals, a panel a group of torsions; marks: MD's own distances."""
    models = list(dict.fromkeys(summary["model"]))
    peptides = list(dict.fromkeys(summary["peptide"]))
    if len(peptides) == 2:  # one peptide and its "mean"
        peptides = peptides[:1]
    elif len(peptides) > _MOST_PEPTIDES:
        peptides = ["mean"]
    with styled():
        figure, axes = plt.subplots(
            2, 2, figsize=(max(6.4, 2.5 + 0.42 * len(peptides) * (len(models) + 1)), 5.4), sharey=True
        )
        places = np.arange(len(peptides))
        width = 0.8 / len(models)
        for panel, (group, title) in zip(axes.flat, _GROUPS.items(), strict=True):
            for number, model in enumerate(models):
                rows = summary[summary["model"] == model].set_index("peptide").reindex(peptides)
                value = rows[f"js_{group}"].to_numpy(float)
                x = places + (number - (len(models) - 1) / 2) * width
                panel.bar(x, np.nan_to_num(value), 0.92 * width, color=CYCLE[number % 8], label=f"JAMUN ({model})")
                below = np.clip(value - rows[f"js_{group}_low"].to_numpy(float), 0, None)
                above = np.clip(rows[f"js_{group}_high"].to_numpy(float) - value, 0, None)
                known = np.isfinite(below) & np.isfinite(above)
                panel.errorbar(
                    x[known],
                    value[known],
                    (below[known], above[known]),
                    fmt="none",
                    ecolor="black",
                    elinewidth=1,
                    capsize=2,
                )
                for name, (words, marker, colour) in _BASELINES.items():
                    baseline = rows[f"js_{group}_{name}"].to_numpy(float)
                    if np.isfinite(baseline).any():
                        size = 180 * width if marker == "_" else 18
                        panel.scatter(
                            x,
                            baseline,
                            s=size * 3 if marker == "_" else size,
                            marker=marker,
                            color=colour,
                            zorder=3,
                            label=words if number == 0 else None,
                        )
            if not np.isfinite(summary[f"js_{group}"].to_numpy(float)).any():
                in_words(panel, "none in these peptides")
            panel.set(title=title, xticks=places, xticklabels=peptides, xlim=(-0.6, len(peptides) - 0.4))
            panel.tick_params(axis="x", rotation=45 if len(peptides) > 6 else 0)
        for panel in axes[:, 0]:
            panel.set_ylabel("JS distance to MD")
        entries = {}
        for panel in axes.flat:
            handles, labels = panel.get_legend_handles_labels()
            entries |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in entries}
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4)
        figure.suptitle(f"{summary['dataset'].iloc[0]}: JS distances", fontsize=11, fontweight="bold")
    return figure


def summary_to_files(summary: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw the summary table."""
    with styled():
        save(plot_summary(pd.read_csv(summary, keep_default_na=True), settings), settings, png, pdf)
