"""Ramachandran maps of several models at equal wall clock beside the MD's (paper: figure 10)."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.figures.ramachandran import draw_rows

# Panels, the gaps between them and the margins, in inches.
_SIDE, _GAP, _LEFT, _RIGHT, _BELOW, _ABOVE = 1.8, 0.3, 1.0, 0.85, 0.5, 0.42
_ROW_GAP, _TITLES, _LINE, _BETWEEN = 0.16, 0.45, 0.16, 0.3
# Of a model's name so many letters fit over a panel.
_LETTERS = 22
# A page holds the peptides whose residues together are so many, the first one in any case.
_MOST_ROWS = 6

Compared = tuple[dict[str, Any], dict[str, np.ndarray]]


def _titles(result: dict[str, Any]) -> list[str]:
    reference = result["reference"]
    amount = [style.simulated(reference["frames"], reference["frame_interval_ps"]), f"{reference['frames']:,} frames"]
    titles = [f"MD\n{', '.join(filter(None, amount))}"]
    for entry in result["models"]:
        drawn = f"{entry['frames']:,} sample{'s' if entry['frames'] > 1 else ''}"
        name = "\n".join(textwrap.wrap(entry["model"], _LETTERS))
        titles.append(f"{name}\n{drawn} in {style.duration(entry['seconds'])}")
    return titles


def first_rows(compared: Sequence[Compared], most: int = _MOST_ROWS) -> list[Compared]:
    """As many of the first peptides as have `most` residues with phi and psi together, the first in any case."""
    shown: list[Compared] = []
    rows = 0
    for one in compared:
        rows += max(len(one[0]["models"][0]["ramachandran"]), 1)
        if shown and rows > most:
            break
        shown.append(one)
    return shown


@style.styled()
def plot_models(compared: Sequence[Compared], settings: FigureSettings, title: str) -> Figure:
    """Free energy over phi and psi in kT above the row's lowest bin: MD and each model, a row a residue.

    `compared` are evaluation's results and arrays of peptides with the same models; each peptide's rows stand under
    titles of their own, which tell how many samples each model drew in the wall clock of the fastest. The JS distance
    to all MD stands in the corner of a model's panel. Raises FigureError for an unknown colour map.
    """
    columns = 1 + len(compared[0][0]["models"])
    rows = [max(len(result["models"][0]["ramachandran"]), 1) for result, _ in compared]
    lines = max(words.count("\n") for result, _ in compared for words in _titles(result))
    titles = _TITLES + (lines - 1) * _LINE
    blocks = [titles + count * _SIDE + (count - 1) * _ROW_GAP for count in rows]
    width = _LEFT + columns * _SIDE + (columns - 1) * _GAP + _RIGHT
    height = _ABOVE + sum(blocks) + (len(blocks) - 1) * _BETWEEN + _BELOW
    figure = plt.figure(figsize=(width, height))
    top = height - _ABOVE
    for number, ((result, arrays), count, block) in enumerate(zip(compared, rows, blocks, strict=True)):
        axes = np.empty((count, columns), dtype=object)
        for row, column in np.ndindex(axes.shape):
            below = top - titles - (row + 1) * _SIDE - row * _ROW_GAP
            axes[row, column] = style.add_panel(figure, _LEFT + column * (_SIDE + _GAP), below, _SIDE, _SIDE)
        residues = [entry["ramachandran"] for entry in result["models"]]
        distances = [[None, *(one["js"]["value"] for one in models)] for models in zip(*residues, strict=True)]
        maps = [arrays["ramachandran_reference"], *arrays["ramachandran_models"]]
        draw_rows(axes, residues[0], np.rad2deg(arrays["ramachandran_edges"]), maps, settings, distances)
        for panel, words in zip(axes[0], _titles(result), strict=True):
            panel.set_title(words)
        if len(compared) > 1:
            figure.text(0.12 / width, (top - titles + 0.06) / height, result["peptide"], fontweight="bold")
        for panel in axes[-1] if number < len(compared) - 1 else []:
            panel.set_xlabel("")
        top -= block + _BETWEEN
    style.headline(figure, title)
    return figure


def _clock(result: dict[str, Any]) -> str:
    """Whether the samples are of equal wall clock, in words."""
    return "wall clock not recorded" if result["seconds"] is None else "equal wall clock"


def plot_comparison(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """One peptide's maps by every model; see ``plot_models``."""
    return plot_models([(result, arrays)], settings, f"{result['peptide']}: models at {_clock(result)}")


def plot_comparison_page(
    results: Sequence[dict[str, Any]], arrays: Sequence[dict[str, np.ndarray]], settings: FigureSettings
) -> Figure:
    """The first of these peptides on one page, each with its own rows; see ``plot_models``."""
    shown = first_rows(list(zip(results, arrays, strict=True)))
    more = f", {len(shown)} of {len(results)} peptides" if len(shown) < len(results) else ""
    return plot_models(shown, settings, f"{results[0]['dataset']}: models at {_clock(results[0])}{more}")
