"""Ramachandran maps of several models side by side, of one peptide and of the first on a page."""

import numpy as np
from figure_inputs import SETTINGS, draw, make_comparison, misplaced_texts, to_files

from jamun.figures.comparison import first_rows, plot_models

MODELS = {"default": 1.0, "wide": 0.4}


def maps(figure):
    return [panel for panel in figure.axes if panel.get_xlim() == (-180, 180)]


def test_a_column_a_model_with_its_samples_and_distance():
    compared = make_comparison({"AW": ["ALA", "TRP"]}, MODELS)
    # Of one row a model has the deepest bin, which then is the zero of all.
    compared[0][1]["ramachandran_models"][1, 1, 5, 7] = 10_000
    figure = plot_models(compared, SETTINGS, "AW")
    result, arrays = compared[0]
    panels = maps(figure)
    assert len(panels) == 2 * 3
    assert [panel.get_title() for panel in panels[:3]] == [
        "MD\n60 ps, 600 frames",
        "default\n1,000 samples in 8 s",
        "wide\n400 samples in 8 s",
    ]
    for row in range(2):
        counts = [arrays["ramachandran_reference"][row], *arrays["ramachandran_models"][:, row]]
        energies = [-np.log(np.where(one > 0, one, np.nan) / one.sum()) for one in counts]
        zero = min(np.nanmin(energy) for energy in energies)
        for column, (panel, energy) in enumerate(zip(panels[3 * row : 3 * row + 3], energies, strict=True)):
            drawn = panel.collections[0].get_array()
            np.testing.assert_allclose(drawn.filled(np.nan), (energy - zero).T)  # psi is up
            shown = [text.get_text() for text in panel.texts if text.get_text().startswith("JS")]
            value = result["models"][column - 1]["ramachandran"][row]["js"]["value"]
            assert shown == ([f"JS {value:.2f}"] if column else [])
    assert misplaced_texts(figure) == []


def test_a_page_holds_whole_peptides_up_to_its_length():
    peptides = {"AW": ["ALA", "TRP"], "AGS": ["ALA", "GLY", "SER"], "GG": ["GLY", "GLY"]}
    compared = make_comparison(peptides, {"a": 1.0, "b": 1.0, "c": 0.5})
    shown = first_rows(compared)
    assert [result["peptide"] for result, _ in shown] == ["AW", "AGS"]
    assert [result["peptide"] for result, _ in first_rows(compared, 1)] == ["AW"]
    figure = plot_models(shown, SETTINGS, "page")
    assert len(maps(figure)) == 5 * 4
    assert [text.get_text() for text in figure.texts][:2] == ["AW", "AGS"]
    assert misplaced_texts(figure) == []


def test_long_names_unknown_clocks_and_peptides_without_pairs():
    names = {"a_model_with_quite_a_long_name": 1.0, "another_model_with_a_long_name": 1.0, "c": 0.001}
    figure = plot_models(make_comparison({"A": ["ALA"]}, names, clocks=False), SETTINGS, "A")
    assert "1 sample in unknown time" in maps(figure)[3].get_title()
    assert misplaced_texts(figure) == []
    bare = plot_models(make_comparison({"AG": ["ALA", "GLY"]}, MODELS, capped=False), SETTINGS, "AG")
    words = [text.get_text().replace("\n", " ") for panel in bare.axes for text in panel.texts]
    assert words == ["no residue has both φ and ψ"] * 3
    assert misplaced_texts(bare) == []


def test_files(tmp_path):
    compared = make_comparison({"AW": ["ALA"], "AG": ["GLY"]}, MODELS)
    inputs = [to_files(tmp_path / result["peptide"], result, arrays) for result, arrays in compared]
    for folder in ("a", "b"):
        target = tmp_path / folder
        draw("comparison", target / "AW", result=inputs[0][0], arrays=inputs[0][1])
        results, arrays = map(list, zip(*inputs, strict=True))
        draw("comparison_page", target / "page", results=results, arrays=arrays)
    for name in ("AW.png", "AW.pdf", "page.png", "page.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
