"""Ramachandran maps: all MD | MD cut to the sampler's wall clock | samples, a row a residue (paper: figures 8, 9)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import (
    colormap,
    duration,
    footnote,
    free_energy,
    headline,
    in_words,
    residue_label,
    save,
    simulated,
    square_degrees,
    square_panels,
    styled,
)
from jamun.io.atomic import read_json, read_npz

_SIDE = 1.9
# Maps of samples alone in one row, at most.
_MOST_BESIDE = 4


def _titles(result: dict[str, Any]) -> list[str]:
    reference, samples = result["reference"], result["samples"]
    interval = reference["frame_interval_ps"]

    def amount(frames: int | None) -> str:
        if frames is None:
            return ""
        return ", ".join(filter(None, [simulated(frames, interval), f"{frames:,} frames"]))

    drawn = f"{samples['frames']:,} samples"
    if samples["seconds"] is not None:
        drawn += f" in {duration(samples['seconds'])}"
    cut = result["baselines"]["md_equal_wall_clock"]["frames"]
    return [
        f"MD\n{amount(reference['frames'])}",
        f"MD at equal wall clock\n{amount(cut)}".rstrip(),
        f"{result['model'] or 'samples'}\n{drawn}",
    ]


def row_energies(counts: Sequence[np.ndarray], zero: Sequence[int] = (0, 2)) -> list[np.ndarray]:
    """Free energies (bins, bins) in kT of the maps of a row, from their counts: -ln p, one zero for all.

    The zero is the lowest bin of the maps at the places `zero`, so one colour is one probability throughout the row. Of
    MD, the cut MD and samples the cut does not set it: a handful of frames in as many bins looks like a deep minimum
    and would bleach the other two.
    """
    energies = [free_energy(panel) for panel in counts]
    lowest = [np.nanmin(energies[place]) for place in zero if counts[place].any()]
    return [energy - min(lowest, default=0.0) for energy in energies]


def _extend(energies: Sequence[np.ndarray], top: float) -> str:
    """Which ends of the colour bar get an arrow: those beyond which a bin lies."""
    values = np.concatenate([energy[np.isfinite(energy)] for energy in energies])
    below, above = bool((values < -1e-9).any()), bool((values > top).any())
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]


def _distance(panel: Axes, value: float | None) -> None:
    if value is None:
        return
    box = {"facecolor": "white", "alpha": 0.92, "edgecolor": "none", "pad": 1.5}
    panel.text(0.97, 0.035, f"JS {value:.2f}", transform=panel.transAxes, ha="right", fontsize=8, bbox=box, zorder=5)


def draw_row(
    figure: Figure,
    panels: Sequence[Axes],
    edges: np.ndarray,
    energies: Sequence[np.ndarray],
    distances: Sequence[float | None],
    nothing: Sequence[str],
    colours: Colormap,
    top: float,
) -> None:
    """One residue's maps with a colour bar to their right, up to `top` kT.

    `edges` in degrees; free energies (bins, bins) as [phi, psi] and their JS distances, where there are any; `nothing`
    is what an empty map says.
    """
    image = None
    for panel, energy, distance, words in zip(panels, energies, distances, nothing, strict=True):
        if np.isfinite(energy).any():
            image = panel.pcolormesh(edges, edges, energy.T, cmap=colours, vmin=0, vmax=top, rasterized=True)
        else:
            in_words(panel, words)
        _distance(panel, distance)
    if image is not None:
        place = panels[-1].inset_axes((1.07, 0.0, 0.065, 1.0))
        figure.colorbar(image, cax=place, extend=_extend(energies, top)).set_label("free energy (kT)")


def name_row(panel: Axes, residue: dict[str, Any]) -> None:
    """The residue of a row of maps, left of its first panel."""
    panel.text(
        -0.42,
        0.5,
        residue_label(residue["residue_name"], residue["residue"]),
        transform=panel.transAxes,
        rotation=90,
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
    )


@styled()
def plot_samples(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi of samples without MD, -ln p in kT above each map's lowest bin, a map a residue; a
    cross marks the structure that they started from.

    `result` and `arrays` are evaluation's, counts (residues, bins, bins) as [phi, psi], edges in radians. Raises
    FigureError for an unknown colour map.
    """
    residues = result["ramachandran"]
    edges = np.rad2deg(arrays["ramachandran_edges"])
    columns = int(np.clip(len(residues), 1, _MOST_BESIDE))
    rows = max(-(-len(residues) // columns), 1)
    colours = colormap(settings)
    figure, axes = square_panels(rows, columns, _SIDE, (0.34, 0.5), (0.8, 0.95, 0.5, 0.64))
    for panel in axes.flat[max(len(residues), 1) :]:
        panel.set_axis_off()
    if not residues:
        square_degrees(axes[0, 0])
        in_words(axes[0, 0], "no residue has both φ and ψ", width=20)
    for place, (panel, residue) in enumerate(zip(axes.flat, residues, strict=False)):
        # The panel below may be one that is not there.
        square_degrees(panel, left=place % columns == 0, bottom=place + columns >= len(residues))
        panel.set_title(residue_label(residue["residue_name"], residue["residue"]), fontweight="bold")
        energy = free_energy(arrays["ramachandran_samples"][place])
        energy -= np.nanmin(energy)
        image = panel.pcolormesh(
            edges, edges, energy.T, cmap=colours, vmin=0, vmax=settings.energy_max, rasterized=True
        )
        start = np.rad2deg(residue["start"])
        for size, colour in ((3.2, "white"), (1.4, "black")):
            panel.plot(*start, marker="x", markersize=7, markeredgewidth=size, color=colour)
        if place % columns == columns - 1 or place == len(residues) - 1:
            bar = figure.colorbar(
                image,
                cax=panel.inset_axes((1.07, 0.0, 0.065, 1.0)),
                extend=_extend([energy], settings.energy_max),
            )
            bar.set_label("free energy (kT)")
    samples = result["samples"]
    headline(
        figure,
        f"{result['peptide']}, model {result['model']}: {samples['frames']:,} samples in "
        f"{duration(samples['seconds'])} (× start)",
    )
    return figure


@styled()
def plot_ramachandran(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi, -ln p in kT above the row's lowest bin; empty bins are white.

    `result` and `arrays` are evaluation's, counts (residues, bins, bins) as [phi, psi], edges in radians. The JS
    distance to all MD stands in the corner of the other two panels. Raises FigureError for an unknown colour map.
    """
    residues = result["ramachandran"]
    edges = np.rad2deg(arrays["ramachandran_edges"])
    columns = [arrays[f"ramachandran_{name}"] for name in ("reference", "equal", "samples")]
    reason = result["baselines"]["md_equal_wall_clock"].get("reason")
    colours = colormap(settings)
    nothing = ["no frames", f"no such cut: {reason.rstrip('.')}" if reason else "no frames", "no frames"]
    rows = max(len(residues), 1)
    figure, axes = square_panels(rows, 3, _SIDE, (0.34, 0.18), (1.0, 0.85, 0.5, 0.8))
    for panel, title in zip(axes[0], _titles(result), strict=True):
        panel.set_title(title)
    for (row, column), panel in np.ndenumerate(axes):
        square_degrees(panel, left=column == 0, bottom=row == rows - 1)
        if not residues:
            in_words(panel, "no residue has both φ and ψ", width=20)
    for row, residue in enumerate(residues):
        energies = row_energies([counts[row] for counts in columns])
        distances = [None, residue.get("js_md_equal_wall_clock"), (residue["js"] or {}).get("value")]
        draw_row(figure, axes[row], edges, energies, distances, nothing, colours, settings.energy_max)
        name_row(axes[row, 0], residue)
    headline(figure, f"{result['peptide']}, model {result['model']}")
    return figure


@styled()
def ramachandran_to_files(result: Path, arrays: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw one peptide's maps from evaluation's files (JSON, NPZ). Raises FigureError for an unknown colour map."""
    compared = read_json(result)
    plot = plot_samples if compared["reference"] is None else plot_ramachandran
    figure = plot(compared, read_npz(arrays), settings)
    if outside := compared["samples"].get("outside_training"):
        footnote(figure, outside)
    save(figure, settings, png, pdf)
