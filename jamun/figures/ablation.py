"""The ablation of sampling: accuracy, physicality and mixing against what was changed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from jamun.config.figures import FigureSettings
from jamun.evaluation.ablation import NONE, SETTING_COLUMNS
from jamun.figures import style
from jamun.peptides.splits import NAME_OF_MEANS

# Column of the table, words, and colour of each series of a row of panels; then the axis, and a factor to its unit.
_ROWS = (
    (
        (("js_backbone", "backbone torsions", style.CYCLE[0]), ("js_all", "all torsions", style.CYCLE[1])),
        "JS distance to MD",
        1.0,
    ),
    (
        (
            ("bond_outlier", "bond outlier", style.CYCLE[2]),
            ("inverted", "centre inverted", style.CYCLE[3]),
            ("clash", "clash", style.CYCLE[4]),
        ),
        "samples (%)",
        100.0,
    ),
    ((("ess_per_evaluation", "effective samples", "#000000"),), "effective samples\na network evaluation", 1.0),
)
_NAMES = {
    "sigma": "σ of the walk (nm)",
    "friction": "friction",
    "jump_sigmas": "levels of the jump (nm)",
    "model": "model",
    "step": "step (σ)",
    "score_clip": "score clip (1/σ)",
    "inverse_temperature": "inverse temperature",
}
# Numbers that span more than this are drawn on a logarithmic axis.
_WIDE = 5.0


@dataclass(frozen=True)
class Family:
    """Variants that differ in the same settings, and beside them the settings that those differ from: `rows` of the
    table, where each is drawn, and the ticks there. Whether the axis is of numbers, and logarithmic; else words stand
    side by side. Values with an order are joined by lines."""

    name: str
    rows: pd.DataFrame
    places: np.ndarray
    ticks: dict[float, str]
    numeric: bool
    logarithmic: bool
    ordered: bool


def _label(row: pd.Series, family: str) -> str:
    """What stands below a point: the setting's value, or the name of the variant where several settings differ."""
    if family == "model":
        return str(row["model"])
    column = SETTING_COLUMNS.get(family, family)
    return str(row["variant"] if "," in family or column not in row else row[column])


def families(table: pd.DataFrame) -> list[Family]:
    """The rows of the table by what is changed, in its order; first in each the rows with nothing of it changed.

    `table` has one row a variant, the plain settings first. A family of one number a variant keeps its numbers.
    """
    found = []
    plain = table.iloc[0]
    for name in dict.fromkeys(table["family"].iloc[1:]):
        own = table[table["family"] == name]
        # Of each model in the family the row in which nothing but the model differs, and the plain one always.
        unchanged = table[table["family"].isin(["", "model"])]
        beside = unchanged[unchanged["model"].isin(own["model"]) | (unchanged["variant"] == plain["variant"])]
        rows = own if name == "model" else pd.concat([beside, own])
        rows = pd.concat([table.iloc[:1], rows]).drop_duplicates("variant")
        labels = [_label(row, name) for _, row in rows.iterrows()]
        numbers = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy()
        numeric = bool(np.isfinite(numbers).all()) and name not in ("jump_sigmas", "model") and "," not in name
        if numeric:
            wide = numbers.min() > 0 and numbers.max() / numbers.min() > _WIDE
            ticks = {float(number): f"{number:g}" for number in sorted(set(numbers))}
            found.append(Family(name, rows, numbers, ticks, True, bool(wide), True))
            continue
        levels = name == "jump_sigmas"
        # None first, then short lists of levels before long ones, then as they come.
        order = sorted(dict.fromkeys(labels), key=lambda label: (label != NONE, label.count(",") if levels else 0))
        places = np.array([order.index(label) for label in labels], dtype=float)
        words = {float(place): label.replace(", ", "\n") for place, label in enumerate(order)}
        found.append(Family(name, rows, places, words, False, False, levels))
    return found


def _spread(family: Family, number: int, count: int) -> np.ndarray:
    """Places of one of `count` series and models, moved aside by a little of the axis' length so that bars of
    interval do not cover each other."""
    aside = (number - (count - 1) / 2) * (0.022 if family.numeric else 0.022 * max(len(family.ticks), 3))
    if family.logarithmic:
        return family.places * (family.places.max() / family.places.min()) ** aside
    length = np.ptp(family.places) if family.numeric else 1.0
    return family.places + aside * (length or 1.0)


def _draw(panel: Axes, family: Family, row: int, models: list[str]) -> dict[str, Any]:
    """One panel; returns the legend's entries."""
    series, _, factor = _ROWS[row]
    entries: dict[str, Any] = {}
    shown = [model for model in models if (family.rows["model"] == model).any()]
    untrained = (family.rows["untrained_sigmas_nm"] != NONE).to_numpy()
    count = len(series) * len(shown)
    for place, (column, words, colour) in enumerate(series):
        value, low, high = (factor * family.rows[f"{column}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        for turn, model in enumerate(shown):
            own = (family.rows["model"] == model).to_numpy() & np.isfinite(value)
            if not own.any():
                continue
            x = _spread(family, place * len(shown) + turn, count)
            marker = style.MARKERS[models.index(model) % len(style.MARKERS)]
            if family.ordered:
                order = np.argsort(x[own], kind="stable")
                panel.plot(x[own][order], value[own][order], "-", color=colour, linewidth=1.0, alpha=0.6)
            style.intervals(panel, x, np.where(own, value, np.nan), low, high, ecolor=colour, capsize=2, zorder=3)
            for chosen, face in ((own & ~untrained, colour), (own & untrained, "white")):
                if not chosen.any():  # what is empty and unclipped has no place, which upsets the layout
                    continue
                looks: dict[str, Any] = {"color": colour, "markerfacecolor": face, "markersize": 5.5}
                # Unclipped: a share of 0 is a whole marker on the axis.
                panel.plot(x[chosen], value[chosen], marker, clip_on=False, zorder=4, **looks)
            entries.setdefault(words, Line2D([], [], color=colour, linewidth=2.0))
    return entries


def _floors(panel: Axes, series: tuple[tuple[str, str, str], ...], variants: pd.DataFrame) -> dict[str, Any]:
    """The MD's halves against each other, in the colour of what is measured; returns the legend's entry."""
    floors = {colour: variants[f"{column}_md_halves"].iloc[0] for column, _, colour in series}
    known = {colour: floor for colour, floor in floors.items() if np.isfinite(floor)}
    for colour, floor in known.items():
        panel.axhline(floor, color=colour, linestyle=":", linewidth=1.2, zorder=1)
    return {"MD, half against half": Line2D([], [], color="0.3", linestyle=":")} if known else {}


def _axes(panel: Axes, family: Family, bottom: bool) -> None:
    """Ticks at the values that there are, and the plain settings dashed."""
    if family.logarithmic:
        panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(list(family.ticks)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_ticklabels(list(family.ticks.values()) if bottom else [""] * len(family.ticks))
    low, high = min(family.ticks), max(family.ticks)
    if family.logarithmic:
        room = (high / low) ** 0.12
        panel.set_xlim(low / room, high * room)
    else:
        room = 0.12 * (high - low) if family.numeric and high > low else 0.5
        panel.set_xlim(low - room, high + room)
    panel.axvline(family.places[0], color=style.FLOOR, linestyle="--", linewidth=1.0, zorder=0)
    panel.set_xlabel(_NAMES.get(family.name, family.name.replace("_", " ")) if bottom else "")


@style.styled()
def plot_ablation(table: pd.DataFrame, settings: FigureSettings) -> Figure:
    """A column of panels a setting that was changed; rows: accuracy, physicality, mixing.

    `table` is evaluation's, with rows of means and the plain settings first. Colours tell what is measured, markers the
    model, open ones that the network was not trained at a level; the MD's floor of the JS distance is grey.
    """
    peptides = [peptide for peptide in dict.fromkeys(table["peptide"]) if peptide != NAME_OF_MEANS]
    # One row a variant: the mean, or of a single peptide its own, which has intervals.
    variants = table[table["peptide"] == (peptides[0] if len(peptides) == 1 else NAME_OF_MEANS)]
    models = list(dict.fromkeys(variants["model"]))
    columns = families(variants)
    what = peptides[0] if len(peptides) == 1 else f"means of {len(peptides)} peptides"
    widths = [max(2.0, 0.62 * len(family.ticks) + 0.8) for family in columns]
    figure, axes = plt.subplots(
        len(_ROWS),
        len(columns),
        figsize=(max(2.8 + sum(widths), 5.4), 7.2),
        sharey="row",
        squeeze=False,
        layout="constrained",
        gridspec_kw={"width_ratios": widths},
    )
    style.set_pads(figure, 0.05, 0.06)
    for row, (series, axis, _) in enumerate(_ROWS):
        entries: dict[str, Any] = {}
        for family, panel in zip(columns, axes[row], strict=True):
            drawn = _draw(panel, family, row, models)
            if not drawn:
                style.in_words(panel, "no numbers")
            entries |= drawn
            _axes(panel, family, bottom=row == len(_ROWS) - 1)
            if row == 0:
                entries |= _floors(panel, series, variants)
        axes[row, 0].set_ylabel(axis)
        _height(axes[row, 0], row, variants)
        if len(series) > 1 and entries:
            words = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
            axes[row, -1].legend(entries.values(), entries.keys(), **words)
    style.below_legend(figure, _keys(variants, models))
    style.headline(figure, f"{table['dataset'].iloc[0]}: other settings of sampling, {what}")
    return figure


def _height(panel: Axes, row: int, variants: pd.DataFrame) -> None:
    """The shared vertical axis of a row: from 0, or logarithmic where mixing spans much."""
    values = variants[[column for column, _, _ in _ROWS[row][0]]].to_numpy(float)
    values = values[np.isfinite(values) & (values > 0)]
    if row == len(_ROWS) - 1 and len(values) and values.max() / values.min() > _WIDE:
        panel.set_yscale("log")
        style.log_ticks(panel.yaxis)
    else:
        panel.set_ylim(bottom=0)


def _keys(variants: pd.DataFrame, models: list[str]) -> dict[str, Any]:
    """Entries of the legend below: the plain settings, models by marker, untrained levels."""
    grey: dict[str, Any] = {"color": "0.3", "linestyle": "none", "markersize": 5.5}
    entries: dict[str, Any] = {"plain settings": Line2D([], [], color=style.FLOOR, linestyle="--", linewidth=1.0)}
    if len(models) > 1:
        for number, model in enumerate(models):
            entries[f"model {model}"] = Line2D([], [], marker=style.MARKERS[number % len(style.MARKERS)], **grey)
    if (variants["untrained_sigmas_nm"] != NONE).any():
        entries["not trained at this level"] = Line2D([], [], marker="o", markerfacecolor="white", **grey)
    return entries


def draw_ablation(table: Path, settings: FigureSettings) -> Figure:
    """Evaluation's table of the ablation (CSV), drawn. Raises FigureError for one without rows or its columns."""
    needed = ("variant", "model", "peptide", "family", "js_backbone", "bond_outlier", "ess_per_evaluation")
    read = style.read_rows(table, needed, "the evaluation", ("family", "jump_sigmas_nm"))
    read["family"] = read["family"].fillna("")
    return plot_ablation(read, settings)
