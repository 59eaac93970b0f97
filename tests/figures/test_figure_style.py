"""What all figures share: colour maps, free energies, words for numbers, files."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_inputs import misplaced_texts

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.io.log import UserError


def test_free_energy_is_minus_log_p_and_empty_bins_are_nan():
    counts = np.array([[4, 0], [1, 3]])
    energy = style.free_energy(counts)
    assert np.isnan(energy[0, 1])
    np.testing.assert_allclose(np.exp(-energy[counts > 0]), counts[counts > 0] / 8)
    assert np.isnan(style.free_energy(np.zeros((3, 3), int))).all()


def test_unknown_colour_map_is_one_sentence_with_a_suggestion():
    with pytest.raises(UserError, match=r"figures\.colormap.*'virdis'.*viridis") as error:
        style.colormap(FigureSettings(colormap="virdis"))
    assert "\n" not in str(error.value)
    assert str(error.value).count(". ") == 0


def test_a_colour_map_leaves_missing_bins_white():
    colours = style.colormap(FigureSettings(colormap="magma"))
    assert colours(np.ma.masked) == (1, 1, 1, 1)
    assert plt.get_cmap("magma").get_bad()[3] == 0, "Matplotlib's own colour map was changed"


@pytest.mark.parametrize(
    ("frames", "interval", "words"),
    [(600, 0.1, "60 ps"), (1, 0.1, "0.1 ps"), (10000, 2.0, "20 ns"), (10**6, 5.0, "5 μs"), (5, None, None)],
)
def test_simulated_time(frames, interval, words):
    assert style.simulated(frames, interval) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(8.04, "8.04 s"), (119, "119 s"), (990, "16.5 min"), (9000, "2.5 h"), (None, "unknown time")]
)
def test_duration(seconds, words):
    assert style.duration(seconds) == words


def test_square_panels_keep_their_size_and_are_square():
    figure, panels = style.square_panels(4, 3, 1.0, (0.2, 0.4), (0.5, 0.3, 0.6, 0.7), group=2)
    inches = figure.get_size_inches()
    np.testing.assert_allclose(inches, (0.5 + 3 + 0.4 + 0.3, 0.6 + 4 + 0.8 + 0.7))
    for panel in panels.flat:
        np.testing.assert_allclose(np.array(panel.get_position().size) * inches, (1.0, 1.0))
    top, bottom = panels[0, 0].get_position(), panels[3, 2].get_position()
    np.testing.assert_allclose((1 - top.y1) * inches[1], 0.7)
    np.testing.assert_allclose((bottom.y0 * inches[1], (1 - bottom.x1) * inches[0]), (0.6, 0.3))
    plt.close(figure)


def test_files_hold_no_date_and_no_version(tmp_path):
    settings = FigureSettings(dpi=50)
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        with style.styled():
            figure, _ = plt.subplots()
            style.save(figure, settings, folder / "x.png", folder / "x.pdf")
        written.append([(folder / name).read_bytes() for name in ("x.png", "x.pdf")])
        assert sorted(path.name for path in folder.iterdir()) == ["x.pdf", "x.png"], "temporary files were left"
    assert written[0] == written[1]
    assert not re.search(rb"CreationDate|Matplotlib v", b"".join(written[0]))
    assert plt.get_fignums() == []


def test_a_figure_that_fails_leaves_no_file_and_no_open_figure(tmp_path):
    with style.styled():
        figure, panel = plt.subplots()
        panel.set_title("$\\nothing$")
        with pytest.raises(ValueError, match="nothing"):
            style.save(figure, FigureSettings(), tmp_path / "x.png", tmp_path / "x.pdf")
    assert list(tmp_path.iterdir()) == []
    assert plt.get_fignums() == []


def test_colliding_and_clipped_texts_are_found():
    figure, panel = plt.subplots()
    panel.set(xticks=[], yticks=[])
    panel.text(0.5, 0.5, "one")
    panel.text(0.52, 0.5, "two")
    panel.text(1.2, 0.2, "three, a long one")
    assert misplaced_texts(figure) == ["'one' overlaps 'two'", "'three, a long one' leaves the page"]
    plt.close(figure)


def test_the_style_does_not_leak():
    before = dict(plt.rcParams)
    with style.styled():
        assert plt.rcParams["pdf.fonttype"] == 42
    assert dict(plt.rcParams) == before
