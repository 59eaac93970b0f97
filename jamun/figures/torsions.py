"""Distributions of every torsion: MD, MD cut to the sampler's wall clock, and samples."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style

# Bins are joined until one holds so many frames on average, or so few bins are left.
_FRAMES_PER_BIN = 10
_FEWEST_BINS = 20
# Where there is no MD, the structure that the samples started from.
_START = {"color": style.REFERENCE, "linewidth": 1.0, "linestyle": (0, (3, 2))}


def join_bins(counts: np.ndarray) -> np.ndarray:
    """Counts (bins,) with neighbouring bins joined, as many to one as the number of frames needs.

    Exact sums, no smoothing: a hundred bins of forty frames are a fence of spikes that says nothing.
    """
    bins, frames = len(counts), counts.sum()
    wide_enough = [
        number
        for number in range(1, bins + 1)
        if bins % number == 0 and (number <= _FEWEST_BINS or frames >= _FRAMES_PER_BIN * number)
    ]
    return counts.reshape(max(wide_enough), -1).sum(1)


def density(counts: np.ndarray) -> np.ndarray:
    """Probability density (bins,) per degree of counts that cover the circle; zeros without counts."""
    return counts * len(counts) / (360.0 * max(counts.sum(), 1))


@style.styled()
def plot_torsions(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Probability density of each torsion, a row a residue, a column a kind, with the JS of samples and MD.

    `result` and `arrays` are evaluation's, counts (torsions, bins) on (-pi, pi); without MD they hold those of the
    samples alone, and where these started.
    """
    torsions = result["torsions"]
    residues = sorted({torsion["residue"] for torsion in torsions})
    kinds = [kind for kind in style.GREEK if any(torsion["kind"] == kind for torsion in torsions)]
    shape = max(len(residues), 1), max(len(kinds), 1)
    figure, axes = plt.subplots(
        *shape,
        figsize=(max(5.2, 0.6 + 1.8 * shape[1]), 0.95 + 1.4 * shape[0]),
        squeeze=False,
        layout="constrained",
    )
    style.set_pads(figure, 0.1, 0.05)
    entries: dict[str, Any] = {}
    for panel in axes.flat:
        panel.set_axis_off()
    if not torsions:
        style.in_words(axes[0, 0], "this molecule has no torsion")
    for row, torsion in enumerate(torsions):
        panel = axes[residues.index(torsion["residue"]), kinds.index(torsion["kind"])]
        panel.set_axis_on()
        for words, (name, looks) in style.SERIES.items():
            counts = arrays[f"torsion_{name}"][row] if f"torsion_{name}" in arrays else np.empty(0)
            if counts.any():
                joined = join_bins(counts)
                edges = np.linspace(-180, 180, len(joined) + 1)
                # An open line has no legs at the ends: the circle goes on there.
                baseline = 0 if looks.get("fill") else None
                entries[words] = panel.stairs(density(joined), edges, baseline=baseline, **looks)
        if "start" in torsion:
            entries["start"] = panel.axvline(np.rad2deg(torsion["start"]), **_START)
        value = (torsion.get("js") or {}).get("value")
        label = f"{style.residue_label(torsion['residue_name'], torsion['residue'])} {style.GREEK[torsion['kind']]}"
        panel.set_title(label if value is None else f"{label}   JS {value:.2f}", fontsize=8.5)
        panel.set(xlim=(-180, 180), yticks=[])
        panel.set_ylim(bottom=0)
        style.degree_ticks(panel.xaxis, labelled=180)
        panel.spines["left"].set_visible(False)
    in_order = {words: entries[words] for words in (*style.SERIES, "start") if words in entries}
    style.below_legend(figure, in_order, "torsion (degrees); heights are probability densities")
    style.headline(figure, f"{result['peptide']}, model {result['model']}: torsions")
    return figure
