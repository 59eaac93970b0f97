"""Potential energies of samples beside the MD's."""

import numpy as np
import pytest
from figure_inputs import SETTINGS, draw, misplaced_texts, to_files

from jamun.figures.energies import plot_energies

KT = 2.5
NAMES = ("energy_w2", "torus_w2", "tica_w2")


def made(samples, weights=None, md_frames=1000, own=True):
    """A result and arrays as the evaluation writes them."""
    rng = np.random.default_rng(0)
    md = rng.normal(-500.0, 15.0, md_frames)
    result = {
        "peptide": "AV",
        "model": "default",
        "energy": {"kt": KT, "md": {"mean": float(md.mean())}},
        "distances": {name: {"value": 1.25} for name in NAMES},
        "baselines": {"md_halves": {name: {"value": 0.31} for name in NAMES}},
    }
    arrays = {"energy_md": md, "energy_samples": samples, "energy_md_own": md + 1.0 if own else np.zeros(0)}
    arrays |= {f"{name}_weights": np.ones(len(values)) for name, values in arrays.items()}
    if weights is not None:
        arrays["energy_samples_weights"] = weights
    return result, arrays


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for panel in figure.axes for text in panel.texts)


def test_densities_are_of_energies_in_kt_from_the_mean_of_the_md():
    samples = np.random.default_rng(1).normal(-480.0, 20.0, 2000)
    result, arrays = made(samples)
    figure = plot_energies(result, arrays, SETTINGS)
    (panel,) = figure.axes
    assert len(panel.patches) == 3
    mean = result["energy"]["md"]["mean"]
    for stairs, values in zip(panel.patches, (arrays["energy_md"], arrays["energy_md_own"], samples), strict=True):
        heights, edges, _ = stairs.get_data()
        assert (heights * np.diff(edges)).sum() == pytest.approx(1, abs=0.02)
        middle = (heights * np.diff(edges) * (edges[1:] + edges[:-1]) / 2).sum()
        assert middle == pytest.approx((values.mean() - mean) / KT, abs=0.5)
    assert "E-W2 1.25 kT  (MD's halves 0.31)" in words(figure)
    figure.canvas.draw()
    assert misplaced_texts(figure) == []


def test_weights_and_samples_far_off():
    """A thousandth of the samples does not squeeze the rest; what lies outside is told."""
    samples = np.full(1000, -500.0)
    samples[:100] = 1e6
    figure = plot_energies(*made(samples, own=False), SETTINGS)
    (panel,) = figure.axes
    assert panel.get_xlim()[1] < 300
    assert "10.0 % of the samples lie outside of the axis" in words(figure)
    weights = np.where(samples > 0, 0.0, 1.0)
    figure = plot_energies(*made(samples, weights=weights, own=False), SETTINGS)
    assert "outside" not in words(figure)


def test_no_energies_are_told(tmp_path):
    result, _ = made(np.zeros(0))
    result["energy"] = None
    result["distances"] = result["distances"] | {"energy_w2": {"value": None, "reason": "no force field is given"}}
    assert "no energies: no force field is given" in words(plot_energies(result, {}, SETTINGS))
    paths = to_files(tmp_path, *made(np.random.default_rng(2).normal(-470.0, 30.0, 500)))
    draw("energies", tmp_path / "energies", result=paths[0], arrays=paths[1])
    assert all((tmp_path / f"energies.{suffix}").stat().st_size > 1000 for suffix in ("png", "pdf"))


def test_samples_that_are_all_far_off():
    """The MD is shown all the same, and a distance of twenty digits does not leave the page."""
    result, arrays = made(np.full(500, 1e20))
    result["distances"]["energy_w2"]["value"] = 4e19
    figure = plot_energies(result, arrays, SETTINGS)
    assert "E-W2 4.0e+19 kT" in words(figure)
    assert "100.0 % of the samples lie outside of the axis" in words(figure)
    low, high = figure.axes[0].get_xlim()
    assert high - low < 1.2 * np.ptp(arrays["energy_md"]) / KT
    assert misplaced_texts(figure) == []
