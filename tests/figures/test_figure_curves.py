"""Distributions of torsions, convergence, loss, and the summary."""

import io

import numpy as np
import pandas as pd
import pytest
from figure_inputs import (
    SETTINGS,
    draw,
    legend,
    make_metrics,
    make_record,
    make_result,
    make_summary,
    misplaced_texts,
    to_files,
    written_twice,
)

from jamun.figures.convergence import (
    mean_curve,
    plot_convergence,
    plot_convergence_of_all,
)
from jamun.figures.loss import plot_loss
from jamun.figures.summary import plot_summary
from jamun.figures.torsions import density, join_bins, plot_torsions
from jamun.io.atomic import write_json
from jamun.io.log import UserError


@pytest.fixture(scope="module")
def dipeptide():
    return make_result(["ALA", "TRP"])


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for panel in figure.axes for text in panel.texts)


def table(text):
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


# Torsions


def test_joining_bins_loses_no_frame_and_densities_integrate_to_one():
    rng = np.random.default_rng(0)
    for frames, bins in ((40, 20), (600, 50), (100_000, 100)):
        counts = np.bincount(rng.integers(0, 100, frames), minlength=100)
        joined = join_bins(counts)
        assert len(joined) == bins
        np.testing.assert_array_equal(joined, counts.reshape(bins, -1).sum(1))
        assert density(joined).sum() * 360 / bins == pytest.approx(1)
    assert not density(np.zeros(20, int)).any()
    assert len(join_bins(np.ones(97, int))) == 1, "a prime number of bins joins to one or stays"


def test_a_panel_for_every_torsion(dipeptide):
    figure = plot_torsions(*dipeptide, SETTINGS)
    drawn = {panel.get_title().split("   ")[0]: panel for panel in figure.axes if panel.axison}
    assert set(drawn) == {"Ala1 φ", "Ala1 ψ", "Ala1 ω", "Trp2 φ", "Trp2 ψ", "Trp2 ω", "Trp2 χ₁", "Trp2 χ₂"}
    for panel in drawn.values():
        assert panel.get_xlim() == (-180, 180)
        assert list(panel.get_xticks()) == [-180, -90, 0, 90, 180]
        heights = [np.nanmax(stairs.get_data().values) for stairs in panel.patches]
        assert len(heights) == 3
        assert panel.get_ylim()[1] > max(heights), "a peak leaves the panel"
    assert f"JS {dipeptide[0]['torsions'][0]['js']['value']:.2f}" in drawn["Ala1 φ"].get_title()
    assert legend(figure) == ["MD", "MD at equal wall clock", "samples"]


def test_torsions_without_cut_values_or_torsions():
    result, arrays = make_result(["ALA", "GLY"], md_frames=12, samples=5, sampling_seconds=0.1)
    rows = [row | {"js": {"value": None}} for row in result["torsions"]]
    figure = plot_torsions(result | {"torsions": rows}, arrays, SETTINGS)
    assert legend(figure) == ["MD", "samples"]
    assert not any("JS" in panel.get_title() for panel in figure.axes)
    assert "this molecule has no torsion" in words(plot_torsions(result | {"torsions": []}, arrays, SETTINGS))


@pytest.mark.parametrize("residues", [["ALA"], ["ARG", "MET", "GLY", "LYS", "TRP"]])
def test_torsion_texts_do_not_collide(residues):
    figure = plot_torsions(*make_result(residues, model="a_model_with_quite_a_long_name"), SETTINGS)
    assert misplaced_texts(figure) == []


def test_torsion_files(tmp_path, dipeptide):
    inputs = to_files(tmp_path, *dipeptide)
    written_twice(tmp_path, "torsions", result=inputs[0], arrays=inputs[1])


# Convergence


def test_convergence_panels_curves_and_floor(dipeptide):
    result = dipeptide[0]
    figure = plot_convergence(result, SETTINGS)
    assert len(figure.axes) == 6
    panel = figure.axes[0]
    assert panel.get_xscale() == "log"
    md, samples, floor = panel.lines
    np.testing.assert_allclose(md.get_ydata(), result["convergence"]["md"]["backbone"])
    np.testing.assert_allclose(samples.get_xdata(), result["convergence"]["samples"]["frames"])
    np.testing.assert_allclose(floor.get_ydata(), result["baselines"]["md_halves"]["backbone"]["value"])
    assert floor.get_linestyle() == "--"
    assert figure.axes[3].get_xlabel() == "wall clock (s)"
    top = max(max(result["convergence"]["samples"][group]) for group in ("backbone", "all", "ramachandran"))
    assert panel.get_ylim()[0] == 0
    assert panel.get_ylim()[1] > top, "a curve leaves the panel"
    assert misplaced_texts(figure) == []


def test_convergence_shows_the_floor_of_replicas():
    result, _ = make_result(["ALA"])
    result["baselines"]["md_replicas"] = result["baselines"]["md_halves"] | {"backbone": {"value": 0.123}}
    figure = plot_convergence(result, SETTINGS)
    assert figure.axes[0].lines[-1].get_ydata()[0] == 0.123
    assert legend(figure)[-1] == "MD, replica against replica"


def test_convergence_with_nulls():
    result, _ = make_result(["ALA"], sampling_seconds=None, md_seconds_per_frame=None)
    result["convergence"]["md"]["all"][0] = None
    result["baselines"]["md_halves"]["all"] = {"value": None}
    result["baselines"]["md_halves"]["ramachandran"] = None
    result["convergence"]["md"]["ramachandran"] = [None] * len(result["convergence"]["md"]["frames"])
    figure = plot_convergence(result, SETTINGS)
    assert words(figure).count("wall clock not recorded") == 3
    assert len(figure.axes[1].lines[0].get_xdata()) == len(result["convergence"]["md"]["frames"]) - 1
    assert len(figure.axes[2].lines) == 1
    assert misplaced_texts(figure) == []


def test_convergence_files(tmp_path, dipeptide):
    result, _ = to_files(tmp_path, *dipeptide)
    written_twice(tmp_path, "convergence", result=result)


# Convergence over peptides


def test_a_mean_of_curves_stays_within_each_ones_range():
    """Straight lines in ln x, so that every interpolated value is known."""
    ranges = ((10, 1000), (10, 300), (50, 5000))
    curves = [
        (x := np.geomspace(low, high, 5 + k), 0.6 - 0.1 * np.log(x) + 0.03 * k) for k, (low, high) in enumerate(ranges)
    ]
    found = mean_curve(curves, points=301)
    assert (found["x"][0], found["x"][-1]) == (10, pytest.approx(5000))
    inside = np.array([(found["x"] >= low) & (found["x"] <= high) for low, high in ranges])
    np.testing.assert_array_equal(found["count"], inside.sum(0))
    for place in (0, 100, 160, 250, 299):
        values = [0.6 - 0.1 * np.log(found["x"][place]) + 0.03 * k for k in range(3) if inside[k, place]]
        assert found["mean"][place] == pytest.approx(np.mean(values))
        if len(values) == 1:
            assert np.isnan(found["low"][place])
            continue
        error = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
        assert found["high"][place] - found["mean"][place] == pytest.approx(error)
        assert found["mean"][place] - found["low"][place] == pytest.approx(error)


@pytest.fixture(scope="module")
def several():
    """Two models on three peptides of different lengths; the MD of one peptide has two replicas."""
    results = []
    for model, slower in (("default", 1.0), ("wide", 3.0)):
        for place, residues in enumerate((["ALA", "TRP"], ["ALA", "GLY"], ["SER", "LYS"])):
            clocks = {"sampling_seconds": 8.0 * slower * (place + 1), "peptide": f"P{place}", "model": model}
            results.append(make_result(residues, 600 * (place + 1), 500 * (place + 1), **clocks)[0])
    results[0]["baselines"]["md_replicas"] = {"backbone": {"value": 0.11}, "all": {"value": 0.12}}
    return results


def test_mean_convergence_of_models_and_md(several):
    figure = plot_convergence_of_all(several, SETTINGS)
    assert [panel.get_title() for panel in figure.axes[:2]] == ["backbone torsions", "all torsions"]
    panel, strip = figure.axes[0], figure.axes[2]
    thin = [line for line in panel.lines if line.get_linewidth() == 0.6]
    assert len(thin) == 3 * 3, "MD is drawn once, whatever the number of models"
    np.testing.assert_allclose(thin[3].get_ydata(), several[0]["convergence"]["samples"]["backbone"])
    floors = [line.get_ydata()[0] for line in panel.lines if len(line.get_xdata()) == 2]
    halves = np.mean([result["baselines"]["md_halves"]["backbone"]["value"] for result in several[:3]])
    assert floors == [pytest.approx(halves), 0.11]
    solid = [line for line in panel.lines if line.get_linewidth() == 2.0]
    for line, counts in zip(solid, strip.lines, strict=True):
        everywhere = np.isfinite(line.get_ydata())
        assert everywhere[0]
        assert not everywhere[-1]
        np.testing.assert_array_equal(everywhere, counts.get_ydata() == 3)
        assert counts.get_ydata()[-1] == 1
    assert legend(figure) == [
        "MD, first frames",
        "default",
        "wide",
        "MD, half against half",
        "MD, replica against replica",
    ]
    assert "3 peptides" in figure.get_suptitle()
    assert misplaced_texts(figure) == []


def test_mean_convergence_of_one_peptide_or_without_clocks():
    alone, _ = make_result(["ALA"], sampling_seconds=None, md_seconds_per_frame=None)
    figure = plot_convergence_of_all([alone], SETTINGS)
    assert len(figure.axes) == 4, "no strips: every point is of the one peptide"
    assert words(figure).count("wall clock not recorded") == 2
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), alone["convergence"]["md"]["backbone"])
    assert misplaced_texts(figure) == []
    both = plot_convergence_of_all([alone, alone | {"peptide": "B"}], SETTINGS)
    assert words(both).count("wall clock not recorded") == 2
    assert misplaced_texts(both) == []


def test_mean_convergence_files(tmp_path, several):
    paths = [to_files(tmp_path / str(place), result, {})[0] for place, result in enumerate(several)]
    written_twice(tmp_path, "convergence_of_all", results=paths)


# Loss


def test_loss_curves_and_units():
    figure = plot_loss(table(make_metrics()), make_record(), SETTINGS, "default")
    (panel,) = figure.axes
    assert panel.get_ylabel() == "mean |x̂ − x|² / 3σ²"
    assert panel.get_yscale() == "log"
    assert "123,456 parameters, σ = 0.04 nm" in panel.get_title()
    assert "published: step 2,000" in legend(figure)
    validation = next(line for line in panel.lines if line.get_label().startswith("validation"))
    assert len(validation.get_xdata()) == 9
    assert misplaced_texts(figure) == []


def test_loss_over_decades_of_training():
    metrics = table(make_metrics(steps=400_000))
    metrics["train_loss"] *= np.geomspace(1, 1e-3, len(metrics))
    assert misplaced_texts(plot_loss(metrics, make_record(), SETTINGS, "m")) == []


@pytest.mark.parametrize("validations", [0, 1])
def test_loss_of_short_and_unvalidated_training(validations):
    figure = plot_loss(table(make_metrics(4, validations)), {}, SETTINGS, "short")
    assert figure.axes[0].get_title() == ""
    assert misplaced_texts(figure) == []


def test_loss_without_rows_or_columns(tmp_path):
    header = make_metrics().splitlines()[0] + "\n"
    assert "no loss was measured" in words(plot_loss(table(header), {}, SETTINGS, "none"))
    write_json(tmp_path / "training.json", make_record())
    for text in ("", "a,b\n1,2\n"):
        (tmp_path / "metrics.csv").write_text(text)
        with pytest.raises(UserError, match=r"metrics\.csv: has no column step"):
            draw("loss", tmp_path / "x", metrics=tmp_path / "metrics.csv", record=tmp_path / "training.json")


def test_loss_files(tmp_path):
    (tmp_path / "metrics.csv").write_text(make_metrics())
    write_json(tmp_path / "training.json", make_record())
    written_twice(tmp_path, "loss", metrics=tmp_path / "metrics.csv", record=tmp_path / "training.json")


# Summary


def test_summary_of_few_peptides_and_two_models():
    summary = table(make_summary(["AW", "GS", "KR"], ["default", "mine"]))
    figure = plot_summary(summary, SETTINGS)
    assert [panel.get_title() for panel in figure.axes] == [
        "backbone torsions",
        "side-chain torsions",
        "all torsions",
        "φ, ψ pairs",
    ]
    for panel, group in zip(figure.axes, ("backbone", "side_chain", "all", "ramachandran"), strict=True):
        assert len(panel.patches) == 2 * 4, "three peptides and the mean, for two models"
        np.testing.assert_allclose([bar.get_height() for bar in panel.patches], summary[f"js_{group}"])
        assert panel.get_ylim()[0] == 0
        assert panel.get_ylim()[1] > summary[f"js_{group}_high"].max(), "an error bar leaves the panel"
    assert legend(figure) == ["default", "mine", "MD, half against half", "MD at equal wall clock"]
    assert misplaced_texts(figure) == []


@pytest.mark.parametrize("count", [1, 100])
def test_summary_of_one_and_of_many_peptides_is_one_panel(count):
    letters = "ACDEFGHIKLMNPQRSTVWY"
    peptides = [first + second for first in letters for second in letters][:count]
    figure = plot_summary(table(make_summary(peptides, ["default"])), SETTINGS)
    (panel,) = figure.axes
    assert len(panel.patches) == 4
    assert ("one peptide" in legend(figure)) == (count > 1)
    assert misplaced_texts(figure) == []


def test_summary_of_sixteen_long_names_and_models():
    peptides = [f"{'ACDEFGHIKLMNPQRS'[place]}GSWKR" for place in range(16)]
    models = ["default", "a_model_with_quite_a_long_name", "third"]
    assert misplaced_texts(plot_summary(table(make_summary(peptides, models)), SETTINGS)) == []


def test_summary_with_gaps():
    figure = plot_summary(table(make_summary(["AG", "GG"], ["default"], gaps=True)), SETTINGS)
    assert "none in these peptides" in words(figure)
    assert "MD at equal wall clock" not in legend(figure)
    figure = plot_summary(table(make_summary(["GG"], ["default"], gaps=True)), SETTINGS)
    assert words(figure) == "none"


def test_asparagine_alanine_is_not_a_missing_name(tmp_path):
    (tmp_path / "summary.csv").write_text(make_summary(["NA", "AN"], ["default"]))
    written_twice(tmp_path, "summary", summary=tmp_path / "summary.csv")
    figure = plot_summary(table((tmp_path / "summary.csv").read_text()), SETTINGS)
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["NA", "AN", "mean"]
    assert all(bar.get_height() > 0 for bar in figure.axes[2].patches)


@pytest.mark.parametrize("text", ["", "dataset,model,peptide\nd,m,A\n", make_summary([], [])])
def test_summary_of_nothing_is_an_error(tmp_path, text):
    (tmp_path / "summary.csv").write_text(text)
    with pytest.raises(UserError, match=r"summary\.csv: has no"):
        draw("summary", tmp_path / "x", summary=tmp_path / "summary.csv")
