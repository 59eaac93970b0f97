"""One peptide's MD in time: temperature, density, potential energy and every torsion, replica after replica."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.stats import chi2

from jamun.config.figures import FigureSettings
from jamun.figures import style

# Replicas in turn: not the colours that mean the sampler or MD at equal wall clock in other figures.
_REPLICAS = (style.CYCLE[2], style.CYCLE[3])
# Inches.
_LEFT, _RIGHT, _GAP = 0.8, 0.25, 0.22
_NAME = 0.6  # from a panel to the name of its y axis, the same for all of them
_LEAST_WIDTH, _PANEL_WIDTH = 7.6, 1.35
_MARGINAL, _STATE_HEIGHT, _STATE_GAP = 1.0, 0.85, 0.32
_TORSION_GAP, _TIME_LABEL = 0.3, 0.5
_BETWEEN, _LEGEND = 0.22, 0.28
# Rows of a running mean: so many windows fit the longest replica.
_WINDOWS = 20
_FEWEST_FOR_MEAN = 60


@dataclass(frozen=True)
class _Clock:
    """The axis of time: its unit (ps, ns or μs, whichever fits), and where each replica ends (R,), in that unit."""

    unit: str
    per_ps: float
    ends: np.ndarray

    @property
    def replicas(self) -> int:
        """How many there are."""
        return len(self.ends)

    def set_axis(self, panel: Axes, numbers: bool, ticks: int) -> None:
        """Limits, ticks and the lines between replicas; name and numbers, or none."""
        panel.set_xlim(0, self.ends[-1])
        panel.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
        panel.tick_params(axis="x", labelbottom=numbers)
        if numbers:
            panel.set_xlabel(f"time ({self.unit})", labelpad=2)
        for end in self.ends[:-1]:
            panel.axvline(end, color=style.FLOOR, linewidth=0.6 if self.replicas <= 10 else 0.35, zorder=0.5)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Means (N - window + 1,) of each `window` neighbours of `values` (N,); empty where there are fewer."""
    if len(values) < window:
        return np.empty(0)
    return np.convolve(values, np.full(window, 1 / window), mode="valid")


def temperature_density(kelvin: np.ndarray, thermostat: float, freedom: int) -> np.ndarray:
    """Probability density, 1/K, at temperatures `kelvin` (any shape) of `freedom` > 0 degrees of freedom.

    Kinetic energies of the canonical ensemble: chi-squared of as many degrees, scaled to the mean `thermostat` K; the
    standard deviation is thermostat * sqrt(2 / freedom).
    """
    return chi2.pdf(kelvin, freedom, scale=thermostat / freedom)


def _decimals(spread: float) -> int:
    """Decimals that show two digits of a spread."""
    return int(np.clip(1 - np.floor(np.log10(spread)), 0, 6)) if spread > 0 else 2


def _statistics(values: np.ndarray, unit: str) -> str:
    values = values[np.isfinite(values)]
    spread = float(values.std())
    places = _decimals(spread)
    return f"mean {values.mean():.{places}f}, SD {spread:.{places}f} {unit}".replace("-", "−")


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    scale = max(abs(low), abs(high), 1.0)
    # What never changes, such as the density at constant volume, is drawn as a level and not as rounding errors.
    margin = 0.06 * (high - low) if high - low > 1e-9 * scale else 1e-3 * scale
    return low - margin, high + margin


def _width(panel: Axes) -> float:
    """Width of a panel's figure, inches."""
    figure = panel.get_figure(root=True)
    assert figure is not None, "panels are drawn in a figure"
    return float(figure.get_figwidth())


def _number_replicas(panel: Axes, clock: _Clock) -> None:
    """The number of each replica over its stretch, leaving out those that would run into the one before."""
    starts = np.concatenate([[0.0], clock.ends[:-1]])
    per_unit = panel.get_position().width * _width(panel) / clock.ends[-1]
    narrowest = float((clock.ends - starts).min()) * per_unit
    word, room = ("replica ", 0.0) if narrowest > 0.7 else ("", 0.22)
    taken = -np.inf
    for place, middle in enumerate((starts + clock.ends) / 2):
        if middle * per_unit < taken + room:
            continue
        taken = middle * per_unit
        panel.annotate(
            f"{word}{place + 1}",
            (middle, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 16),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            color="#404040",
        )


def _name_y(panel: Axes, words: str) -> None:
    """Name a y axis, at the same distance from every panel."""
    panel.set_ylabel(words)
    panel.yaxis.set_label_coords(-_NAME / (panel.get_position().width * _width(panel)), 0.5)


def _draw_state(panel: Axes, marginal: Axes, values: np.ndarray, arrays: dict[str, np.ndarray], clock: _Clock) -> None:
    """One quantity (S,) in time, its running mean within each replica, and its histogram."""
    known = np.isfinite(values)
    values, replica = values[known], arrays["state_replica"][known]
    time = arrays["state_time_ps"][known] * clock.per_ps
    longest = int(np.bincount(replica).max())
    window = longest // _WINDOWS
    for place in range(clock.replicas):
        own = replica == place
        colour = _REPLICAS[place % 2]
        panel.plot(time[own], values[own], color=colour, linewidth=0.7, alpha=0.75, rasterized=own.sum() > 2000)
        if longest >= _FEWEST_FOR_MEAN:
            means = running_mean(values[own], window)
            panel.plot(running_mean(time[own], window)[: len(means)], means, color=style.REFERENCE, linewidth=1.2)
    low, high = _limits(values)
    panel.set_ylim(low, high)
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.ticklabel_format(axis="y", useOffset=False, style="plain")
    bins = int(np.clip(np.sqrt(len(values)), 8, 40))
    heights, edges = np.histogram(values, bins, range=(low, high), density=True)
    marginal.stairs(heights, edges, orientation="horizontal", **style.SERIES["MD"][1])
    marginal.set(ylim=(low, high), xticks=[], yticks=[])
    marginal.set_xlim(left=0)
    marginal.spines["bottom"].set_visible(False)


def _expect_temperature(panel: Axes, marginal: Axes, thermostat: float, freedom: int) -> float:
    """Draw the thermostat with its expected spread in time, and the expected distribution; returns the spread, K."""
    spread = thermostat * float(np.sqrt(2 / freedom))
    low, high = panel.get_ylim()
    low, high = min(low, thermostat - 1.3 * spread), max(high, thermostat + 1.3 * spread)
    panel.axhspan(thermostat - spread, thermostat + spread, color=style.FLOOR, alpha=0.22, linewidth=0, zorder=0)
    panel.axhline(thermostat, color=style.FLOOR, linestyle="--", linewidth=1.0, zorder=1)
    kelvin = np.linspace(low, high, 200)
    marginal.plot(
        temperature_density(kelvin, thermostat, freedom), kelvin, color=style.REFERENCE, linestyle="--", linewidth=1
    )
    for axes in (panel, marginal):
        axes.set_ylim(low, high)
    return spread


def _quantities(arrays: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    """Array, name and unit of each quantity that was recorded."""
    known = (
        ("temperature_k", "temperature", "K"),
        ("density_g_ml", "density", "g/ml"),
        ("potential_kj_mol", "potential energy", "kJ/mol"),
    )
    return [entry for entry in known if np.isfinite(arrays[entry[0]]).any()]


def _title(arrays: dict[str, np.ndarray]) -> str:
    frames = int(arrays["frames"])
    words = style.simulated(frames, float(arrays["frame_interval_ps"])) or f"{frames:,} frames"
    replicas = len(arrays["replica_ends_ps"])
    if replicas > 1:
        words += f" in {replicas} replicas"
    solvent = str(arrays["solvent"])
    water = "imported" if arrays["imported"] else {"explicit": "explicit water"}.get(solvent, f"{solvent} solvent")
    return f"{arrays['peptide']}: MD in time, {words}, {water}"


def _draw_states(figure: Figure, top: float, arrays: dict[str, np.ndarray], clock: _Clock) -> Axes | None:
    """A row of panels a quantity below `top`, inches from the lower edge; returns the first panel, if there is one."""
    quantities = _quantities(arrays)
    width = figure.get_figwidth()
    thermostat, freedom = float(arrays["thermostat_k"]), int(arrays["degrees_of_freedom"])
    panels = []
    for place, (name, words, unit) in enumerate(quantities):
        below = top - place * (_STATE_HEIGHT + _STATE_GAP) - _STATE_HEIGHT
        panel = style.add_panel(figure, _LEFT, below, width - _LEFT - _RIGHT - _MARGINAL - _GAP, _STATE_HEIGHT)
        marginal = style.add_panel(figure, width - _RIGHT - _MARGINAL, below, _MARGINAL, _STATE_HEIGHT)
        _draw_state(panel, marginal, arrays[name], arrays, clock)
        title = f"{words}: {_statistics(arrays[name], unit)}"
        if name == "temperature_k" and np.isfinite(thermostat) and freedom:
            spread = _expect_temperature(panel, marginal, thermostat, freedom)
            title += f" (expected: mean {thermostat:g}, SD {spread:.{_decimals(spread)}f} K)"
        panel.set_title(title, loc="left", fontsize=8.5)
        _name_y(panel, unit)
        last = place == len(quantities) - 1
        clock.set_axis(panel, last, 8)
        if last:
            marginal.set_xlabel("probability density", fontsize=8)
        panels.append(panel)
    return panels[0] if panels else None


def _draw_torsion(panel: Axes, degrees: np.ndarray, arrays: dict[str, np.ndarray], clock: _Clock) -> None:
    """One torsion (P,) in time as dots, since lines would jump where it goes round the circle."""
    time, replica = arrays["torsion_time_ps"] * clock.per_ps, arrays["torsion_replica"]
    size = float(np.clip(45 / np.sqrt(len(time)), 1.5, 3.0))
    looks: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": size, "markeredgewidth": 0}
    for place in range(min(clock.replicas, 2)):
        chosen = replica % 2 == place
        panel.plot(time[chosen], degrees[chosen], color=_REPLICAS[place], rasterized=True, **looks)
    panel.set_ylim(-180, 180)
    panel.tick_params(axis="y", labelsize=7)


def _draw_torsions(
    figure: Figure, top: float, side: tuple[float, float], arrays: dict[str, np.ndarray], clock: _Clock
) -> Axes | None:
    """Panels of `side` (width, height) below `top`, inches; returns the first panel, if there is one."""
    places = {
        (int(residue), str(kind)): column
        for column, (residue, kind) in enumerate(zip(arrays["torsion_residue"], arrays["torsion_kind"], strict=True))
    }
    residues, kinds = _grid(arrays)
    panels = []
    for row, residue in enumerate(residues):
        own = [kind for kind in kinds if (residue, kind) in places]
        for kind in own:
            column = places[residue, kind]
            left = _LEFT + kinds.index(kind) * (side[0] + _GAP)
            panel = style.add_panel(figure, left, top - row * (side[1] + _TORSION_GAP) - side[1], *side)
            _draw_torsion(panel, np.rad2deg(arrays["torsion_angles"][:, column]), arrays, clock)
            style.degree_ticks(panel.yaxis, kind == own[0])
            if kind == own[0]:
                _name_y(panel, "degrees")
            name = style.residue_label(str(arrays["torsion_residue_name"][column]), residue)
            panel.set_title(f"{name} {style.GREEK[kind]}", loc="left", fontsize=8.5, pad=3)
            last = not any((later, kind) in places for later in residues[row + 1 :])
            clock.set_axis(panel, last, 4 if len(kinds) > 3 else 6)
            panels.append(panel)
    return panels[0] if panels else None


def _grid(arrays: dict[str, np.ndarray]) -> tuple[list[int], list[str]]:
    """Residues and kinds of torsions: rows and columns of panels."""
    residues = sorted({int(residue) for residue in arrays["torsion_residue"]})
    return residues, [kind for kind in style.GREEK if kind in arrays["torsion_kind"]]


@style.styled()
def plot_simulation(series: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """An MD in time: above, what was recorded of its thermodynamics with histograms beside it; below, its torsions.

    `series` are those of evaluation's description of an MD. Torsions are a row a residue and a column a kind, in
    degrees; the time axis goes on from one replica to the next, their colours alternate. Quantities that were not
    recorded have no panel.
    """
    ends = series["replica_ends_ps"]
    size, unit = style.time_unit(ends[-1])
    clock = _Clock(unit, 1 / size, ends / size)
    quantities, (residues, kinds) = len(_quantities(series)), _grid(series)
    rows, columns = len(residues), max(len(kinds), 1)
    width = max(_LEAST_WIDTH, _LEFT + columns * (_PANEL_WIDTH + _GAP) - _GAP + _RIGHT)
    side = (width - _LEFT - _RIGHT + _GAP) / columns - _GAP, 0.8 if rows <= 4 else 0.62
    above = 0.55 + (0.2 if clock.replicas > 1 else 0.0)
    states = quantities * (_STATE_HEIGHT + _STATE_GAP) - _STATE_GAP + _TIME_LABEL if quantities else 0.0
    torsions = rows * (side[1] + _TORSION_GAP) - _TORSION_GAP + _TIME_LABEL if rows else 0.3
    between = _BETWEEN if quantities else 0.0
    figure = plt.figure(figsize=(width, above + states + between + torsions + _LEGEND))
    top = figure.get_figheight() - above
    first = _draw_states(figure, top, series, clock)
    below = _draw_torsions(figure, top - states - between, side, series, clock)
    if not rows:
        nothing = style.add_panel(figure, _LEFT, _LEGEND, width - _LEFT - _RIGHT, 0.3)
        style.in_words(nothing, "this molecule has no torsion", 40, left="nothing")
    uppermost = first or below
    if clock.replicas > 1 and uppermost:
        _number_replicas(uppermost, clock)
    _legend(figure, series, clock)
    style.headline(figure, _title(series))
    return figure


def _legend(figure: Figure, arrays: dict[str, np.ndarray], clock: _Clock) -> None:
    """What is drawn how, below all panels."""
    entries: dict[str, Any] = {}
    apart: dict[object, HandlerTuple] = {}
    if _quantities(arrays):
        if clock.replicas == 1:
            entries["as recorded"] = Line2D([], [], color=_REPLICAS[0], linewidth=1.0)
        longest = int(np.bincount(arrays["state_replica"]).max())
        if longest >= _FEWEST_FOR_MEAN:
            span = style.simulated(longest // _WINDOWS, float(np.median(np.diff(arrays["state_time_ps"]))))
            entries[f"running mean over {span}"] = Line2D([], [], color=style.REFERENCE, linewidth=1.2)
        if np.isfinite(arrays["thermostat_k"]) and arrays["degrees_of_freedom"]:
            band = (
                Patch(facecolor=style.FLOOR, alpha=0.3),
                Line2D([], [], color=style.FLOOR, linestyle="--", linewidth=1.0),
            )
            entries["expected temperature: mean, SD, distribution"] = band
    if clock.replicas > 1:
        looks: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "none"}
        both = tuple(Line2D([], [], color=colour, **looks) for colour in _REPLICAS)
        entries["replicas in turn"], apart = both, {both: HandlerTuple(None)}
    if entries:
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="lower center",
            ncols=len(entries),
            borderaxespad=0.2,
            handler_map=apart,
        )
