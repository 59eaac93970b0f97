"""Physicality of samples and the basins they cover: bonds, angles, shares of frames, peptide bonds, maps."""

from functools import reduce
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from jamun.config.figures import FigureSettings
from jamun.evaluation.metrics import mean_of_pieces
from jamun.figures import style

_GREY = "#b8b8b8"
_NAMES = {"reference": "MD", "samples": "samples", "accepted": "samples, accepted"}
_COLOURS = {"samples": style.SAMPLES, "accepted": style.EQUAL}
# Bins joined to one where a kind is drawn: 2 pm, 2 degrees and 3.6 degrees.
_JOINED = {"bond": 4, "angle": 4, "omega": 1}
_TYPES = {
    "bond": ("C–N peptide", "C=O", "CA–C", "N–CA", "CA–CB"),
    "angle": ("CA–C–N", "CA–C–O", "O–C–N", "O–C–O", "C–N–CA", "N–CA–C", "N–CA–CB", "C–CA–CB"),
}
_MOST_CENTRES = 8
_UNSEEN = LinearSegmentedColormap.from_list("unseen", ["#fbe3d2", style.SAMPLES])


def _percent(share: float) -> str:
    """A share in per cent, two digits or as many as tell it from 0 and from 100."""
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    if value < 0.005 or value > 99.995:
        return "< 0.01 %" if value < 50 else "> 99.99 %"
    digits = 0 if 9.95 <= value <= 99 else 1 if 0.995 <= value <= 99.94 else 2
    return f"{value:.{digits}f} %"


def _series(arrays: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Histograms of one kind by ensemble; the accepted samples only where there are such."""
    return {name: arrays[f"{kind}_{name}"] for name in _NAMES if f"{kind}_{name}" in arrays}


def pooled(arrays: dict[str, np.ndarray], kind: str, types: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Histograms summed by type, type -> ensemble -> counts (bins,): the backbone's first, then others by name."""
    known = {name: place for place, name in enumerate(_TYPES[kind])}
    order = sorted(set(types), key=lambda name: (known.get(name, len(known)), name))
    rows = np.array(types)
    return {
        name: {ensemble: counts[rows == name].sum(0) for ensemble, counts in _series(arrays, kind).items()}
        for name in order
    }


def _deviations(
    panel: Axes, terms: list[dict[str, Any]], scale: float, tolerance: float, entries: dict[str, Any]
) -> None:
    """Mean of each term less the MD's, sorted, with standard deviations; the farthest named in the title."""
    known = [term for term in terms if term["samples"]["mean"]["value"] is not None]
    if not known:
        style.in_words(panel, "no frames")
        return
    off = np.array([scale * (term["samples"]["mean"]["value"] - term["md"]["mean"]["value"]) for term in known])
    order = np.argsort(off, kind="stable")
    ranks = np.arange(1, len(off) + 1)
    spreads = {
        name: np.array([scale * (term[name]["sd"]["value"] or 0.0) for term in known])[order]
        for name in ("md", "samples")
    }
    entries["MD, ± standard deviation"] = panel.fill_between(
        ranks, -spreads["md"], spreads["md"], step="mid", color=style.REFERENCE, alpha=0.22, linewidth=0
    )
    entries["samples, mean ± standard deviation"] = panel.errorbar(
        ranks, off[order], spreads["samples"], fmt="o", color=style.SAMPLES, markersize=3, elinewidth=0.8
    )
    for side in (-1, 1):
        entries["tolerance"] = panel.axhline(side * scale * tolerance, color=style.FLOOR, linestyle="--", linewidth=1)
    panel.axhline(0, color=style.REFERENCE, linewidth=0.6)
    farthest = [known[place] for place in np.argsort(-np.abs(off), kind="stable")[:2]]
    panel.set_title("farthest: " + ", ".join(term["label"] for term in farthest), fontsize=8)
    panel.set(xlim=(0.3, len(off) + 0.7))


def _ridges(
    panel: Axes, rows: dict[str, dict[str, np.ndarray]], bin_edges: np.ndarray, joined: int, entries: dict[str, Any]
) -> None:
    """Distributions one under another, each row as high as its highest; `rows` are counts by row and ensemble."""
    wide = bin_edges[::joined]
    for place, ensembles in enumerate(rows.values()):
        shares = {name: counts.reshape(-1, joined).sum(-1) / max(counts.sum(), 1) for name, counts in ensembles.items()}
        top = max(max(share.max() for share in shares.values()), 1e-300)
        base = len(rows) - 1 - place
        for name, share in shares.items():
            heights = base + 0.86 * share / top
            if name == "reference":
                entries["MD"] = panel.stairs(heights, wide, baseline=base, **style.SERIES["MD"][1])
            else:
                looks: dict[str, Any] = {"baseline": None, "color": _COLOURS[name], "linewidth": 1.1}
                entries[_NAMES[name]] = panel.stairs(heights, wide, **looks)
    panel.set_yticks(np.arange(len(rows))[::-1] + 0.25, list(rows))
    panel.tick_params(axis="y", length=0, labelsize=7.5)
    panel.spines["left"].set_visible(False)
    panel.set_ylim(-0.05, len(rows))


def _limits(rows: dict[str, dict[str, np.ndarray]], bin_edges: np.ndarray) -> tuple[float, float]:
    """The range that holds all but 0.2 % at each end of any row, with a margin."""
    lows: list[float] = []
    highs: list[float] = []
    for ensembles in rows.values():
        for counts in ensembles.values():
            if counts.sum():
                share = np.cumsum(counts) / counts.sum()
                lows.append(float(bin_edges[np.searchsorted(share, 0.002)]))
                highs.append(float(bin_edges[min(int(np.searchsorted(share, 0.998)) + 1, len(counts))]))
    low, high = min(lows), max(highs)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _judged(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is told of all samples, and of the accepted ones where there are others."""
    return {"samples": result["raw"]} | ({"accepted": result["accepted"]} if result["accepted"] else {})


def _shares(result: dict[str, Any]) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """Rows of the bars: words, and the share by ensemble. Of very many stereocentres those most often inverted."""
    settings = result["settings"]
    words = {
        "bond_outlier": f"bond off by > {1000 * settings['bond_tolerance']:.3g} pm",
        "bent": f"angle off by > {np.rad2deg(settings['angle_tolerance']):.2g}°",
        "clash": f"contact < {1000 * settings['clash_distance']:.3g} pm",
        "cis": "a peptide bond cis",
        "inverted": "a centre inverted",
    }

    def row(text: str, *keys: Any) -> tuple[str, dict[str, dict[str, Any]]]:
        found = {name: reduce(lambda found, key: found[key], keys, one) for name, one in _judged(result).items()}
        return text, {"reference": found["samples"]["md"]} | found

    rows = [row(text, "shares", name) for name, text in words.items()]
    centres = result["raw"]["centres"]
    chosen = sorted(range(len(centres)), key=lambda place: -(centres[place]["inverted"]["value"] or 0))[:_MOST_CENTRES]
    return rows + [row(centres[place]["label"], "centres", place, "inverted") for place in sorted(chosen)]


def _bars(panel: Axes, rows: list[tuple[str, dict[str, dict[str, Any]]]], room: float) -> None:
    """Horizontal bars of shares in per cent with their intervals, one group a row, the values beside them.

    `room` is the part of the panel's width left for the numbers. The axis ends with the longest bar, at 5 % or more.
    """
    ensembles = [name for name in _NAMES if any(name in shares for _, shares in rows)]
    ends = [share[end] for _, shares in rows for share in shares.values() for end in ("value", "high") if share[end]]
    top = 100 * max([0.05, *ends])
    height = 0.84 / len(ensembles)
    for place, (_, shares) in enumerate(rows):
        for number, name in enumerate(ensembles):
            share = shares[name]
            if share["value"] is None:
                continue
            y = place - 0.42 + (number + 0.5) * height
            value = 100 * share["value"]
            panel.barh(y, value, height, color=_GREY if name == "reference" else _COLOURS[name])
            low, high = (100 * (share[end] if share[end] is not None else share["value"]) for end in ("low", "high"))
            if high > low:
                panel.plot([low, high], [y, y], color=style.REFERENCE, linewidth=0.9)
            panel.text(max(value, high) + 0.015 * top, y, _percent(share["value"]), fontsize=6, va="center")
    panel.set_yticks(range(len(rows)), [text for text, _ in rows])
    panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    panel.tick_params(axis="y", length=0, labelsize=7.5)
    panel.set(xlim=(0, top / (1 - room)), ylim=(len(rows) - 0.45, -0.55))
    panel.set_xticks([tick for tick in panel.get_xticks() if 0 <= tick <= 100])  # the room for numbers goes beyond


def _outline(panel: Axes, labels: np.ndarray, degrees: np.ndarray) -> None:
    """Lines between cells of different basins; the map goes on beyond its edges, which are no borders."""
    bins = len(labels)
    lines = []
    for row, column in np.ndindex(bins, bins):
        if row + 1 < bins and labels[row, column] != labels[row + 1, column]:
            lines.append([(degrees[row + 1], degrees[column]), (degrees[row + 1], degrees[column + 1])])
        if column + 1 < bins and labels[row, column] != labels[row, column + 1]:
            lines.append([(degrees[row], degrees[column + 1]), (degrees[row + 1], degrees[column + 1])])
    panel.add_collection(LineCollection(lines, colors=style.REFERENCE, linewidths=0.8))


def _map(
    panel: Axes,
    residue: dict[str, Any],
    maps: dict[str, np.ndarray],
    degrees: np.ndarray,
    colours: Colormap,
    top: float,
) -> QuadMesh:
    """Free energy of the MD with its basins numbered, and samples where the MD has no frame; returns the image."""
    energy = style.free_energy(maps["reference"])
    image = panel.pcolormesh(
        degrees, degrees, (energy - np.nanmin(energy)).T, cmap=colours, vmin=0, vmax=top, rasterized=True
    )
    alone = np.where((maps["reference"] == 0) & (maps["samples"] > 0), maps["samples"], np.nan)
    if np.isfinite(alone).any():
        panel.pcolormesh(degrees, degrees, np.log(alone).T, cmap=_UNSEEN, vmin=0, rasterized=True)
    _outline(panel, maps["labels"], degrees)
    box = {"facecolor": "white", "alpha": 0.9, "edgecolor": "none", "pad": 0.8}
    for basin in residue["basins"]:
        phi, psi = np.clip(np.rad2deg([basin["phi"], basin["psi"]]), -165, 165)
        panel.text(phi, psi, str(basin["index"]), fontsize=7, ha="center", va="center", bbox=box, zorder=5)
    count, coverage, unseen = len(residue["basins"]), residue["coverage"]["value"], residue["unseen"]
    visited = "no basins" if coverage is None else f"{round(coverage * count)} of {count} basins visited"
    title = f"{style.residue_label(residue['residue_name'], residue['residue'])}: {visited}"
    if unseen["value"] is not None:
        halves = mean_of_pieces(unseen["md_halves"])
        title += f"\nunseen by MD {_percent(unseen['value'])}"
        title += "" if halves is None else f" (halves {_percent(halves)})"
    panel.set_title(title, fontsize=8, loc="left")
    return image


def _residue(
    figure: Figure,
    grid: Any,
    result: dict[str, Any],
    arrays: dict[str, np.ndarray],
    place: int,
    looks: tuple[Colormap, float],
) -> QuadMesh:
    """One residue: its map, and the populations of its basins."""
    residue = result["raw"]["basins"]["residues"][place]
    panel, bars = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    maps = {name: arrays[f"ramachandran_{name}"][place] for name in ("reference", "samples")}
    maps["labels"] = arrays["basin_labels"][place]
    image = _map(panel, residue, maps, np.rad2deg(arrays["ramachandran_edges"]), *looks)
    style.square_degrees(panel, labelled=180)
    judged = _judged(result)
    rows = [
        (
            str(basin["index"]),
            {"reference": basin["md"]}
            | {name: one["basins"]["residues"][place]["basins"][row]["samples"] for name, one in judged.items()},
        )
        for row, basin in enumerate(residue["basins"])
    ]
    if rows:
        others = {name: one["basins"]["residues"][place]["outside"] for name, one in judged.items()}
        rows.append(("outside", {"reference": residue["outside"]["md"]} | others))
        _bars(bars, rows, room=0.35)
        bars.set(xlabel="population (%)", ylabel="basin")
        bars.set_ylim(max(len(rows), 5) - 0.45, -0.55)
    else:
        style.in_words(bars, "no basins", 12, left="nothing")
    return image


@style.styled()
def plot_physicality(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Deviations of bonds and angles, their distributions by type, shares of frames, peptide bonds, basins.

    `result` and `arrays` are evaluation's. Raises FigureError for an unknown colour map.
    """
    raw, wanted = result["raw"], result["settings"]
    residues = raw["basins"]["residues"]
    bars = _shares(result)
    map_rows = -(-max(len(residues), 1) // 2)
    heights = [2.2, 2.5, max(1.9, (0.35 if result["accepted"] else 0.24) * len(bars) + 0.5), *[2.5] * map_rows]
    colours = style.colormap(settings)
    figure = plt.figure(figsize=(8.2, sum(heights) + 1.1), layout="constrained")
    style.set_pads(figure, 0.05, 0.06)
    outer = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    entries: dict[str, Any] = {}
    kinds = (
        ("bond", raw["bonds"]["terms"], 1000.0, wanted["bond_tolerance"], "bonds", "length (pm)"),
        ("angle", raw["angles"]["terms"], 180 / np.pi, wanted["angle_tolerance"], "angles", "angle (degrees)"),
    )
    for row, (kind, terms, scale, tolerance, words, label) in enumerate(kinds):
        inner = outer[row].subgridspec(1, 2, width_ratios=(1.05, 1))
        left, right = (figure.add_subplot(inner[0, column]) for column in range(2))
        if not terms:
            for panel in (left, right):
                style.in_words(panel, f"the molecule has no {words}", left="nothing")
            continue
        _deviations(left, terms, scale, tolerance, entries)
        left.set(xlabel=f"{words}, sorted", ylabel="mean less the MD's\n(" + label.split("(")[1])
        rows = pooled(arrays, kind, [term["type"] for term in terms])
        bin_edges = arrays[f"{kind}_edges"] * scale
        _ridges(right, rows, bin_edges, _JOINED[kind], entries)
        right.set(xlabel=label, xlim=_limits(rows, bin_edges))
    inner = outer[2].subgridspec(1, 2, width_ratios=(1.05, 1))
    panel = figure.add_subplot(inner[0, 0])
    _bars(panel, bars, room=0.1)
    panel.set_xlabel("share of frames (%)")
    _omega_panel(figure.add_subplot(inner[0, 1]), raw["omegas"], arrays, entries)
    for row in range(map_rows):
        inner = outer[3 + row].subgridspec(1, 3, width_ratios=(1, 1, 0.035))
        for column, place in enumerate(range(2 * row, min(2 * row + 2, len(residues)))):
            grid = inner[0, column].subgridspec(1, 2, width_ratios=(1.75, 1))
            image = _residue(figure, grid, result, arrays, place, (colours, settings.energy_max))
        if residues:
            bar = figure.colorbar(image, cax=figure.add_subplot(inner[0, 2]), extend="max")
            bar.set_label("free energy of MD (kT)")
        else:
            style.in_words(figure.add_subplot(inner[0, :]), "no residue has both φ and ψ", left="nothing")
    if residues:
        entries["samples where MD has no frame"] = Patch(color=_UNSEEN(0.5))
    style.below_legend(figure, entries)
    style.headline(figure, f"{result['peptide']}, model {result['model']}: physicality and basins")
    return figure


def _omega_panel(
    panel: Axes, omegas: list[dict[str, Any]], arrays: dict[str, np.ndarray], entries: dict[str, Any]
) -> None:
    """Distributions of every peptide bond's omega, trans (180 degrees) in the middle."""
    if not omegas:
        style.in_words(panel, "the molecule has no peptide bonds", left="nothing")
        return
    series = _series(arrays, "omega")
    bins = series["reference"].shape[-1]
    # From (-pi, pi) to (0, 2 pi): the second half of the circle comes first.
    turned = {name: np.roll(counts, -(bins // 2), axis=-1) for name, counts in series.items()}
    rows = {
        f"ω {omega['label']}": {name: counts[place] for name, counts in turned.items()}
        for place, omega in enumerate(omegas)
    }
    _ridges(panel, rows, np.linspace(0, 360, bins + 1), _JOINED["omega"], entries)
    panel.set(xlim=(0, 360), xlabel="ω (degrees)")
    panel.set_xticks([0, 90, 180, 270, 360], ["0\ncis", "90", "180\ntrans", "270", "360"])
