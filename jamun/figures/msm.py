"""Macrostates over the free-energy map, their populations, and implied timescales (paper: Appendix A)."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.io.atomic import read_json, read_npz

# Maps are drawn for so many macrostates at most; the bars show all.
_MOST_MAPS = 10
# Inches: the smallest and largest map, between, left and right of them, the two panels below, the figure.
_SIDES, _GAP, _LEFT, _RIGHT, _LOWER, _LEAST_WIDTH = (0.98, 1.5), 0.12, 1.2, 0.25, 2.1, 7.4
_LIGHTEST = {"background": 0.93, "state": 0.5}


def _nothing(peptide: str, reason: str) -> Figure:
    figure = plt.figure(figsize=(5.6, 2.0))
    sentence = textwrap.fill(f"No Markov state model: {reason.rstrip('.')}.", 62)
    figure.text(0.5, 0.42, sentence, ha="center", va="center", fontsize=9.5)
    style.headline(figure, f"{peptide}: macrostates")
    return figure


def _tint(counts: np.ndarray, colour: str, lightest: float, top: float) -> np.ndarray:
    """An RGBA picture (bins, bins, 4) of counts: the fullest bin in `colour`, rare ones mixed with white.

    `lightest` is the share of white at `top` kT above the fullest bin. Empty bins are transparent.
    """
    energy = style.free_energy(counts)
    picture = np.zeros((*counts.shape, 4))
    if counts.any():
        white = lightest * np.clip((energy - np.nanmin(energy)) / top, 0, 1)[..., None]
        picture[..., :3] = np.where(np.isfinite(white), white + (1 - white) * np.array(to_rgb(colour)), 1.0)
        picture[..., 3] = counts > 0
    return picture


def state_picture(everywhere: np.ndarray, counts: np.ndarray, colour: str, top: float) -> np.ndarray:
    """A picture (rows of psi from below, columns of phi, 4): in grey where all MD goes, in `colour` one macrostate.

    `everywhere`, `counts` are counts (bins, bins) as [phi, psi]; `top` is the end of the scale in kT.
    """
    grey = _tint(everywhere, "0.6", _LIGHTEST["background"], top)
    own = _tint(counts, colour, _LIGHTEST["state"], top)
    return np.where(own[..., 3:] > 0, own, grey).transpose(1, 0, 2)


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.05:
        return "<0.1 %"
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %"


def _beside(panel: Axes, text: str, place: tuple[float, float], points: float, **looks: Any) -> None:
    """Upright text some points left (negative) of a place in fractions of the panel."""
    panel.annotate(
        text,
        place,
        (points, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        rotation=90,
        ha="center",
        va="center",
        **looks,
    )


def _draw_maps(axes: np.ndarray, labels: list[str], arrays: dict[str, np.ndarray], top: float) -> None:
    """Two rows a residue, MD and samples, a column a macrostate."""
    reference, samples = arrays["ramachandran_reference"], arrays["ramachandran_samples"]
    for (row, state), panel in np.ndenumerate(axes):
        residue, of_samples = divmod(row, 2)
        own, colour, words = ((reference, style.EQUAL, "MD"), (samples, style.SAMPLES, "samples"))[of_samples]
        everywhere, counts = reference[:, residue].sum(0), own[state, residue]
        panel.imshow(
            state_picture(everywhere, counts, colour, top),
            extent=(-180, 180, -180, 180),
            origin="lower",
            interpolation="nearest",
        )
        if not counts.any():
            panel.text(0.95, 0.07, "none", transform=panel.transAxes, ha="right", fontsize=8, color=colour)
        # Numbers in the first column only: those of neighbours would run into each other.
        style.square_degrees(panel, left=state == 0, bottom=state == 0 and row == len(axes) - 1, labelled=180)
        panel.tick_params(labelsize=6.5, length=2)
        panel.set_xlabel("φ (°)" if row == len(axes) - 1 else "", fontsize=8, labelpad=1 if state == 0 else 8.5)
        panel.set_ylabel("ψ (°)" if state == 0 else "", fontsize=8, labelpad=-3)
        if state == 0:
            _beside(panel, words, (0, 0.5), -42, fontsize=8, color=colour)
            if not of_samples:
                _beside(panel, labels[residue], (0, -0.05), -64, fontsize=10, fontweight="bold")


def _draw_populations(panel: Axes, result: dict[str, Any]) -> None:
    states = result["macrostates"]
    places = np.arange(len(states))
    series = (
        ("population", "MSM, stationary", style.REFERENCE),
        ("reference_occupancy", "MD frames", style.EQUAL),
        ("samples_occupancy", "samples", style.SAMPLES),
    )
    for offset, (key, words, colour) in zip((-0.27, 0, 0.27), series, strict=True):
        panel.bar(places + offset, [100 * state[key] for state in states], 0.26, color=colour, label=words)
    panel.set(xticks=places, xticklabels=[str(place + 1) for place in places])
    panel.set(xlabel="macrostate", ylabel="share (%)", xlim=(-0.6, len(states) - 0.4))
    distance = (result["js"] or {}).get("value")
    panel.set_title("populations" if distance is None else f"populations: JS of occupancies {distance:.2f}")
    panel.set_ylim(0, 1.4 * panel.get_ylim()[1])  # room for the legend
    panel.legend(loc="upper right")


def _draw_timescales(panel: Axes, result: dict[str, Any]) -> None:
    """Implied timescales; grey: processes faster than the lag, which a model of that lag does not see."""
    lags = result["implied_timescales"]["lags"]
    panel.set(xlabel="lag time (frames)", ylabel="implied timescale (frames)", title="implied timescales")
    values = np.array(result["implied_timescales"]["timescales"], dtype=float)  # (lags, processes), null as NaN
    if not np.isfinite(values).any():
        style.in_words(panel, "too few frames for implied timescales", left="frame")
        return
    for process, colour in zip(range(values.shape[1]), style.CYCLE, strict=False):
        if np.isfinite(values[:, process]).any():
            panel.plot(lags, values[:, process], "o-", markersize=3, color=colour)
    lag = result["settings"]["lag"]
    panel.set(xscale="log", yscale="log")
    left, right = min([*lags, lag]) / 1.2, max([*lags, lag]) * 1.2
    low, high = min(np.nanmin(values), left) / 1.5, max(np.nanmax(values), right) * 1.5
    panel.fill_between([left, right], [left, right], low, color="0.9", linewidth=0, zorder=0)
    panel.axvline(lag, color=style.FLOOR, linestyle=":", linewidth=1.2, zorder=1)
    words, side = (" lag used", "left") if lag < np.sqrt(left * right) else ("lag used ", "right")
    panel.text(lag, high, words, ha=side, va="top", fontsize=7.5, color="0.35")
    grey = {"facecolor": "0.9", "edgecolor": "none", "pad": 1.0}
    panel.text(right, low * 1.1, "faster than the lag ", ha="right", va="bottom", fontsize=7.5, color="0.35", bbox=grey)
    panel.set(xlim=(left, right), ylim=(low, high))
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.set_xticks(sorted({*lags, lag}))
    panel.minorticks_off()


@style.styled()
def plot_msm(result: dict[str, Any], arrays: dict[str, np.ndarray], peptide: str, settings: FigureSettings) -> Figure:
    """Two rows of maps a residue, a column a macrostate, the most populated first.

    Grey: where all MD goes, darker where more often. Blue: the macrostate's MD frames; orange: the samples in it. Below
    them populations, and implied timescales in frames. `arrays` holds counts (macrostates, residues, bins, bins) as
    [phi, psi]. Where no model could be made the figure says why.
    """
    if result["status"] != "ok":
        return _nothing(peptide, result["reason"] or "no reason was recorded")
    states = result["macrostates"]
    labels = [str(label) for label in arrays["residue_labels"]]
    shown = min(len(states), _MOST_MAPS)
    # Few macrostates get larger maps, so that they fill the width of what is below them.
    side = float(np.clip((_LEAST_WIDTH - _LEFT - _RIGHT + _GAP) / shown - _GAP, *_SIDES))
    spare = max(0.0, _LEAST_WIDTH - _LEFT - _RIGHT - shown * (side + _GAP) + _GAP) / 2
    if labels:
        margins = (_LEFT + spare, _RIGHT + spare, _LOWER + 1.15, 0.82)
        figure, axes = style.square_panels(2 * len(labels), shown, side, (_GAP, 0.28), margins, group=2)
        _draw_maps(axes, labels, arrays, settings.energy_max)
        for panel, state in zip(axes[0], states, strict=False):
            panel.set_title(f"state {state['index'] + 1}\n{_percent(state['population'])}", fontsize=8.5)
    else:
        figure = plt.figure(figsize=(_LEAST_WIDTH, _LOWER + 1.2))
    width = figure.get_size_inches()[0]
    scales = min(3.6, 0.36 * width)
    _draw_populations(style.add_panel(figure, 0.65, 0.5, width - scales - 1.75, _LOWER - 0.25), result)
    _draw_timescales(style.add_panel(figure, width - scales - 0.2, 0.5, scales, _LOWER - 0.25), result)
    more = f" (maps of {shown} of {len(states)})" if labels and shown < len(states) else ""
    style.headline(figure, f"{peptide}: macrostates of the MD{more}")
    return figure


def draw_msm(result: Path, arrays: Path, settings: FigureSettings) -> Figure:
    """One peptide's macrostates from the MSM's files (JSON, NPZ), which tell its name or are called after it."""
    found = read_json(result)
    return plot_msm(found, read_npz(arrays), found.get("peptide") or result.stem, settings)
