"""JS distance against the number of samples and against wall clock, for the sampler and MD (paper: figure 11)."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from jamun.config.figures import FigureSettings
from jamun.figures import style

_GROUPS = {"backbone": "backbone torsions", "all": "all torsions", "ramachandran": "φ, ψ pairs"}
_MEAN_GROUPS = ("backbone", "all")
_AXES = {"frames": "samples or MD frames", "seconds": "wall clock (s)"}
_NOTHING = {
    "frames": ("no value for this peptide", "no value for these peptides"),
    "seconds": ("wall clock not recorded", "wall clock not recorded"),
}
_FLOORS: dict[str, tuple[str, dict[str, Any]]] = {
    "md_halves": ("MD, half against half", {"color": style.FLOOR, "linestyle": "--"}),
    "md_replicas": ("MD, replica against replica", {"color": style.FLOOR, "linestyle": (0, (1, 1.2))}),
}
# Points at which curves of several peptides are averaged.
_POINTS = 200

Curve = tuple[np.ndarray, np.ndarray]


def curve_of(convergence: dict[str, list[float | None]], axis: str, group: str) -> Curve:
    """Points (n,) of evaluation's curve of a group of torsions that have both coordinates, on a logarithmic axis."""
    both = zip(convergence[axis], convergence[group], strict=True)
    points = [(x, y) for x, y in both if x is not None and y is not None and x > 0]
    first, second = np.array(points, dtype=float).reshape(-1, 2).T
    return first, second


def mean_curve(curves: Sequence[Curve], points: int = _POINTS) -> dict[str, np.ndarray]:
    """The mean of curves and its 95 % interval, 1.96 standard errors: `x`, `mean`, `low`, `high`, `count` (points,).

    Between its points a curve is linear in the logarithm of x; beyond its ends it has no value, and `count` tells how
    many curves have one. Of a single curve the interval is NaN.
    """
    x = np.geomspace(min(curve[0][0] for curve in curves), max(curve[0][-1] for curve in curves), points)
    values = np.stack([np.interp(np.log(x), np.log(own), y, left=np.nan, right=np.nan) for own, y in curves])
    count = np.isfinite(values).sum(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of points where no curve, or a single one, has a value
        mean, error = np.nanmean(values, 0), 1.96 * np.nanstd(values, 0, ddof=1) / np.sqrt(count)
    return {"x": x, "mean": mean, "low": mean - error, "high": mean + error, "count": count}


def _floors(panel: Axes, baselines: Sequence[dict[str, Any]], group: str) -> dict[str, Any]:
    """Lines at the mean over peptides of what the MD itself has, by label; none where no peptide has it."""
    entries: dict[str, Any] = {}
    for name, (words, looks) in _FLOORS.items():
        values = [((own.get(name) or {}).get(group) or {}).get("value") for own in baselines]
        known = [value for value in values if value is not None]
        if known:
            entries[words] = panel.axhline(float(np.mean(known)), linewidth=1.2, zorder=1, **looks)
    return entries


def _finish(panel: Axes, axis: str, baselines: Sequence[dict[str, Any]], group: str) -> dict[str, Any]:
    """Scale and floors of a panel with curves, or a sentence in one without."""
    panel.set_xlabel(_AXES[axis])
    if not panel.lines:
        style.in_words(panel, _NOTHING[axis][len(baselines) > 1])
        panel.set_xticks([])
        return {}
    panel.set_xscale("log")
    return _floors(panel, baselines, group)


@style.styled()
def plot_convergence(result: dict[str, Any], settings: FigureSettings) -> Figure:
    """JS distance to all MD of the first frames of each: a row over their number, a row over wall clock.

    A column a group of torsions. Dashed: the first half of the MD against the second, the distance that sampling noise
    alone leaves; dotted: one replica against another, where there are several. The MD's own curve ends at 0, since at
    its end it is the reference.
    """
    curves = result["convergence"]
    series = {"md": (style.EQUAL, "o", "MD, first frames"), "samples": (style.SAMPLES, "s", "first samples")}
    figure, axes = plt.subplots(2, len(_GROUPS), figsize=(7.8, 5.0), sharey=True, layout="constrained")
    style.set_pads(figure, 0.06, 0.08)
    entries: dict[str, Any] = {}
    for row, axis in enumerate(_AXES):
        for column, (group, title) in enumerate(_GROUPS.items()):
            panel = axes[row, column]
            for name, (colour, marker, words) in series.items():
                x, y = curve_of(curves[name], axis, group)
                if len(x):
                    (entries[words],) = panel.plot(x, y, marker=marker, color=colour, markersize=3.5)
            entries |= _finish(panel, axis, [result["baselines"]], group)
            if row == 0:
                panel.set_title(title)
            if column == 0:
                panel.set_ylabel("JS distance to all MD")
    axes[0, 0].set_ylim(bottom=0)
    style.below_legend(figure, entries)
    style.headline(figure, f"{result['peptide']}, model {result['model']}: convergence")
    return figure


def _draw_mean(panel: Axes, strip: Axes | None, curves: list[Curve], colour: str) -> object:
    """Single curves thin, their mean thick with its interval as a band, and in the strip how many it is of.

    Without a strip there is one curve. Where some curves have no value the mean jumps: it is dotted, without a band.
    """
    if strip is None:
        return panel.plot(*curves[0], color=colour, linewidth=2.0)[0]
    for x, y in curves:
        panel.plot(x, y, color=colour, linewidth=0.6, alpha=0.45)
    found = mean_curve(curves)
    everywhere = found["count"] == len(curves)
    mean, low, high = (np.where(everywhere, found[name], np.nan) for name in ("mean", "low", "high"))
    (line,) = panel.plot(found["x"], mean, color=colour, linewidth=2.0)
    rest = np.where(everywhere, np.nan, found["mean"])
    panel.plot(found["x"], rest, color=colour, linewidth=1.4, linestyle=(0, (1, 1)))
    panel.fill_between(found["x"], low, high, color=colour, alpha=0.2, linewidth=0)
    strip.step(found["x"], found["count"], color=colour, linewidth=1.2, where="mid")
    return line


def _finish_strip(panel: Axes, strip: Axes, axis: str, peptides: int) -> None:
    """How many peptides the means above are of, over the same axis; nothing where there are none."""
    if not strip.lines:
        strip.set_axis_off()
        return
    panel.set(xlabel="", xticklabels=[])
    strip.set(xscale="log", xlim=panel.get_xlim(), ylim=(0, 1.2 * peptides), yticks=[0, peptides], xlabel=_AXES[axis])
    strip.xaxis.set_minor_locator(NullLocator())


@style.styled()
def plot_convergence_of_all(results: Sequence[dict[str, Any]], settings: FigureSettings) -> Figure:
    """JS distance to all MD of the first frames, the mean over peptides: backbone and all torsions over their number
    and over wall clock.

    `results` are evaluation's of every peptide and model, of one dataset. Thin lines are single peptides, bands 95 %
    intervals of the mean; it is dotted where some peptides have no value, and the strip below tells how many have one.
    The floors are those of the MD itself, as in ``plot_convergence``, the mean over peptides.
    """
    models = list(dict.fromkeys(result["model"] for result in results))
    # The MD of a peptide is the same whichever model it is compared with.
    by_peptide = {result["peptide"]: result for result in reversed(results)}
    count, baselines = len(by_peptide), [result["baselines"] for result in by_peptide.values()]
    series: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
        "MD, first frames": (style.EQUAL, "md", list(by_peptide.values()))
    }
    for place, model in enumerate(models):
        own = [result for result in results if result["model"] == model]
        series[model] = (style.MODELS[place % len(style.MODELS)], "samples", own)
    figure = plt.figure(figsize=(7.4, 6.6 if count > 1 else 5.4), layout="constrained")
    style.set_pads(figure, 0.06, 0.07, hspace=0.0)
    ratios = [5, 1, 5, 1] if count > 1 else [1, 1]
    axes = figure.subplots(len(ratios), 2, gridspec_kw={"height_ratios": ratios})
    panels, strips = (axes[::2], axes[1::2]) if count > 1 else (axes, None)
    entries: dict[str, Any] = {}
    for (row, column), panel in np.ndenumerate(panels):
        axis, group = list(_AXES)[row], _MEAN_GROUPS[column]
        strip: Axes | None = None if strips is None else strips[row, column]
        for words, (colour, name, own) in series.items():
            curves = [curve_of(result["convergence"][name], axis, group) for result in own]
            curves = [curve for curve in curves if len(curve[0])]
            if curves:
                entries[words] = _draw_mean(panel, strip, curves, colour)
        entries |= _finish(panel, axis, baselines, group)
        if strip is not None:
            _finish_strip(panel, strip, axis, count)
        if row == 0:
            panel.set_title(_GROUPS[group])
        if column == 0:
            panel.set_ylabel("JS distance to all MD")
            if strip is not None:
                strip.set_ylabel("peptides", fontsize=8)
    highest = max((panel.get_ylim()[1] for panel in panels.flat if panel.lines), default=1.0)
    for panel in panels.flat:
        panel.set_ylim(0, highest)
    for panel in axes[:, 1]:
        panel.set_yticklabels([])
    style.below_legend(figure, entries)
    style.headline(figure, f"{results[0]['dataset']}: convergence, {count} peptide{'s' if count > 1 else ''}")
    return figure
