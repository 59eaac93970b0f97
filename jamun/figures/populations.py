"""Ramachandran maps of samples as drawn, samples with their weights, and weighted MD, a row a residue."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.figures.ramachandran import rows_of_maps

_TITLES = {
    "samples": "samples",
    "samples_weighted": "samples, weighted",
    "md": "short MD",
    "md_weighted": "short MD, weighted",
}


@style.styled()
def plot_populations(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Free energy over phi and psi, -ln p in kT above the row's lowest bin; empty bins are white.

    `result` and `arrays` are populations.json and populations.npz, densities (residues, bins, bins) as [phi, psi]. The
    maps of samples are left out where there were none. Raises FigureError for an unknown colour map.
    """
    names = [name for name in _TITLES if name in arrays]
    edges = np.linspace(-180.0, 180.0, arrays["md"].shape[1] + 1)
    titles = _TITLES if result["bias"] is None else _TITLES | {"md": "short MD, lowered barriers"}
    maps = [arrays[name] for name in names]
    figure = rows_of_maps([titles[name] for name in names], result["ramachandran"], edges, maps, settings)
    nanoseconds = result["frames"] * result["frame_interval_ps"] / 1000
    lag = result["lag"]["lag_ps"]
    style.headline(
        figure, f"{result['peptide']}: {nanoseconds:.3g} ns of MD in {result['runs']} runs, lag {lag:.3g} ps"
    )
    return figure
