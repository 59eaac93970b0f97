"""Maps over phi and psi: Ramachandran panels and macrostates."""

import numpy as np
import pytest
from figure_inputs import (
    SETTINGS,
    draw,
    make_angles,
    make_msm,
    make_result,
    make_torsions,
    misplaced_texts,
    to_files,
    written_twice,
)

from jamun.config.evaluation import MSMSettings
from jamun.config.figures import FigureSettings
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.msm.model import build_msm, insufficient, load_backend
from jamun.figures.msm import plot_msm, state_picture
from jamun.figures.ramachandran import plot_ramachandran, row_energies
from jamun.io.log import UserError


@pytest.fixture(scope="module")
def dipeptide():
    return make_result(["ALA", "TRP"])


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for panel in figure.axes for text in panel.texts)


def test_ramachandran_panels_limits_ticks_and_titles(dipeptide):
    figure = plot_ramachandran(*dipeptide, SETTINGS)
    assert len(figure.axes) == 6, "two residues, three columns"
    for panel in figure.axes:
        assert panel.get_xlim() == panel.get_ylim() == (-180, 180)
        assert list(panel.get_xticks()) == list(panel.get_yticks()) == [-180, -90, 0, 90, 180]
    titles = [panel.get_title().replace("\n", " ") for panel in figure.axes[:3]]
    assert titles == ["MD 60 ps, 600 frames", "MD at equal wall clock 4 ps, 40 frames", "default 1,000 samples in 8 s"]
    assert f"JS {dipeptide[0]['ramachandran'][0]['js']['value']:.2f}" in words(figure)
    assert "Ala1" in words(figure)
    assert "Trp2" in words(figure)


def test_ramachandran_shows_every_bin_where_it_belongs_and_nothing_else(dipeptide):
    result, arrays = dipeptide
    figure = plot_ramachandran(result, arrays, SETTINGS)
    for place, name in enumerate(("reference", "equal", "samples")):
        counts = arrays[f"ramachandran_{name}"][1]
        (mesh,) = figure.axes[3 + place].collections
        shown = np.ma.filled(mesh.get_array().astype(float), np.nan).reshape(50, 50)
        np.testing.assert_array_equal(np.isfinite(shown), counts.T > 0)  # rows of a mesh are psi
        assert mesh.get_clim() == (0, SETTINGS.energy_max)


def test_a_colour_is_one_probability_throughout_a_row():
    md, few, samples = (np.zeros((4, 4), int) for _ in range(3))
    md[0, :2] = 30, 10
    few[3, 3] = 1
    samples[1, :2] = 300, 100
    first, cut, last = row_energies([md, few, samples])
    np.testing.assert_allclose(first[0, :2], [0, np.log(3)])
    np.testing.assert_allclose(last[1, :2], [0, np.log(3)])
    assert cut[3, 3] == pytest.approx(-np.log(4 / 3)), "the cut's deep minimum does not move the zero"
    assert np.isnan(row_energies([md * 0, few * 0, samples * 0])).all()


def test_the_colour_bar_tells_of_bins_beyond_its_ends(dipeptide):
    result, arrays = dipeptide
    no_cut = arrays | {"ramachandran_equal": arrays["ramachandran_reference"]}
    for chosen, top, ends in ((arrays, 50, "min"), (no_cut, 50, "neither"), (arrays, 1, "both"), (no_cut, 1, "max")):
        figure = plot_ramachandran(result, chosen, FigureSettings(energy_max=top))
        assert figure.axes[2].collections[0].colorbar.extend == ends


def test_colour_bars_are_as_high_as_their_row(dipeptide):
    result, arrays = dipeptide
    no_cut = arrays | {"ramachandran_equal": arrays["ramachandran_reference"]}
    figure = plot_ramachandran(result, no_cut, SETTINGS)  # without arrows, which count to the height
    figure.canvas.draw()
    for panel in (figure.axes[2], figure.axes[5]):
        (bar,) = panel.child_axes
        bar, box = bar.get_position(), panel.get_position()
        np.testing.assert_allclose((bar.y0, bar.y1), (box.y0, box.y1), atol=1e-6)
        assert bar.x0 > box.x1


def test_a_missing_cut_says_why():
    result, arrays = make_result(["ALA", "GLY"], md_frames=12, samples=5, sampling_seconds=0.1)
    figure = plot_ramachandran(result, arrays, SETTINGS)
    assert words(figure).count("no such cut: the sampler took less wall clock than one MD frame") == 2
    assert misplaced_texts(figure) == []


def test_unrecorded_wall_clock_and_frame_interval():
    result, arrays = make_result(["ALA"], sampling_seconds=None, md_seconds_per_frame=None)
    result["reference"]["frame_interval_ps"] = None
    figure = plot_ramachandran(result, arrays, SETTINGS)
    assert figure.axes[0].get_title() == "MD\n600 frames"
    assert figure.axes[2].get_title() == "default\n1,000 samples"
    assert "the wall clock of the MD or of the sampling is not recorded" in words(figure)


def test_empty_histograms_null_distances_and_no_pairs(dipeptide):
    result, arrays = dipeptide
    empty = {name: array * 0 if "edges" not in name else array for name, array in arrays.items()}
    rows = [row | {"js": {"value": None}, "js_md_equal_wall_clock": None} for row in result["ramachandran"]]
    figure = plot_ramachandran(result | {"ramachandran": rows}, empty, SETTINGS)
    assert words(figure).count("no frames") == 6
    assert "JS" not in words(figure)
    uncapped = make_result(["SER", "VAL"], capped=False)
    figure = plot_ramachandran(*uncapped, SETTINGS)
    assert len(figure.axes) == 3
    assert "no residue has both φ and ψ" in words(figure)


@pytest.mark.parametrize("residues", [["ALA", "TRP"], ["ARG", "MET", "GLY", "LYS", "TRP"]])
def test_ramachandran_texts_do_not_collide(residues):
    result, arrays = make_result(residues, peptide="RMGKW", model="a_model_with_quite_a_long_name")
    result["samples"]["seconds"] = 123456.0
    assert misplaced_texts(plot_ramachandran(result, arrays, SETTINGS)) == []


def test_ramachandran_files_are_the_same_twice(tmp_path, dipeptide):
    inputs = to_files(tmp_path, *dipeptide)
    written_twice(tmp_path, "ramachandran", result=inputs[0], arrays=inputs[1])


def test_unknown_colour_map_writes_nothing(tmp_path, dipeptide):
    inputs = to_files(tmp_path, *dipeptide)
    with pytest.raises(UserError, match="has no colour map 'jett'"):
        draw("ramachandran", tmp_path / "x", FigureSettings(colormap="jett"), result=inputs[0], arrays=inputs[1])
    assert not (tmp_path / "x.png").exists()


def test_macrostates_panels():
    figure = plot_msm(*make_msm(["ALA", "TRP"], 4), "AW", SETTINGS)
    assert len(figure.axes) == 2 * 2 * 4 + 2, "MD and samples of two residues in four states, bars, timescales"
    for panel in figure.axes[:16]:
        assert panel.get_xlim() == panel.get_ylim() == (-180, 180)
        assert list(panel.get_xticks()) == [-180, -90, 0, 90, 180]
    bars, scales = figure.axes[-2:]
    assert len(bars.patches) == 3 * 4
    assert "0.12" in bars.get_title()
    drawn = [line for line in scales.lines if len(line.get_xdata()) == 6]
    assert len(drawn) == 3, "timescales that are null at every lag are left out"


def test_a_macrostate_lies_over_the_map_of_all_md():
    everywhere, own = np.zeros((5, 5), int), np.zeros((5, 5), int)
    everywhere[1, 3], everywhere[2, 2] = 50, 2
    own[1, 3], own[4, 0] = 7, 1  # samples can lie where no MD is
    picture = state_picture(everywhere, own, "#0072B2", 6.0)
    np.testing.assert_allclose(picture[3, 1, :3], (0, 0x72 / 255, 0xB2 / 255))  # psi is up, phi across
    assert np.ptp(picture[2, 2, :3]) == pytest.approx(0), "grey where only other states are"
    assert picture[0, 4, 3] == 1
    assert np.count_nonzero(picture[..., 3]) == 3, "nothing is drawn in empty bins"


@pytest.mark.parametrize(("residues", "states"), [(["ALA"], 3), (["ALA", "TRP"], 9), (["ALA", "GLY", "TRP"], 20)])
def test_macrostate_texts_do_not_collide(residues, states):
    figure = plot_msm(*make_msm(residues, states), "AGW", SETTINGS)
    assert misplaced_texts(figure) == []
    if states > 10:
        assert len(figure.axes) == 2 * 3 * 10 + 2
        assert "maps of 10 of 20" in figure.get_suptitle()
    if states == 9:
        assert "none" in words(figure)


def test_macrostates_without_maps_and_without_timescales():
    result, arrays = make_msm(["ALA"], 3)
    arrays["residue_labels"] = np.zeros(0, np.str_)
    result["implied_timescales"] = {"lags": [], "timescales": []}
    result["js"] = {"value": None, "low": None, "high": None, "count": 3}
    figure = plot_msm(result, arrays, "A", SETTINGS)
    assert len(figure.axes) == 2
    assert "too few frames for implied timescales" in words(figure)


@pytest.mark.parametrize("lag", [1, 10, 100])
def test_the_lag_is_marked_within_the_panel(lag):
    result, arrays = make_msm(["ALA"], 3)
    figure = plot_msm(result | {"settings": {"lag": lag}}, arrays, "A", SETTINGS)
    panel = figure.axes[-1]
    assert panel.get_xlim()[0] < lag < panel.get_xlim()[1]
    assert lag in panel.get_xticks()
    assert misplaced_texts(figure) == []


def test_too_little_data_is_said_in_words(tmp_path):
    reason = "12 reference frames are fewer than the 100 that an MSM is made of"
    result, arrays = insufficient(reason, 12, 2)
    inputs = to_files(tmp_path, result, arrays | {"residue_labels": np.array(["Ala1", "Gly2"])})
    draw("msm", tmp_path / "AG", result=inputs[0], arrays=inputs[1])
    assert (tmp_path / "AG.pdf").stat().st_size > 1000
    figure = plot_msm(result, arrays, "AG", SETTINGS)
    shown = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert reason in shown
    assert misplaced_texts(figure) == []


def test_the_real_model_can_be_drawn(tmp_path):
    torsions = make_torsions(["ALA", "ALA"])[:4]
    angles, samples = make_angles(torsions, 1500, 1), make_angles(torsions, 500, 2)
    settings = MSMSettings(backend="deeptime", clusters=20, macrostates=4, lag=5, its_lags=[1, 5]).model_dump()
    pairs, chains = np.array([[0, 2], [1, 3]]), np.zeros(500, int)
    bounds = np.array([0, len(angles)])
    inputs = MSMInput(angles, bounds, samples, chains, pairs)
    result, arrays = build_msm(load_backend("deeptime"), inputs, settings)
    result |= {"settings": settings, "backend": "deeptime"}
    inputs = to_files(tmp_path, result, arrays | {"residue_labels": np.array(["Ala1", "Ala2"])})
    written_twice(tmp_path, "msm", result=inputs[0], arrays=inputs[1])
