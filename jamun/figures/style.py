"""One look for every figure, and how figures become files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.io.atomic import atomic_path
from jamun.io.log import UserError

# Okabe and Ito's palette: told apart with every common colour blindness.
REFERENCE, SAMPLES, EQUAL, FLOOR = "#000000", "#D55E00", "#0072B2", "#7F7F7F"
CYCLE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
GREEK = {"phi": "φ", "psi": "ψ", "omega": "ω", **{f"chi{k}": f"χ{'₁₂₃₄₅'[k - 1]}" for k in range(1, 6)}}
_SETTINGS = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "pdf.fonttype": 42,
    "svg.hashsalt": "jamun",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside with the project's style."""
    with plt.rc_context(_SETTINGS):
        yield


def colormap(settings: FigureSettings) -> matplotlib.colors.Colormap:
    """The colour map of free energies, white where there are no data. Raises UserError for an unknown name."""
    try:
        chosen = matplotlib.colormaps[settings.colormap].copy()
    except KeyError:
        raise UserError(
            f"figures.colormap: Matplotlib has no colour map {settings.colormap!r}; use viridis, or another."
        ) from None
    chosen.set_bad("white")
    return chosen


def residue_label(name: str, place: int) -> str:
    """``Ala1`` for ALA at place 1."""
    return f"{name.capitalize()}{place}"


def free_energy(counts: np.ndarray) -> np.ndarray:
    """-ln p in kT above the lowest bin; NaN in empty bins. All NaN without counts."""
    counts = np.asarray(counts, dtype=float)
    if counts.sum() == 0:
        return np.full(counts.shape, np.nan)
    return np.where(counts > 0, -np.log(np.where(counts > 0, counts, 1) / counts.max()), np.nan)


def square_degrees(axes: Axes, labels: bool = True) -> None:
    """Axes over phi and psi: -180 to 180 degrees both, a tick every 90."""
    ticks = [-180, -90, 0, 90, 180]
    axes.set(xlim=(-180, 180), ylim=(-180, 180), xticks=ticks, yticks=ticks, aspect="equal")
    axes.spines[["top", "right"]].set_visible(True)
    if labels:
        axes.set(xlabel="φ (degrees)", ylabel="ψ (degrees)")


def in_words(axes: Axes, text: str) -> None:
    """A sentence where a panel has nothing to draw."""
    words, lines, line = text.split(), [], ""
    for word in words:
        if len(line) + len(word) > 26:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    axes.text(0.5, 0.5, "\n".join([*lines, line]), transform=axes.transAxes, ha="center", va="center", fontsize=8)


def save(figure: Figure, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Write both formats atomically; without dates and versions, so that the same data give the same bytes."""
    with atomic_path(png) as temporary:
        figure.savefig(temporary, dpi=settings.dpi, metadata={"Software": None})
    with atomic_path(pdf) as temporary:
        figure.savefig(temporary, metadata={"CreationDate": None, "Producer": None, "Creator": None})
    plt.close(figure)


def duration(seconds: float) -> str:
    """Seconds in words of a fitting size."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def simulated(frames: int, interval_ps: float) -> str:
    """Simulated time of so many frames."""
    time = frames * interval_ps
    return f"{time / 1e3:.4g} ns" if time >= 1e3 else f"{time:.4g} ps"
