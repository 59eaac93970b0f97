"""The ablation's figure: every number at its setting, the plain settings marked, gaps said."""

import numpy as np
import pandas as pd
import pytest
from figure_inputs import SETTINGS, draw, legend, misplaced_texts

from jamun.figures.ablation import families, plot_ablation
from jamun.figures.style import FigureError

PLAIN = {"family": "", "model": "default", "sigma_nm": 0.04, "friction": 1.0, "jump_sigmas_nm": "none"}
ESTIMATES = {"js_backbone": 0.2, "js_all": 0.26, "bond_outlier": 0.02, "inverted": 0.004, "clash": 0.01}
SWEEP = {
    "plain": {},
    "friction-0.1": {"family": "friction", "friction": 0.1},
    "friction-3": {"family": "friction", "friction": 3.0},
    "ranged": {"family": "model", "model": "ranged"},
    "sigma-0.03": {"family": "sigma", "model": "ranged", "sigma_nm": 0.03},
    "sigma-0.06": {"family": "sigma", "model": "ranged", "sigma_nm": 0.06},
    "one-level": {"family": "jump_sigmas", "model": "ranged", "jump_sigmas_nm": "0.02"},
    "far": {
        "family": "jump_sigmas",
        "model": "ranged",
        "jump_sigmas_nm": "0.02, 0.01, 0.005",
        "untrained_sigmas_nm": "0.005",
    },
}


def table_of(variants, peptides=("AW",)):
    """Evaluation's table of the ablation with made-up numbers; each variant has what it changes."""
    rows = []
    for peptide in [*peptides, "mean"]:
        for place, (name, changes) in enumerate(variants.items()):
            row = {"dataset": "capped_demo", "variant": name, "peptide": peptide, "untrained_sigmas_nm": "none"}
            for column, value in (ESTIMATES | {"ess_per_evaluation": 0.2}).items():
                value *= 1 + 0.1 * place
                row |= {column: value, f"{column}_low": 0.9 * value, f"{column}_high": 1.1 * value}
                if peptide == "mean" and len(peptides) == 1:
                    row |= {f"{column}_low": np.nan, f"{column}_high": np.nan}
            row |= {"js_backbone_md_halves": 0.05, "js_all_md_halves": 0.04}
            rows.append(row | PLAIN | changes)
    return pd.DataFrame(rows)


def points(panel, colour):
    """Markers (n, 2) of one colour, from left to right."""
    drawn = [line.get_xydata() for line in panel.lines if line.get_marker() != "None" and line.get_color() == colour]
    found = np.concatenate(drawn)
    return found[np.argsort(found[:, 0])]


def test_families_have_the_settings_that_they_differ_from():
    table = table_of(SWEEP)
    found = {family.name: family for family in families(table[table["peptide"] == "mean"])}
    assert list(found) == ["friction", "model", "sigma", "jump_sigmas"]
    assert list(found["friction"].rows["variant"]) == ["plain", "friction-0.1", "friction-3"]
    assert found["friction"].places.tolist() == [1.0, 0.1, 3.0]
    assert found["friction"].logarithmic
    # Of another model also that model's row in which nothing else differs.
    assert list(found["sigma"].rows["variant"]) == ["plain", "ranged", "sigma-0.03", "sigma-0.06"]
    assert found["sigma"].places.tolist() == [0.04, 0.04, 0.03, 0.06]
    assert not found["sigma"].logarithmic
    assert found["jump_sigmas"].places.tolist() == [0, 0, 1, 2]
    assert list(found["jump_sigmas"].ticks.values()) == ["none", "0.02", "0.02\n0.01\n0.005"]
    assert list(found["model"].rows["variant"]) == ["plain", "ranged"]


def test_values_in_words_and_several_settings_at_once():
    table = table_of(
        {
            "plain": {},
            "aboba": {"family": "integrator", "integrator": "ABOBA"},
            "clipped": {"family": "score_clip", "score_clip": "2"},
            "hard": {"family": "score_clip", "score_clip": "1"},
            "quick": {"family": "step, friction", "friction": 0.1},
        }
    ).fillna({"integrator": "BAOAB", "score_clip": "none"})
    found = {family.name: family for family in families(table[table["peptide"] == "AW"])}
    assert list(found["integrator"].ticks.values()) == ["BAOAB", "ABOBA"]
    assert list(found["score_clip"].ticks.values()) == ["none", "2", "1"]
    assert list(found["step, friction"].ticks.values()) == ["plain", "quick"]
    assert not any(family.ordered for family in found.values())


def test_numbers_are_those_of_the_means():
    table = table_of(SWEEP, ("AW", "NA"))
    figure = plot_ablation(table, SETTINGS)
    panels = np.array(figure.axes).reshape(3, 4)
    means = table[table["peptide"] == "mean"].set_index("variant")
    order = ["friction-0.1", "plain", "friction-3"]
    for row, column, factor, colour in (
        (0, "js_backbone", 1, "#D55E00"),
        (0, "js_all", 1, "#0072B2"),
        (1, "bond_outlier", 100, "#009E73"),
        (2, "ess_per_evaluation", 1, "#000000"),
    ):
        drawn = points(panels[row, 0], colour)
        np.testing.assert_allclose(drawn[:, 1], factor * means.loc[order, column].astype(float))
        np.testing.assert_allclose(drawn[:, 0], [0.1, 1.0, 3.0], rtol=0.3)  # beside one another
    dashed = [line for line in panels[0, 2].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [0.04]
    floors = [line for line in panels[0, 0].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in floors] == pytest.approx([0.05, 0.04])
    hollow = [line for line in panels[0, 3].lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    np.testing.assert_allclose([line.get_ydata()[0] for line in hollow], means.loc["far", ["js_backbone", "js_all"]])
    assert legend(figure) == ["plain settings", "model default", "model ranged", "not trained at this level"]
    assert "means of 2 peptides" in figure.get_suptitle()
    assert misplaced_texts(figure) == []


def test_a_single_peptide_has_its_own_intervals():
    figure = plot_ablation(table_of({"plain": {}, "slow": SWEEP["friction-0.1"]}), SETTINGS)
    assert "AW" in figure.get_suptitle().replace("\n", " ")
    bars = [segment for part in figure.axes[0].collections for segment in part.get_segments()]
    np.testing.assert_allclose(
        sorted(end for bar in bars for end in bar[:, 1]),
        sorted(factor * side * value for value in (0.2, 0.26) for factor in (1, 1.1) for side in (0.9, 1.1)),
    )
    assert legend(figure) == ["plain settings"]
    assert misplaced_texts(figure) == []


def test_what_is_missing_is_said(tmp_path):
    table = table_of({"plain": {}, "slow": SWEEP["friction-0.1"]}).assign(ess_per_evaluation=np.nan)
    figure = plot_ablation(table, SETTINGS)
    assert [text.get_text() for text in figure.axes[2].texts] == ["no numbers"]
    assert misplaced_texts(figure) == []
    table.iloc[:0].to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(FigureError, match=r"a\.csv: has no rows"):
        draw("ablation", tmp_path / "a", table=tmp_path / "a.csv")
    table.drop(columns="family").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(FigureError, match=r"a\.csv: has no column family"):
        draw("ablation", tmp_path / "a", table=tmp_path / "a.csv")


def test_files(tmp_path):
    table_of(SWEEP, ("AW", "NA")).to_csv(tmp_path / "a.csv", index=False)
    draw("ablation", tmp_path / "a", table=tmp_path / "a.csv")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
