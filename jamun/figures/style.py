"""One look for every figure, and how figures become files."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from jamun.config.figures import FigureSettings
from jamun.io.atomic import atomic_path
from jamun.io.log import UserError

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito's palette: told apart with every common colour blindness.
REFERENCE, SAMPLES, EQUAL, FLOOR = "#000000", "#D55E00", "#0072B2", "#7F7F7F"
CYCLE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
# Of models, in all figures that hold several side by side: without those of MD; and for more than six, wine, olive
# and indigo of Paul Tol's muted palette, which has the same aim.
MODELS = (*(colour for colour in CYCLE if colour not in (EQUAL, REFERENCE)), "#882255", "#999933", "#332288")
# The ensembles of a comparison by their words: the end of their arrays' names, and how distributions are drawn.
SERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "MD": ("reference", {"fill": True, "color": REFERENCE, "alpha": 0.22, "linewidth": 0}),
    "MD at equal wall clock": ("equal", {"color": EQUAL, "linewidth": 1.0}),
    "samples": ("samples", {"color": SAMPLES, "linewidth": 1.4}),
}
# Markers of models and devices, in turn.
MARKERS = "osD^vPX"
# Of atoms, where molecules are drawn: carbons tell MD from samples, dark and orange; the other elements differ from
# both in lightness too.
MD_CARBON, SAMPLES_CARBON = "#5B6770", "#E69F00"
ELEMENTS = {"N": "#0072B2", "O": "#B2182B", "S": "#F0E442"}
GREEK = {"phi": "φ", "psi": "ψ", "omega": "ω", **{f"chi{k}": f"χ{'₁₂₃₄₅'[k - 1]}" for k in range(1, 6)}}
_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so that every machine draws the same
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
}


class FigureError(UserError):
    """A figure that cannot be drawn as asked."""


def read_rows(path: Path, needed: Sequence[str], wrote: str, texts: Sequence[str] = ()) -> pd.DataFrame:
    """A table (CSV) in which only blanks are missing: the peptide Asn-Ala is called NA.

    Raises FigureError, with what `wrote` it, where it has no rows, or lacks a column that is `needed`. Columns `texts`
    are text whatever they hold.
    """
    import pandas as pd  # slow to import, and most figures are drawn without a table

    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(texts, "str"))
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    absent = [name for name in needed if name not in table.columns]
    if absent or table.empty:
        lack = f"no column {absent[0]}" if absent else "no rows"
        raise FigureError(f"{path}: has {lack}; give the {path.name} that {wrote} wrote.")
    return table


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside, or in the function below, with the project's style, whatever the user's matplotlibrc says."""
    with plt.rc_context():
        matplotlib.rcdefaults()
        plt.style.use(_SETTINGS)
        yield


def colormap(settings: FigureSettings) -> Colormap:
    """The colour map of free energies, white where there are no data. Raises FigureError for an unknown name."""
    if settings.colormap not in matplotlib.colormaps:
        close = difflib.get_close_matches(settings.colormap, list(matplotlib.colormaps), n=1)
        raise FigureError(
            f"figures.colormap: Matplotlib has no colour map {settings.colormap!r}; use {(close or ['viridis'])[0]}, "
            "or another that it has."
        )
    return matplotlib.colormaps[settings.colormap].with_extremes(bad="white")


def residue_label(name: str, place: int) -> str:
    """``Ala1`` for ALA at place 1."""
    return f"{name.capitalize()}{place}"


def free_energy(counts: np.ndarray) -> np.ndarray:
    """-ln p in kT of each bin of `counts` (any shape), p being its share; NaN in empty bins."""
    counts = np.asarray(counts, dtype=float)
    return -np.log(np.where(counts > 0, counts, np.nan) / max(counts.sum(), 1.0))


def square_panels(
    rows: int,
    columns: int,
    side: float,
    gaps: tuple[float, float],
    margins: tuple[float, float, float, float],
    group: int = 1,
) -> tuple[Figure, np.ndarray]:
    """A figure with square panels of `side` inches, and the panels (rows, columns).

    `gaps` lie between columns and between rows, `margins` left, right, below and above the panels, in inches: maps keep
    their size whatever their number, and nothing beside them can push them out of line. Of rows in groups of `group`
    those of one group are only half a gap apart.
    """
    left, right, below, above = margins
    tops, top = [], 0.0
    for row in range(rows):
        if row:
            top += side + (gaps[1] if row % group == 0 else gaps[1] / 2)
        tops.append(top)
    width = left + columns * side + (columns - 1) * gaps[0] + right
    height = above + top + side + below
    figure = plt.figure(figsize=(width, height))
    panels = np.empty((rows, columns), dtype=object)
    for row, column in np.ndindex(rows, columns):
        corner = left + column * (side + gaps[0]), height - above - tops[row] - side
        panels[row, column] = add_panel(figure, *corner, side, side)
    return figure, panels


def add_panel(figure: Figure, left: float, below: float, width: float, height: float) -> Axes:
    """A panel at a place of the figure in inches from its lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, below / up, width / across, height / up))


def headline(figure: Figure, text: str) -> None:
    """The figure's title, a fixed distance below its upper edge; long ones are broken into lines that fit."""
    across, up = figure.get_size_inches()
    text = textwrap.fill(text, max(20, int(across * 10.5)))
    if figure.get_layout_engine() is None:
        figure.suptitle(text, fontsize=11, fontweight="bold", y=1 - 0.08 / up, va="top")
    else:
        figure.suptitle(text, fontsize=11, fontweight="bold")


def footnote(figure: Figure, text: str) -> None:
    """A sentence under the panels of a figure with places in inches (`square_panels`), which grows by its lines."""
    across, up = figure.get_size_inches()
    lines = textwrap.wrap(text, max(20, int(across * 15)))
    more = 0.16 * len(lines) + 0.08
    figure.set_size_inches(across, up + more)
    for axes in figure.axes:
        left, below, width, height = axes.get_position().bounds
        axes.set_position((left, (below * up + more) / (up + more), width, height * up / (up + more)))
    for said in figure.texts:
        x, y = said.get_position()
        said.set_position((x, (y * up + more) / (up + more)))
    figure.text(0.5, 0.06 / (up + more), "\n".join(lines), fontsize=8, ha="center", va="bottom")


def square_degrees(axes: Axes, left: bool = True, bottom: bool = True, labelled: int = 90) -> None:
    """Axes over phi and psi: -180 to 180 degrees both, a tick every 90, numbers every `labelled` degrees.

    `left`, `bottom`: whether this panel carries the names and numbers of its axes, or leaves them to a neighbour.
    """
    axes.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal", axisbelow=False)
    axes.spines[["top", "right"]].set_visible(True)
    degree_ticks(axes.xaxis, bottom, labelled)
    degree_ticks(axes.yaxis, left, labelled)
    axes.set(xlabel="φ (degrees)" if bottom else "", ylabel="ψ (degrees)" if left else "")


def degree_ticks(axis: matplotlib.axis.Axis, numbers: bool = True, labelled: int = 90) -> None:
    """A tick every 90 degrees from -180 to 180, with numbers every `labelled` degrees or none."""
    ticks = [-180, -90, 0, 90, 180]
    shown = [str(tick).replace("-", "−") if numbers and (tick + 180) % labelled == 0 else "" for tick in ticks]
    axis.set_ticks(ticks, shown)


def in_words(axes: Axes, text: str, width: int = 26, left: Literal["axes", "frame", "nothing"] = "axes") -> None:
    """A sentence where a panel has nothing to draw; `left` is what stays of the panel."""
    if left == "frame":
        axes.set(xticks=[], yticks=[])
    elif left == "nothing":
        axes.set_axis_off()
    axes.text(0.5, 0.5, textwrap.fill(text, width), transform=axes.transAxes, ha="center", va="center", fontsize=8)


def log_ticks(axis: matplotlib.axis.Axis, steps: Sequence[float] = (1, 2, 5)) -> None:
    """Numbers as 0.2, 0.5, 1 on a logarithmic axis, at these `steps` in each power of ten."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def set_pads(figure: Figure, width: float, height: float, hspace: float | None = None) -> None:
    """Room around panels of a constrained layout, inches; `hspace` is that between rows, a share of their height."""
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine), "the figure was made with it"
    engine.set(w_pad=width, h_pad=height, hspace=hspace)


def below_legend(figure: Figure, entries: dict[str, Any], above: str | None = None) -> None:
    """A legend under the panels of a figure with a constrained layout, in as many columns as fit its width.

    `entries` are handles by label; `above` is a line over them, such as what all the axes are.
    """
    if not entries:
        return
    letters = figure.get_size_inches()[0] * 16
    columns = int(np.clip(letters // (max(map(len, entries)) + 8), 1, len(entries)))
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=columns, title=above, title_fontsize=9
    )


@styled()
def save(figure: Figure, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Write both formats atomically; without dates and versions, so that the same data give the same bytes."""
    try:
        with atomic_path(png) as temporary:
            figure.savefig(temporary, dpi=settings.dpi, metadata={"Software": None})
        with atomic_path(pdf) as temporary:
            # Maps are pictures inside the PDF: a thousand squares each would be slow to open.
            figure.savefig(
                temporary,
                dpi=max(settings.dpi, 200),
                metadata={"CreationDate": None, "Producer": None, "Creator": None},
            )
    finally:
        plt.close(figure)


def intervals(panel: Axes, x: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray, **looks: Any) -> None:
    """Bars from `low` to `high` at points (n,); none where one of these is not known."""
    error = np.stack([value - low, high - value])
    known = np.isfinite(error).all(0)
    if known.any():
        error = np.clip(error[:, known], 0, None)
        panel.errorbar(x[known], value[known], error, fmt="none", elinewidth=1.2, **looks)


def duration(seconds: float | None) -> str:
    """Seconds in words of a fitting size."""
    if seconds is None:
        return "unknown time"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def time_unit(ps: float) -> tuple[float, str]:
    """The unit that fits a simulated time, as so many ps, and its name."""
    return next(((size, unit) for size, unit in ((1e6, "μs"), (1e3, "ns")) if ps >= size), (1.0, "ps"))


def simulated(frames: int, interval_ps: float | None) -> str | None:
    """Simulated time of so many frames, or None where the time between frames is not known."""
    if not interval_ps:
        return None
    size, unit = time_unit(frames * interval_ps)
    return f"{frames * interval_ps / size:.4g} {unit}"
