"""The table of the ablation: which setting a row changes, what it cost, and means and differences over peptides."""

import numpy as np
import pandas as pd
import pytest
from ablation_inputs import made, sweep

from jamun.evaluation.ablation import ablation_table, ablation_to_files, evaluations, in_words
from jamun.io.atomic import write_json


def of(table, variant, peptide):
    rows = table[(table["variant"] == variant) & (table["peptide"] == peptide)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_what_differs():
    table = ablation_table(sweep())
    means = table[table["peptide"] == "mean"].set_index("variant")
    assert list(means.index) == list(dict.fromkeys(table["variant"]))
    assert means["family"].to_dict() == {
        "plain": "",
        "friction-0.1": "friction",
        "friction-3": "friction",
        "ranged": "model",
        "sigma-0.03": "sigma",
        "sigma-0.06": "sigma",
        "one-level": "jump_sigmas",
        "far": "jump_sigmas",
    }
    assert means["differs"]["sigma-0.03"] == "model ranged; sigma 0.03 nm"
    assert means["differs"]["far"] == "model ranged; jump_sigmas 0.02, 0.01, 0.005 nm"
    assert means["sigma_nm"]["plain"] == "0.04"
    assert means["jump_sigmas_nm"].iloc[[0, -1]].tolist() == ["none", "0.02, 0.01, 0.005"]
    assert means["untrained_sigmas_nm"].iloc[[0, -1]].tolist() == ["none", "0.005"]
    assert "Extrapolated." in of(table, "far", "AW")["notes"]


def test_settings_that_differ_have_a_column_and_the_usual_sigma_is_no_difference():
    table = ablation_table(
        [
            made("plain"),
            made("same", sigma="0.4 angstrom"),
            made("both", step=0.5, score_clip=2.0),
            made("chains", chains=5),
        ]
    ).set_index(["variant", "peptide"])
    assert table.loc[("same", "AW"), "differs"] == ""
    assert table.loc[("both", "AW"), "family"] == "step, score_clip"
    assert table["score_clip"].tolist()[:4] == ["none", "none", "2", "none"]
    assert table["step"].tolist()[:4] == ["1", "1", "0.5", "1"]
    assert table["chains"].tolist()[:4] == [10, 10, 10, 5]


def test_in_words():
    assert [in_words(value) for value in (None, [], 0.1, 3.0, True, "ABOBA", [0.02, 0.01], ["clash"])] == [
        "none", "none", "0.1", "3", "True", "ABOBA", "0.02, 0.01", "clash",
    ]  # fmt: skip


def test_structures_that_the_network_saw():
    # A chain of BAOAB sees one at its start, then one a step, and one more a level at each jump.
    assert evaluations(made("plain").record) == 10 * (1 + 50)
    assert evaluations(made("a", integrator="ABOBA").record) == 10 * 50
    assert evaluations(made("a", burn_in=7, stride=4).record) == 10 * (1 + 7 + 4 * 50)
    assert evaluations(made("a", jump_sigmas=[0.02, 0.01]).record) == 10 * (1 + 3 * 50)
    assert evaluations(made("a", jump_sigmas=[0.02, 0.01], corrector_steps=[4, 0]).record) == 10 * (1 + 7 * 50)
    lost = made("a", burn_in=7).record
    lost["chain_lengths"][0] = 0
    assert evaluations(lost) == 9 * (1 + 7 + 50)


def test_numbers_and_cost():
    table = ablation_table([made("plain", ess=102.0), made("down", ess=51.0, jump_sigmas=[0.02])])
    plain, down = of(table, "plain", "AW"), of(table, "down", "AW")
    assert plain["js_backbone"] == 0.2
    assert (plain["js_all_low"], plain["js_all_high"]) == pytest.approx((0.9 * 0.26, 1.1 * 0.26))
    assert (plain["evaluations_per_sample"], down["evaluations_per_sample"]) == pytest.approx((1.02, 2.02))
    assert plain["ms_per_sample"] == 4.0
    # 102 effective samples of 510 structures, and half as many of 1010
    assert plain["ess_per_evaluation"] == pytest.approx(0.2)
    assert plain["ess_per_evaluation_high"] == pytest.approx(0.22)
    assert down["ess_per_evaluation"] == pytest.approx(51 / 1010)
    assert down["ess_per_second"] == 25.5
    assert (plain["bond_outlier"], plain["inverted"], plain["clash"], plain["physical"]) == pytest.approx(
        (0.02, 0.004, 0.01, 0.97)
    )


def test_means_and_paired_differences():
    peptides = {"AW": 0.1, "NA": 0.3, "GS": 0.5}
    shifts = {"AW": 0.010, "NA": 0.012, "GS": 0.014}
    rows = [made("plain", name, js=js) for name, js in peptides.items()]
    rows += [made("slow", name, js=js + shifts[name], friction=0.1) for name, js in peptides.items()]
    table = ablation_table(rows)
    mean = of(table, "slow", "mean")
    assert mean["js_backbone"] == pytest.approx(0.312)
    # Peptides differ by more than settings do, which the differences do not show.
    error = 1.96 * np.std([0.110, 0.312, 0.514], ddof=1) / np.sqrt(3)
    assert mean["js_backbone_high"] == pytest.approx(0.312 + error)
    assert mean["js_backbone_change"] == pytest.approx(0.012)
    error = 1.96 * 0.002 / np.sqrt(3)
    assert (mean["js_backbone_change_low"], mean["js_backbone_change_high"]) == pytest.approx(
        (0.012 - error, 0.012 + error)
    )
    assert of(table, "plain", "mean")["js_backbone_change"] == 0.0
    assert mean["notes"] == "Mean of 3 peptides."
    assert of(table, "slow", "NA")["js_backbone_change"] == pytest.approx(0.012)


def test_what_is_missing_stays_empty():
    bare = made("plain")
    bare.comparison["js"]["side_chain"] = dict.fromkeys(("value", "low", "high"))
    bare.others["dynamics"]["ess"]["samples"]["samples"] = {
        "value": None,
        "low": None,
        "high": None,
        "reason": "no TICA",
    }
    table = ablation_table([bare, made("slow", friction=0.1)])
    row = of(table, "plain", "AW")
    assert np.isnan(row["ess_per_evaluation"])
    assert np.isnan(row["js_side_chain"])
    assert np.isfinite(row["js_all"])
    with pytest.raises(ValueError, match="GS was not sampled with the settings of plain"):
        ablation_table([bare, made("slow", "GS", friction=0.1)])


def test_files(tmp_path):
    folders = []
    for one in sweep():
        folder = tmp_path / one.variant / one.model / one.comparison["peptide"]
        for name, content in (
            ("sampling", one.record),
            ("comparison", one.comparison),
            ("dynamics", one.others["dynamics"]),
            ("physicality", one.others["physicality"]),
        ):
            write_json(folder / f"{name}.json", content)
        folders.append(folder)
    ablation_to_files(folders, tmp_path / "ablation.csv")
    read = pd.read_csv(tmp_path / "ablation.csv", keep_default_na=False, na_values=[""])
    assert len(read) == 8 * 3
    assert set(read["peptide"]) == {"AW", "NA", "mean"}
    expected = ablation_table(sweep())
    np.testing.assert_allclose(read["js_backbone"], expected["js_backbone"].astype(float), rtol=1e-5)
    assert (read["variant"] == expected["variant"]).all()
