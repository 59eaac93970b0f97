"""Decorrelation, densities along TIC 0 and maps over TIC 0 and 1."""

import numpy as np
import pytest
from figure_inputs import SETTINGS, make_angles, make_torsions, misplaced_texts, to_files, written_twice

from jamun.config.evaluation import DynamicsSettings, EvaluationSettings
from jamun.config.figures import FigureSettings
from jamun.evaluation.dynamics import analyse
from jamun.evaluation.pair import Clock, Ensemble, Pair
from jamun.figures.dynamics import plot_dynamics
from jamun.figures.style import FigureError


def make_dynamics(residues, frames=1500, samples=2000, chains=20, sampling_seconds=40.0, model="default", unit="ps"):
    """Slow motions of made-up ensembles by the real code: (result, arrays)."""
    torsions = make_torsions(residues)
    first = make_angles(torsions, frames, 1, dwell=60.0)
    # Frames of one chain lie `chains` apart, so that a chain moves in steps of so many of these.
    second = make_angles(torsions, samples, 2, shares=(0.5, 0.35, 0.15), dwell=100.0, width=25.0)
    settings = DynamicsSettings(transport_frames=50, transport_repeats=3)
    md = Ensemble(torsions, first, np.zeros(frames, int), Clock(frames * 0.1, 0.1, 0.5, unit))
    drawn = Ensemble(torsions, second, np.arange(samples) % chains, Clock(sampling_seconds, None, 1.0, "samples"))
    result, arrays = analyse(Pair(md, drawn), EvaluationSettings(dynamics=settings))
    interval = 0.5 if unit == "ps" else None
    reference = {"frames": frames, "frame_interval_ps": interval, "seconds": frames * 0.1}
    drawn = {"frames": samples, "seconds": sampling_seconds, "walk_steps_per_sample": 2}
    return {"peptide": "X" * len(residues), "model": model, "reference": reference, "samples": drawn} | result, arrays


@pytest.fixture(scope="module")
def dipeptide():
    return make_dynamics(["ALA", "TRP"])


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for panel in figure.axes for text in panel.texts)


def test_panels_hold_the_curves_of_the_arrays(dipeptide):
    result, arrays = dipeptide
    figure = plot_dynamics(result, arrays, SETTINGS)
    md, samples, density = figure.axes[:3]
    for panel, name, unit in ((md, "md", 0.5), (samples, "samples", 2)):
        curves = [line for line in panel.lines if len(line.get_xdata()) > 2]
        assert len(curves) == 6, "phi, psi of both, chi1, chi2; no omega"
        np.testing.assert_allclose(curves[0].get_xdata(), arrays[f"decorrelation_{name}_lags"][1:] * unit)
        np.testing.assert_allclose(curves[0].get_ydata(), arrays[f"decorrelation_{name}_value"][0, 1:])
        assert panel.get_xscale() == "log"
        assert "1/e" in [text.get_text() for text in panel.texts]
    assert md.get_xlabel() == "simulated time (ps)"
    assert samples.get_xlabel() == "walk steps"
    assert f"JS {result['distances']['tica_0']['value']:.2f}" in density.get_title()
    brought = result | {"samples": result["samples"] | {"walk_steps_per_sample": None}}
    samples = plot_dynamics(brought, arrays, SETTINGS).axes[1]
    assert samples.get_xlabel() == "samples", "of another program, or of MD"
    np.testing.assert_allclose(samples.lines[0].get_xdata(), arrays["decorrelation_samples_lags"][1:])
    for stairs in density.patches:
        heights, edges, _ = stairs.get_data()
        assert (heights * np.diff(edges)).sum() == pytest.approx(1)
        assert density.get_ylim()[1] > heights.max()
    assert len(density.patches) == 3


def test_maps_share_one_colour_scale(dipeptide):
    result, arrays = dipeptide
    figure = plot_dynamics(result, arrays, SETTINGS)
    panels = figure.axes[3:6]
    meshes = [panel.collections[0] for panel in panels]
    assert {mesh.get_clim() for mesh in meshes} == {(0, SETTINGS.energy_max)}
    assert {panel.get_xlim() for panel in panels} == {tuple(arrays["tica_01_edges"][0, [0, -1]])}
    shares = arrays["tica_01_samples"] / arrays["tica_01_samples"].sum()
    shown = np.asarray(meshes[2].get_array().filled(np.nan)).T
    filled = shares > 0
    differences = shown[filled] + np.log(shares[filled])
    assert np.ptp(differences) < 1e-9, "one zero for every bin"
    assert f"JS {result['distances']['tica_01']['value']:.2f}" in words(figure)
    assert "40 s" in panels[2].get_title()


def test_no_cut_no_interval_and_no_tica():
    result, arrays = make_dynamics(["ALA"], sampling_seconds=None, unit="frames")
    figure = plot_dynamics(result, arrays, SETTINGS)
    assert "no such cut" in words(figure)
    assert figure.axes[0].get_xlabel() == "MD frames"
    assert len(figure.axes[2].patches) == 2
    result, arrays = make_dynamics(["ALA"], frames=60, samples=60)
    figure = plot_dynamics(result, arrays, SETTINGS)
    assert words(figure).count("no TICA: 60 reference frames") == 4
    assert "too few frames" in words(figure), "samples: 20 chains of 3"
    assert misplaced_texts(figure) == []


@pytest.mark.parametrize("residues", [["ALA"], ["ALA", "TRP"], ["ARG", "MET", "GLY", "LYS", "TRP"]])
def test_texts_do_not_collide(residues):
    figure = plot_dynamics(*make_dynamics(residues, model="a_model_with_quite_a_long_name"), SETTINGS)
    assert misplaced_texts(figure) == []


def test_an_unknown_colour_map(dipeptide):
    with pytest.raises(FigureError, match="viridis"):
        plot_dynamics(*dipeptide, FigureSettings(colormap="viridiss"))


def test_files_in_both_formats_with_the_same_bytes(tmp_path, dipeptide):
    inputs = to_files(tmp_path, *dipeptide)
    written_twice(tmp_path, "dynamics", result=inputs[0], arrays=inputs[1])
