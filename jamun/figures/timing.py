"""Time a sample takes against the size of the peptide."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jamun.config.figures import FigureSettings
from jamun.figures import style

# Milliseconds a sample in Table 1 of the paper, from its fastest to its slowest data set.
PAPER_MS = (2.06, 3.56)
_PAPER = f"JAMUN paper, one A100 (Table 1): {PAPER_MS[0]:g} to {PAPER_MS[1]:g} ms"
_MOST_NAMES = 12


@style.styled()
def plot_timing(table: pd.DataFrame, settings: FigureSettings) -> Figure:
    """A point a peptide and model, a colour a model, a marker a device; the paper's range as a band.

    `table` has the columns dataset, model, peptide, ms_per_sample, atoms (heavy) and device; rows without a time or
    atoms are left out, and said.
    """
    dataset = table["dataset"].iloc[0]
    known = table.dropna(subset=["ms_per_sample", "atoms"])
    models = list(dict.fromkeys(table["model"]))
    devices = list(dict.fromkeys(known["device"].fillna("device unknown")))
    figure, panel = plt.subplots(figsize=(6.0, 4.2), layout="constrained")
    entries: dict[str, object] = {}
    for (model, device), rows in known.groupby([known["model"], known["device"].fillna("device unknown")], sort=False):
        marker = style.MARKERS[devices.index(device) % len(style.MARKERS)]
        colour = style.MODELS[models.index(model) % len(style.MODELS)]
        entries[f"{model}, {device}"] = panel.plot(
            rows["atoms"], rows["ms_per_sample"], marker, color=colour, markeredgecolor="white", markersize=7
        )[0]
    entries[_PAPER] = panel.axhspan(*PAPER_MS, color=style.FLOOR, alpha=0.3, linewidth=0)
    panel.set(xlabel="heavy atoms", ylabel="time a sample (ms)", yscale="log")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    values = [*PAPER_MS, *known["ms_per_sample"]]
    panel.set_ylim(min(values) / 1.6, max(values) * 1.6)
    style.log_ticks(panel.yaxis)
    if known.empty:
        panel.set(xticks=[], xlim=(0, 1))
        style.in_words(panel, "no time and number of atoms on record", 60)
    else:
        _label(panel, known)
    lacking = len(table) - len(known)
    what = f"{dataset}: time of sampling against size"
    style.headline(figure, f"{what}; {lacking} of {len(table)} not on record" if 0 < lacking < len(table) else what)
    style.below_legend(figure, entries)
    return figure


def _label(panel: Axes, known: pd.DataFrame) -> None:
    """Names of peptides above their slowest point, where there are few of them and few atoms apart."""
    low, high = known["atoms"].min(), known["atoms"].max()
    panel.set_xlim(low - max(2, 0.12 * (high - low)), high + max(2, 0.12 * (high - low)))
    places = known.groupby("atoms")
    apart = np.diff(sorted(known["atoms"].astype(float).unique()))
    if known["peptide"].nunique() > _MOST_NAMES or (apart < 0.06 * (high - low)).any():
        return
    for atoms, rows in places:
        names = list(dict.fromkeys(rows["peptide"]))
        words = ", ".join(names) if len(names) <= 2 else f"{len(names)} peptides"
        panel.annotate(
            words, (atoms, rows["ms_per_sample"].max()), (0, 6), textcoords="offset points", ha="center", fontsize=8
        )


def draw_timing(timing: Path, settings: FigureSettings) -> Figure:
    """Evaluation's table of what sampling took (CSV), drawn. Raises FigureError for one without rows."""
    return plot_timing(style.read_rows(timing, (), "the evaluation"), settings)
