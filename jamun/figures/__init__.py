"""Figures of finished results. They read evaluation's files only: to draw again computes nothing anew."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from jamun.config.figures import FigureSettings

# Where the function of a figure is, if not in the module of the figure's name.
_MODULES = {"comparison_page": "comparison", "convergence_of_all": "convergence"}


def function_of(name: str) -> Callable[..., None]:
    """The function that draws the figure `name`: ``{name}_to_files`` of its module."""
    return getattr(import_module(f"jamun.figures.{_MODULES.get(name, name)}"), f"{name}_to_files")


def to_files(
    name: str,
    inputs: Mapping[str, Path | list[Path]],
    outputs: Mapping[str, Path],
    settings: FigureSettings,
) -> None:
    """Draw the figure `name`, that of its rule without ``plot_``, with the function of its name.

    `inputs` are the files that it is drawn from, one or several for each argument of its function; `outputs` are png
    and pdf, or page. Raises FigureError for a figure that cannot be drawn as asked.
    """
    # The viewer is a page and no picture: no setting of figures is about it.
    looks = {"settings": settings} if "png" in outputs else {}
    function_of(name)(**inputs, **looks, **outputs)
