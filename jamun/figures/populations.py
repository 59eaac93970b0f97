"""Ramachandran maps of samples as drawn, samples with their weights, and weighted MD, a row a residue."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.ramachandran import rows_of_maps
from jamun.figures.style import headline, styled

_TITLES = {
    "samples": "samples",
    "samples_weighted": "samples, weighted",
    "md": "short MD",
    "md_weighted": "short MD, weighted",
}


def _residues(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The residues of the maps, in the order of the sequence."""
    return [
        {"residue": step["place"], "residue_name": step["residue"]}
        for step in result["steps"]
        if step["step"] == "helical"
    ]


def _amount(result: dict[str, Any]) -> str:
    picoseconds = result["runs"] * (result["frames"] / result["runs"]) * result["frame_interval_ps"]
    return f"{picoseconds / 1000:.3g} ns of MD in {result['runs']} runs, lag {result['lag']['lag_ps']:.3g} ps"


@styled()
def plot_populations(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi, -ln p in kT above the row's lowest bin; empty bins are white.

    `result` and `arrays` are populations.json and populations.npz, densities (residues, bins, bins) as [phi, psi]. The
    maps of samples are left out where there were none. Raises FigureError for an unknown colour map.
    """
    names = [name for name in _TITLES if name in arrays]
    residues = _residues(result)
    edges = np.linspace(-180.0, 180.0, arrays["md"].shape[1] + 1)
    figure = rows_of_maps(
        [_TITLES[name] for name in names], residues, edges, [arrays[name] for name in names], settings
    )
    headline(figure, f"{result['peptide']}: {_amount(result)}")
    return figure
