"""Figures of finished results. They read evaluation's files only: to draw again computes nothing anew.

A module is called after its figure. Its ``plot_{name}`` draws what the files hold, JSON and NPZ, an argument a file. A
figure that is made from more, or from other files, has ``draw_{name}``, which takes their paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jamun.config.figures import FigureSettings
from jamun.evaluation.metrics import read_result
from jamun.io.atomic import read_npz

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where the function of a figure is, if not in the module of the figure's name.
_MODULES = {"comparison_page": "comparison", "convergence_of_all": "convergence"}


def _contents(files: Path | list[Path]) -> Any:
    """What a file of a result or of its arrays holds, or each of several."""
    if isinstance(files, list):
        return [_contents(one) for one in files]
    return read_npz(files) if files.suffix == ".npz" else read_result(files)


def function_of(name: str) -> Callable[..., Figure]:
    """What makes the figure `name` from the paths of its files, each by the name of its argument, and `settings`."""
    module = import_module(f"jamun.figures.{_MODULES.get(name, name)}")
    if draw := getattr(module, f"draw_{name}", None):
        return draw
    plot = getattr(module, f"plot_{name}")
    return lambda settings, **files: plot(**{key: _contents(one) for key, one in files.items()}, settings=settings)


def to_files(
    name: str,
    inputs: Mapping[str, Path | list[Path]],
    outputs: Mapping[str, Path],
    settings: FigureSettings,
) -> None:
    """Draw the figure `name`, that of its rule without ``plot_``, or write the page of the viewer.

    `inputs` are the files that it is drawn from, one or several for each argument of its function; `outputs` are png
    and pdf, or page. Raises FigureError for a figure that cannot be drawn as asked, and UserError for a result of an
    earlier version.
    """
    if "page" in outputs:
        import_module("jamun.figures.viewer").viewer_to_files(**inputs, **outputs)
        return
    from jamun.figures.style import save

    save(function_of(name)(**inputs, settings=settings), settings, **outputs)
