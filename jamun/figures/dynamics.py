"""Slow motions: decorrelation of torsions, densities along TIC 0, free energies over TIC 0 and 1."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.figures.ramachandran import draw_row, nothing_at_equal_wall_clock, titles_at_equal_wall_clock
from jamun.figures.torsions import join_bins

# Panels, the gaps between them and the margins, in inches.
_SIDE, _GAP, _LEFT, _RIGHT, _BELOW, _ABOVE = 2.15, 0.62, 0.72, 0.85, 0.55, 0.72
_UPPER, _BETWEEN, _LEGEND_ROW = 1.75, 1.02, 0.2
_LEVEL = 1 / np.e
# More intervals than this on top of each other are a grey cloud.
_MOST_BANDS = 8
# The torsions that are shown, by kind, and their lines.
_STYLES: dict[str, LineStyleType] = {
    "phi": "-",
    "psi": (0, (4, 1.5)),
    "chi1": (0, (1, 1)),
    "chi2": (0, (4, 1, 1, 1)),
    "chi3": (0, (6, 1, 1, 1, 1, 1)),
    "chi4": (0, (2, 2)),
    "chi5": (0, (1, 3)),
}


def _curves(
    panel: Axes, torsions: list[dict[str, Any]], arrays: dict[str, np.ndarray], name: str, unit: float, label: str
) -> None:
    """Decorrelation of every torsion but omega against time: lag 0 is left out of a logarithmic axis."""
    lags = arrays[f"decorrelation_{name}_lags"][1:] * unit
    drawn = False
    residues = sorted({torsion["residue"] for torsion in torsions})
    shown = [(place, torsion) for place, torsion in enumerate(torsions) if torsion["kind"] in _STYLES]
    for place, torsion in shown:
        value, low, high = (arrays[f"decorrelation_{name}_{end}"][place, 1:] for end in ("value", "low", "high"))
        if len(lags) > 1 and np.isfinite(value).any():
            colour = style.CYCLE[residues.index(torsion["residue"]) % len(style.CYCLE)]
            if len(shown) <= _MOST_BANDS:
                panel.fill_between(lags, low, high, color=colour, alpha=0.07, linewidth=0)
            panel.plot(lags, value, color=colour, linestyle=_STYLES[torsion["kind"]], linewidth=1.3)
            drawn = True
    if not drawn:
        words = "no torsion moves, or too few frames" if torsions else "this molecule has no torsion"
        style.in_words(panel, words, 30, left="frame")
        return
    lowest = min(float(np.nanmin(line.get_ydata())) for line in panel.lines)
    panel.set_xscale("log")
    panel.axhline(0, color=style.FLOOR, linewidth=0.6, zorder=0)
    panel.axhline(_LEVEL, color=style.FLOOR, linestyle="--", linewidth=0.9, zorder=0)
    panel.set(xlim=(lags[0], lags[-1]), ylim=(max(lowest, -0.5) - 0.04, 1.02), yticks=[0, 0.5, 1], xlabel=label)
    panel.text(1.02, _LEVEL, "1/e", transform=panel.get_yaxis_transform(), va="center", fontsize=7)


def _densities(panel: Axes, arrays: dict[str, np.ndarray]) -> None:
    """Probability densities along TIC 0: MD filled, the cut and the samples as lines."""
    edges = arrays["tica_0_edges"]
    for words, (name, looks) in style.SERIES.items():
        counts = arrays[f"tica_0_{name}"]
        if counts.any():
            joined = join_bins(counts)
            places = np.linspace(edges[0], edges[-1], len(joined) + 1)
            heights = joined / joined.sum() / np.diff(places)
            panel.stairs(heights, places, label=words, **looks)
    panel.set(xlim=(edges[0], edges[-1]), yticks=[], xlabel="TIC 0")
    panel.set_ylim(0, panel.get_ylim()[1] * 1.12)
    panel.spines["left"].set_visible(False)


def _maps(panels: list[Axes], result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> None:
    """Free energies over TIC 0 and 1 of MD, the cut and the samples, on one scale, white where there are no frames."""
    edges = arrays["tica_01_edges"]
    counts = [arrays[f"tica_01_{name}"] for name, _ in style.SERIES.values()]
    both = result["baselines"]["md_equal_wall_clock"]["tica_01"], result["distances"]["tica_01"]
    distances = [None, *(estimate["value"] for estimate in both)]
    for column, panel in enumerate(panels):
        panel.set(xlim=edges[0, [0, -1]], ylim=edges[1, [0, -1]], xlabel="TIC 0", ylabel="" if column else "TIC 1")
        panel.spines[["top", "right"]].set_visible(True)
        if column:
            panel.set_yticklabels([])
    draw_row(panels, list(edges), counts, settings, distances, nothing_at_equal_wall_clock(result))


def _legend(figure: Figure, handles: list[Any], place: tuple[float, float], columns: int, **looks: Any) -> None:
    """A legend whose upper edge has its middle at `place`, inches from the figure's lower left corner."""
    across, up = figure.get_size_inches()
    anchor = place[0] / across, place[1] / up
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=anchor, ncols=columns, borderaxespad=0, **looks)


def _torsion_handles(torsions: list[dict[str, Any]]) -> list[Line2D]:
    """Residues by colour and kinds by line, for the legend of the curves."""
    shown = [torsion for torsion in torsions if torsion["kind"] in _STYLES]
    residues = sorted({(torsion["residue"], torsion["residue_name"]) for torsion in shown})
    handles = [
        Line2D(
            [], [], color=style.CYCLE[place % len(style.CYCLE)], linewidth=4, label=style.residue_label(name, residue)
        )
        for place, (residue, name) in enumerate(residues)
    ]
    return handles + [
        Line2D([], [], color="black", linestyle=line, linewidth=1.3, label=style.GREEK[kind])
        for kind, line in _STYLES.items()
        if any(torsion["kind"] == kind for torsion in shown)
    ]


@style.styled()
def plot_dynamics(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Decorrelation of MD and of samples, densities along TIC 0; below, free energies over TIC 0 and 1.

    `result` and `arrays` are evaluation's, of its step dynamics. The two decorrelation panels have axes of their own:
    simulated time in ps for MD, and for samples steps of the walk, or samples where no walk made them. Raises
    FigureError for an unknown colour map.
    """
    torsions, units = result["decorrelation"]["torsions"], result["decorrelation"]["units"]
    steps = result["samples"]["walk_steps_per_sample"]
    handles = _torsion_handles(torsions)
    between = _BETWEEN + _LEGEND_ROW * max(0, -(-len(handles) // 6) - 1) + 0.15
    width, height = _LEFT + 3 * _SIDE + 2 * _GAP + _RIGHT, _ABOVE + _UPPER + between + _SIDE + _BELOW
    figure = plt.figure(figsize=(width, height))
    lefts = [_LEFT + column * (_SIDE + _GAP) for column in range(3)]
    upper = [style.add_panel(figure, left, _BELOW + _SIDE + between, _SIDE, _UPPER) for left in lefts]
    lower = [style.add_panel(figure, left, _BELOW, _SIDE, _SIDE) for left in lefts]
    time = "simulated time (ps)" if units["md"] == "ps" else "MD frames"
    _curves(upper[0], torsions, arrays, "md", result["decorrelation"]["frame"]["md"], time)
    _curves(upper[1], torsions, arrays, "samples", steps or 1, "walk steps" if steps else "samples")
    upper[0].set_ylabel("torsion autocorrelation")
    drawn = [panel for panel in upper[:2] if panel.lines]
    for panel in drawn:
        panel.set_ylim(bottom=min(other.get_ylim()[0] for other in drawn))
    for panel, title in zip(upper, ("MD", "samples", "slowest component"), strict=True):
        panel.set_title(title)
    if handles:  # centred below the panels of the curves
        place = _LEFT + _SIDE + _GAP / 2, _BELOW + _SIDE + between - 0.47
        _legend(figure, handles, place, min(len(handles), 6), handlelength=2.0, columnspacing=1.2)
    no_tica = result["tica"]["reason"]
    if no_tica or not arrays["tica_0_samples"].size:
        for panel in (upper[2], *lower):
            style.in_words(panel, f"no TICA: {no_tica}", left="frame")
    else:
        _densities(upper[2], arrays)
        distance = result["distances"]["tica_0"]["value"]
        upper[2].set_title(f"slowest component   JS {distance:.2f}")
        drawn_lines, _ = upper[2].get_legend_handles_labels()
        place = lefts[2] + _SIDE / 2, _BELOW + _SIDE + between - 0.4
        _legend(figure, drawn_lines, place, 2, handlelength=1.3, columnspacing=1.0)
        if arrays["tica_01_samples"].size:
            _maps(lower, result, arrays, settings)
        else:
            for panel in lower:
                style.in_words(panel, "TICA has a single component", left="frame")
    for panel, title in zip(lower, titles_at_equal_wall_clock(result), strict=True):
        panel.set_title(title)
    style.headline(figure, f"{result['peptide']}, model {result['model']}: slow motions")
    return figure
