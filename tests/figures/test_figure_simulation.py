"""An MD in time: panels of what was recorded, replicas apart, what is expected, and texts that stay readable."""

import numpy as np
import pytest
from figure_inputs import SETTINGS, legend, make_series, misplaced_texts, written_twice

from jamun.figures.simulation import plot_simulation, running_mean, temperature_density
from jamun.io.atomic import write_npz

LONG = ["ALA", "TRP", "GLY", "LYS", "ARG", "MET", "SER", "VAL", "ALA", "TRP"]


def panels(figure):
    """Panels by the first words of their titles; histograms have none."""
    titled = {panel.get_title(loc="left"): panel for panel in figure.axes if panel.get_title(loc="left")}
    return {title.split(":")[0]: panel for title, panel in titled.items()}


def test_explicit_solvent():
    arrays = make_series(["ALA", "TRP"])
    figure = plot_simulation(arrays, SETTINGS)
    drawn = panels(figure)
    torsions = ["Ala1 φ", "Ala1 ψ", "Trp2 φ", "Trp2 ψ", "Trp2 χ₁", "Trp2 χ₂"]
    assert list(drawn) == ["temperature", "density", "potential energy", *torsions]
    assert [drawn[name].get_ylabel() for name in list(drawn)[:4]] == ["K", "g/ml", "kJ/mol", "degrees"]
    for name, column in (("temperature", "temperature_k"), ("potential energy", "potential_kj_mol")):
        line = drawn[name].lines[0]
        np.testing.assert_allclose(line.get_xdata(), arrays["state_time_ps"])
        np.testing.assert_allclose(line.get_ydata(), arrays[column])
        assert drawn[name].get_ylim()[0] < arrays[column].min() < arrays[column].max() < drawn[name].get_ylim()[1]
    for column, name in enumerate(["Ala1 φ", "Trp2 φ", "Ala1 ψ", "Trp2 ψ", "Trp2 χ₁", "Trp2 χ₂"]):
        dots = drawn[name].lines[0]
        assert dots.get_linestyle() == "None"
        np.testing.assert_allclose(dots.get_ydata(), np.rad2deg(arrays["torsion_angles"][:, column]))
        assert drawn[name].get_ylim() == (-180, 180)
        assert list(drawn[name].get_yticks()) == [-180, -90, 0, 90, 180]
    for panel in drawn.values():
        assert panel.get_xlim() == (0, 80)
    assert drawn["Trp2 χ₂"].get_xlabel() == drawn["potential energy"].get_xlabel() == "time (ps)"
    assert legend(figure) == ["as recorded", "running mean over 4 ps", "expected temperature: mean, SD, distribution"]
    assert misplaced_texts(figure) == []


def test_the_expected_temperature_is_that_of_the_canonical_ensemble():
    kelvin = np.linspace(1, 1000, 20_000)
    for freedom in (40, 1487):
        share = temperature_density(kelvin, 310.0, freedom) * (kelvin[1] - kelvin[0])
        mean = (share * kelvin).sum()
        assert share.sum() == pytest.approx(1, abs=1e-3)
        assert mean == pytest.approx(310, rel=1e-3)
        assert np.sqrt((share * (kelvin - mean) ** 2).sum()) == pytest.approx(310 * np.sqrt(2 / freedom), rel=1e-2)
    figure = plot_simulation(make_series(["ALA"], solvent="implicit", freedom=50), SETTINGS)
    panel = panels(figure)["temperature"]
    assert "(expected: mean 300, SD 60 K)" in panel.get_title(loc="left")
    (band,) = panel.patches
    np.testing.assert_allclose((band.get_y(), band.get_height()), (240, 120))


def test_implicit_solvent_has_no_density():
    figure = plot_simulation(make_series(["ALA", "GLY"], solvent="implicit", freedom=60), SETTINGS)
    assert list(panels(figure)) == ["temperature", "potential energy", "Ala1 φ", "Ala1 ψ", "Gly2 φ", "Gly2 ψ"]
    assert "implicit solvent" in figure.get_suptitle()
    assert misplaced_texts(figure) == []


def test_imported_md_has_torsions_only():
    figure = plot_simulation(make_series(["ALA", "ARG"], (4000, 2000, 7000), 50.0, solvent=""), SETTINGS)
    drawn = panels(figure)
    assert len(drawn) == len(figure.axes) == 9
    assert set(drawn) == {"Ala1 φ", "Ala1 ψ", "Arg2 φ", "Arg2 ψ", *(f"Arg2 χ{k}" for k in "₁₂₃₄₅")}
    assert "650 ns in 3 replicas, imported" in figure.get_suptitle()
    assert drawn["Arg2 χ₅"].get_xlabel() == "time (ns)"
    assert legend(figure) == ["replicas in turn"]
    assert misplaced_texts(figure) == []


def test_one_imported_replica_needs_no_legend():
    figure = plot_simulation(make_series(["ALA"], solvent=""), SETTINGS)
    assert figure.legends == []
    assert misplaced_texts(figure) == []


def test_replicas_are_told_apart():
    arrays = make_series(["ALA"], (400, 400, 400), solvent="implicit", rows=600, freedom=60)
    figure = plot_simulation(arrays, SETTINGS)
    drawn = panels(figure)
    panel = drawn["potential energy"]
    recorded = [line for line in panel.lines if line.get_linewidth() == 0.7]
    assert [len(line.get_xdata()) for line in recorded] == [200, 200, 200]
    assert recorded[0].get_color() == recorded[2].get_color() != recorded[1].get_color()
    means = [line for line in panel.lines if line.get_linewidth() == 1.2]
    assert len(means) == 3
    for mean, own in zip(means, recorded, strict=True):
        assert own.get_xdata()[0] < mean.get_xdata()[0] < mean.get_xdata()[-1] < own.get_xdata()[-1]
    for panel in drawn.values():
        at = {line.get_xdata()[0] for line in panel.lines if len(line.get_xdata()) == 2} - {0}
        assert sorted(at) == pytest.approx([40, 80])
    first, second = drawn["Ala1 φ"].lines[:2]
    assert first.get_color() != second.get_color()
    np.testing.assert_array_equal((second.get_xdata() > 40.05) & (second.get_xdata() < 80.05), True)
    assert len(first.get_xdata()) == 2 * len(second.get_xdata()) == 800
    assert [text.get_text() for text in drawn["temperature"].texts] == ["replica 1", "replica 2", "replica 3"]
    assert misplaced_texts(figure) == []


def test_running_means():
    np.testing.assert_allclose(running_mean(np.array([1.0, 2.0, 6.0, 3.0]), 2), [1.5, 4.0, 4.5])
    assert len(running_mean(np.array([1.0, 2.0]), 3)) == 0


@pytest.mark.parametrize(
    ("residues", "options"),
    [
        (LONG, {"replicas": (300,) * 20, "interval_ps": 2.0, "rows": 2000}),
        (LONG, {"replicas": (30,) * 100, "interval_ps": 1000.0, "solvent": ""}),
        (["ALA"], {"replicas": (30,), "rows": 1}),
        (["ALA"], {"replicas": (5, 5), "rows": 4, "solvent": "implicit"}),
        (["ALA", "ARG"], {"replicas": (10**4, 10, 500), "interval_ps": 1e4, "capped": False}),
    ],
)
def test_texts_do_not_collide(residues, options):
    figure = plot_simulation(make_series(residues, peptide="AWGKRMSVAW", **options), SETTINGS)
    assert misplaced_texts(figure) == []
    assert max(figure.get_size_inches()) < 15


def test_a_level_that_never_changes_and_a_molecule_without_torsions():
    arrays = make_series(["ALA"], capped=False)
    arrays["density_g_ml"] = np.full(80, 0.97)
    figure = plot_simulation(arrays, SETTINGS)
    assert panels(figure)["density"].get_ylim() == pytest.approx((0.969, 0.971))
    assert any("no torsion" in text.get_text() for panel in figure.axes for text in panel.texts)
    assert misplaced_texts(figure) == []


def test_simulation_files(tmp_path):
    series = tmp_path / "AW.npz"
    write_npz(series, make_series(["ALA", "TRP"], (100, 100)))
    written_twice(tmp_path, "simulation", series=series)
