"""Time a sample against atoms: every point, the paper's range, gaps."""

import numpy as np
import pandas as pd
import pytest
from figure_inputs import SETTINGS, draw, legend, misplaced_texts

from jamun.figures.style import FigureError
from jamun.figures.timing import PAPER_MS, plot_timing


def timing(peptides=4, models=("default", "wide"), devices=("NVIDIA H100", "AMD EPYC, 2 threads")):
    """A row a peptide and model."""
    rows = [
        ("capped_demo", model, f"P{k}", 4000, 1.3 * (number + 1) * (1 + k), 5.2, 14 + 5 * k, devices[number])
        for number, model in enumerate(models)
        for k in range(peptides)
    ]
    return pd.DataFrame(
        rows, columns=["dataset", "model", "peptide", "samples", "ms_per_sample", "seconds", "atoms", "device"]
    )


def test_points_are_the_numbers_and_the_band_is_the_papers():
    table = timing()
    figure = plot_timing(table, SETTINGS)
    panel = figure.axes[0]
    drawn = np.concatenate([line.get_xydata() for line in panel.lines])
    np.testing.assert_allclose(drawn, table[["atoms", "ms_per_sample"]])
    band = panel.patches[0].get_bbox()
    np.testing.assert_allclose((band.y0, band.y1), PAPER_MS)
    assert legend(figure) == [
        "default, NVIDIA H100",
        "wide, AMD EPYC, 2 threads",
        "JAMUN paper, one A100 (Table 1): 2.06 to 3.56 ms",
    ]
    assert {line.get_marker() for line in panel.lines} == {"o", "s"}
    assert [text.get_text() for text in panel.texts] == ["P0", "P1", "P2", "P3"]
    assert panel.get_xlabel() == "heavy atoms"
    assert misplaced_texts(figure) == []


def test_many_peptides_have_no_names_and_few_differences_no_collisions():
    assert len(plot_timing(timing(20), SETTINGS).axes[0].texts) == 0
    assert misplaced_texts(plot_timing(timing(1, ("default",)), SETTINGS)) == []


def test_what_is_not_on_record_is_said(tmp_path):
    table = timing(3, ("default",))
    table.loc[1, "ms_per_sample"] = np.nan
    table.loc[2, "device"] = None
    figure = plot_timing(table, SETTINGS)
    assert "1 of 3 not on record" in figure.get_suptitle().replace("\n", " ")
    assert "default, device unknown" in legend(figure)
    table["ms_per_sample"] = np.nan
    figure = plot_timing(table, SETTINGS)
    assert "no time" in figure.axes[0].texts[0].get_text()
    assert misplaced_texts(figure) == []
    table.iloc[:0].to_csv(tmp_path / "timing.csv", index=False)
    with pytest.raises(FigureError, match=r"timing\.csv: has no rows"):
        draw("timing", tmp_path / "t", timing=tmp_path / "timing.csv")


def test_files(tmp_path):
    timing().assign(peptide=["NA", *["P"] * 7]).to_csv(tmp_path / "timing.csv", index=False)
    draw("timing", tmp_path / "t", timing=tmp_path / "timing.csv")
    assert (tmp_path / "t.png").stat().st_size > 3000
    assert (tmp_path / "t.pdf").stat().st_size > 3000
