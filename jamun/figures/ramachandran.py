"""Ramachandran maps: all MD | MD cut to the sampler's wall clock | samples, a row a residue (paper: figures 8, 9)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.io.atomic import read_json, read_npz

_SIDE = 1.9
# Maps of samples alone in one row, at most.
_MOST_BESIDE = 4


def titles_at_equal_wall_clock(result: dict[str, Any]) -> list[str]:
    """What stands over MD, MD cut to the sampler's wall clock, and samples."""
    reference, samples = result["reference"], result["samples"]

    def amount(frames: int | None) -> str:
        time = None if frames is None else style.simulated(frames, reference["frame_interval_ps"])
        return "" if frames is None else ", ".join(filter(None, [time, f"{frames:,} frames"]))

    drawn = f"{samples['frames']:,} samples"
    if samples["seconds"] is not None:
        drawn += f" in {style.duration(samples['seconds'])}"
    return [
        f"MD\n{amount(reference['frames'])}",
        f"MD at equal wall clock\n{amount(result['baselines']['md_equal_wall_clock']['frames'])}".rstrip(),
        f"{result['model'] or 'samples'}\n{drawn}",
    ]


def nothing_at_equal_wall_clock(result: dict[str, Any]) -> list[str]:
    """What these three say in place of an empty map."""
    reason = result["baselines"]["md_equal_wall_clock"].get("reason")
    return ["no frames", f"no such cut: {reason.rstrip('.')}" if reason else "no frames", "no frames"]


def row_energies(counts: Sequence[np.ndarray], zero: Sequence[int] = (0, 2)) -> list[np.ndarray]:
    """Free energies (bins, bins) in kT of the maps of a row, from their counts: -ln p, one zero for all.

    The zero is the lowest bin of the maps at the places `zero`, so one colour is one probability throughout the row. Of
    MD, the cut MD and samples the cut does not set it: a handful of frames in as many bins looks like a deep minimum
    and would bleach the other two.
    """
    energies = [style.free_energy(panel) for panel in counts]
    lowest = [np.nanmin(energies[place]) for place in zero if counts[place].any()]
    return [energy - min(lowest, default=0.0) for energy in energies]


def _colour_bar(panel: Axes, image: QuadMesh, energies: Sequence[np.ndarray], top: float) -> None:
    """A bar right of a panel, up to `top` kT, with an arrow at each end beyond which a bin lies."""
    values = np.concatenate([energy[np.isfinite(energy)] for energy in energies])
    below, above = bool((values < -1e-9).any()), bool((values > top).any())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    bar = panel.figure.colorbar(image, cax=panel.inset_axes((1.07, 0.0, 0.065, 1.0)), extend=extend[below, above])
    bar.set_label("free energy (kT)")


def draw_row(
    panels: Sequence[Axes],
    edges: Sequence[np.ndarray],
    counts: Sequence[np.ndarray],
    settings: FigureSettings,
    distances: Sequence[float | None] | None = None,
    nothing: Sequence[str] | None = None,
    bar: bool = True,
) -> None:
    """A row of maps of free energy with a colour bar to their right, or without.

    `edges` are of the bins along both axes, `counts` (bins, bins) of each map, the first axis across; `distances` are
    JS distances of each map, where it has one. With `nothing`, what each map says where it is empty, maps are of MD,
    the cut MD and samples; see `row_energies`. Raises FigureError for an unknown colour map.
    """
    image, none = None, [None] * len(panels)
    energies = row_energies(counts, range(len(counts)) if nothing is None else (0, 2))
    looks: dict[str, Any] = {
        "cmap": style.colormap(settings),
        "vmin": 0,
        "vmax": settings.energy_max,
        "rasterized": True,
    }
    for panel, energy, distance, words in zip(panels, energies, distances or none, nothing or none, strict=True):
        if np.isfinite(energy).any():
            image = panel.pcolormesh(*edges, energy.T, **looks)
        else:
            style.in_words(panel, words or "no frames")
        if distance is not None:
            box = {"facecolor": "white", "alpha": 0.92, "edgecolor": "none", "pad": 1.5}
            words = f"JS {distance:.2f}"
            panel.text(0.97, 0.035, words, transform=panel.transAxes, ha="right", fontsize=8, bbox=box, zorder=5)
    if image is not None and bar:
        _colour_bar(panels[-1], image, energies, settings.energy_max)


def draw_rows(
    axes: np.ndarray,
    residues: Sequence[dict[str, Any]],
    edges: np.ndarray,
    maps: Sequence[np.ndarray],
    settings: FigureSettings,
    distances: Sequence[Sequence[float | None]] | None = None,
    nothing: Sequence[str] | None = None,
) -> None:
    """A row of maps over phi and psi for each residue in panels (rows, columns), its name left of them; see `draw_row`.

    `residues` are entries of a result, `edges` of the bins in degrees, `maps` the counts (residues, bins, bins) as
    [phi, psi] of each column, `distances` of each residue.
    """
    for (row, column), panel in np.ndenumerate(axes):
        style.square_degrees(panel, left=column == 0, bottom=row == len(axes) - 1)
        if not residues:
            style.in_words(panel, "no residue has both φ and ψ", width=20)
    looks: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 10, "fontweight": "bold"}
    for row, residue in enumerate(residues):
        of_residue = None if distances is None else distances[row]
        draw_row(axes[row], (edges, edges), [counts[row] for counts in maps], settings, of_residue, nothing)
        label = style.residue_label(residue["residue_name"], residue["residue"])
        axes[row, 0].text(-0.42, 0.5, label, transform=axes[row, 0].transAxes, **looks)


@style.styled()
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
    figure, axes = style.square_panels(rows, columns, _SIDE, (0.34, 0.5), (0.8, 0.95, 0.5, 0.64))
    for panel in axes.flat[max(len(residues), 1) :]:
        panel.set_axis_off()
    if not residues:
        style.square_degrees(axes[0, 0])
        style.in_words(axes[0, 0], "no residue has both φ and ψ", width=20)
    for place, (panel, residue) in enumerate(zip(axes.flat, residues, strict=False)):
        # The panel below may be one that is not there.
        style.square_degrees(panel, left=place % columns == 0, bottom=place + columns >= len(residues))
        panel.set_title(style.residue_label(residue["residue_name"], residue["residue"]), fontweight="bold")
        last = place % columns == columns - 1 or place == len(residues) - 1
        draw_row([panel], (edges, edges), [arrays["ramachandran_samples"][place]], settings, bar=last)
        start = np.rad2deg(residue["start"])
        for size, colour in ((3.2, "white"), (1.4, "black")):
            panel.plot(*start, marker="x", markersize=7, markeredgewidth=size, color=colour)
    samples = result["samples"]
    style.headline(
        figure,
        f"{result['peptide']}, model {result['model']}: {samples['frames']:,} samples in "
        f"{style.duration(samples['seconds'])} (× start)",
    )
    return figure


def rows_of_maps(
    titles: Sequence[str],
    residues: Sequence[dict[str, Any]],
    edges: np.ndarray,
    maps: Sequence[np.ndarray],
    settings: FigureSettings,
    distances: Sequence[Sequence[float | None]] | None = None,
    nothing: Sequence[str] | None = None,
) -> Figure:
    """A figure of `draw_rows`, under one title a column."""
    shape = max(len(residues), 1), len(titles)
    figure, axes = style.square_panels(*shape, _SIDE, (0.34, 0.18), (1.0, 0.85, 0.5, 0.8))
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title)
    draw_rows(axes, residues, edges, maps, settings, distances, nothing)
    return figure


@style.styled()
def plot_ramachandran(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi, -ln p in kT above the row's lowest bin; empty bins are white.

    `result` and `arrays` are evaluation's, counts (residues, bins, bins) as [phi, psi], edges in radians. The JS
    distance to all MD stands in the corner of the other two panels. Raises FigureError for an unknown colour map.
    """
    residues = result["ramachandran"]
    figure = rows_of_maps(
        titles_at_equal_wall_clock(result),
        residues,
        np.rad2deg(arrays["ramachandran_edges"]),
        [arrays[f"ramachandran_{name}"] for name in ("reference", "equal", "samples")],
        settings,
        [[None, one.get("js_md_equal_wall_clock"), (one["js"] or {}).get("value")] for one in residues],
        nothing_at_equal_wall_clock(result),
    )
    style.headline(figure, f"{result['peptide']}, model {result['model']}")
    return figure


@style.styled()
def draw_ramachandran(result: Path, arrays: Path, settings: FigureSettings) -> Figure:
    """One peptide's maps from evaluation's files (JSON, NPZ), with or without MD, and what the model was not trained on
    below them. Raises FigureError for an unknown colour map."""
    compared = read_json(result)
    plot = plot_samples if compared["reference"] is None else plot_ramachandran
    figure = plot(compared, read_npz(arrays), settings)
    if outside := compared["samples"].get("outside_training"):
        style.footnote(figure, outside)
    return figure
