"""Macrostates over the free-energy map, their populations, and implied timescales (paper: Appendix A)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import CYCLE, EQUAL, REFERENCE, SAMPLES, free_energy, in_words, save, square_degrees, styled
from jamun.io.atomic import read_json, read_npz

# Maps are drawn for so many macrostates at most; the bars show all.
_MOST_MAPS = 10


def _nothing(peptide: str, reason: str) -> Figure:
    figure, axes = plt.subplots(figsize=(5.5, 2.2))
    in_words(axes, f"No Markov state model: {reason}.")
    axes.set_axis_off()
    figure.suptitle(f"{peptide}: macrostates", fontsize=11, fontweight="bold")
    return figure


def _shade(counts: np.ndarray, colour: str) -> np.ndarray:
    """An RGBA image (bins, bins, 4) of a macrostate: one colour, denser bins more opaque."""
    energy = free_energy(counts)
    alpha = np.where(np.isfinite(energy), 1.0 - 0.6 * np.clip(np.nan_to_num(energy) / 5.0, 0, 1), 0.0)
    image = np.empty((*counts.shape, 4))
    image[..., :3] = to_rgb(colour)
    image[..., 3] = alpha
    return image.transpose(1, 0, 2)


def plot_msm(result: dict[str, Any], arrays: dict[str, np.ndarray], peptide: str, settings: FigureSettings) -> Figure:
    """For each residue a row of maps, one a macrostate: grey, where MD goes; colour, the macrostate's MD frames; dots,
    where samples fall in it. Below: populations, and implied timescales in frames."""
    with styled():
        if result["status"] != "ok":
            return _nothing(peptide, result["reason"])
        states = result["macrostates"]
        shown = min(len(states), _MOST_MAPS)
        labels = [str(label) for label in arrays["residue_labels"]]
        reference, samples = arrays["ramachandran_reference"], arrays["ramachandran_samples"]
        edges = np.rad2deg(arrays["ramachandran_edges"])
        centres = (edges[:-1] + edges[1:]) / 2
        rows = len(labels)
        figure = plt.figure(figsize=(max(7.2, 0.6 + 1.5 * shown), 0.9 + 1.75 * rows + 2.3))
        top, bottom = figure.subfigures(2, 1, height_ratios=[0.6 + 1.75 * rows, 2.3])
        maps = top.subplots(max(rows, 1), shown, squeeze=False, sharex=True, sharey=True)
        for row in range(rows):
            everywhere = reference[:, row].sum(0) > 0
            for state in range(shown):
                panel = maps[row, state]
                background = np.where(everywhere, 0.82, np.nan).T
                panel.pcolormesh(edges, edges, background, cmap="gray", vmin=0, vmax=1, rasterized=True)
                panel.imshow(
                    _shade(reference[state, row], CYCLE[state % 7]),
                    extent=(-180, 180, -180, 180),
                    origin="lower",
                    interpolation="nearest",
                )
                phi, psi = np.nonzero(samples[state, row])
                panel.plot(centres[phi], centres[psi], ".", color="black", markersize=1.2, alpha=0.6, rasterized=True)
                square_degrees(panel, labels=False)
                panel.set(xticks=[-180, 0, 180], yticks=[-180, 0, 180])
                if row == 0:
                    panel.set_title(f"state {state + 1}\n{100 * states[state]['population']:.0f} %", fontsize=8.5)
                if row == rows - 1:
                    panel.set_xlabel("φ (degrees)", fontsize=8)
                if state == 0:
                    panel.set_ylabel(f"{labels[row]}\nψ (degrees)")
        figure.suptitle(f"{peptide}: macrostates", fontsize=11, fontweight="bold")
        bars, scales = bottom.subplots(1, 2, width_ratios=[1.5, 1])
        places = np.arange(len(states))
        series = (
            ("population", "MSM, stationary", REFERENCE),
            ("reference_occupancy", "MD frames", EQUAL),
            ("samples_occupancy", "samples", SAMPLES),
        )
        for offset, (key, words, colour) in zip((-0.27, 0, 0.27), series, strict=True):
            bars.bar(places + offset, [100 * state[key] for state in states], 0.26, color=colour, label=words)
        distance = result["js"]["value"]
        title = "" if distance is None else f"JS of occupancies {distance:.2f}"
        bars.set(xticks=places, xticklabels=[str(p + 1) for p in places], xlabel="macrostate", ylabel="share (%)")
        bars.set_title(title)
        bars.legend()
        lags = result["implied_timescales"]["lags"]
        if lags:
            values = np.array(result["implied_timescales"]["timescales"], dtype=float)
            for process in range(values.shape[1]):
                scales.plot(lags, values[:, process], "o-", markersize=3, color=CYCLE[process % 7])
            scales.fill_between(lags, lags, scales.get_ylim()[0], color="0.9", linewidth=0)
            scales.axvline(result["settings"]["lag"], color=REFERENCE, linestyle=":", linewidth=1)
            scales.set(yscale="log", xlabel="lag time (frames)", ylabel="implied timescale (frames)")
            scales.set_title("dotted: the lag time used")
        else:
            in_words(scales, "too few frames for implied timescales")
    return figure


def msm_to_files(result: Path, arrays: Path, peptide: str, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's macrostates from the MSM's files."""
    with styled():
        save(plot_msm(read_json(result), read_npz(arrays), peptide, settings), settings, png, pdf)
