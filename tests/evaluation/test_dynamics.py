"""Slow motions of two ensembles: identities, baselines, what is too little, and the files."""

import json

import mdtraj
import numpy as np
import pytest
from pairs import built, files_in, of_angles
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import jensenshannon

from jamun.config.evaluation import DynamicsSettings, EvaluationSettings
from jamun.evaluation.dynamics import analyse
from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.pair import Pair, read_pair
from jamun.evaluation.run import analyse_to_files
from jamun.evaluation.slow_distances import DISTANCES, SlowMotions, md_distances, md_distances_to_file
from jamun.evaluation.tica import fit_tica
from jamun.io.atomic import read_npz, write_json
from jamun.peptides.torsions import Torsion

SETTINGS = DynamicsSettings(transport_frames=200, transport_repeats=3)
TORSIONS = [
    Torsion("phi", 1, "ALA"),
    Torsion("psi", 1, "ALA"),
    Torsion("omega", 1, "ALA"),
    Torsion("chi1", 2, "TRP"),
]


def angles(frames, seed, phi=0.95):
    """Angles (frames, 4) that swing with a memory of 1 / (1 - phi) frames and more; omega barely does."""
    rng = np.random.default_rng(seed)
    memory = np.array([phi, phi**2, 0.2, phi**4])
    values = rng.normal(size=(frames, 4))
    for frame in range(1, frames):
        values[frame] = memory * values[frame - 1] + np.sqrt(1 - memory**2) * values[frame]
    return values * [0.7, 0.6, 0.05, 0.5] + [-1.2, 2.5, 3.0, 1.0]


def series(values, chains, seconds, step, unit, each=None, torsions=TORSIONS):
    """An ensemble with its clock."""
    return of_angles(torsions, values, chains, seconds=seconds, seconds_per_frame=each, step=step, unit=unit)


def md(frames=3000, replicas=1, seconds=300.0, seed=1, each=None):
    return series(angles(frames, seed), np.arange(frames) * replicas // frames, seconds, 2.0, "ps", each)


def drawn(frames=2000, chains=10, seconds=20.0, seed=3):
    return series(angles(frames, seed, 0.8), np.arange(frames) * chains // frames, seconds, 1.0, "samples")


def dynamics(reference, samples, accepted=None, baselines=None):
    return analyse(Pair(reference, samples, accepted), EvaluationSettings(dynamics=SETTINGS), baselines)


@pytest.fixture(scope="module")
def compared():
    return dynamics(md(each=0.1), drawn())


def test_replicas_are_held_against_each_other():
    reference = md(replicas=3)
    result, _ = dynamics(reference, drawn(300))
    found = result["baselines"]["md_replicas"]
    assert (found["frames"], found["pairs"]) == (1000, 3)
    kept = reference.angles[:, [0, 1, 3]]
    parts = [kept[reference.chains == replica] for replica in range(3)]
    project = fit_tica(parts, SETTINGS.tica_lag)
    slow = [project(part)[:, 0] for part in parts]
    distances, transports = [], []
    for one, two in ((0, 1), (0, 2), (1, 2)):
        edges = np.linspace(min(map(np.min, (slow[one], slow[two]))), max(map(np.max, (slow[one], slow[two]))), 101)
        distances.append(jensenshannon(*(np.histogram(slow[part], edges)[0] for part in (one, two))))
        chosen = np.random.default_rng(SETTINGS.seed).choice(1000, SETTINGS.transport_frames, replace=False)
        turned = np.angle(np.exp(1j * (parts[one][chosen][:, None] - parts[two][chosen])))
        rows, columns = linear_sum_assignment(cost := (turned**2).sum(-1))
        transports.append(np.sqrt(cost[rows, columns].mean()))
    assert found["tica_0"]["value"] == pytest.approx(np.mean(distances), abs=1e-3)
    assert found["torsion_w2"]["value"] == pytest.approx(np.mean(transports))
    for name in DISTANCES:
        assert 0 <= found[name]["low"] <= found[name]["value"] <= found[name]["high"]


def test_two_equal_replicas_are_the_halves_and_one_is_none(compared):
    baselines = dynamics(md(replicas=2), drawn(300))[0]["baselines"]
    assert {baselines["md_replicas"][name]["value"] for name in DISTANCES} == {
        baselines["md_halves"][name]["value"] for name in DISTANCES
    }
    nothing = compared[0]["baselines"]["md_replicas"]
    assert nothing["reason"] == nothing["tica_0"]["reason"] == "the MD has one replica"
    assert nothing["torsion_w2"]["value"] is None


def test_accepted_samples_are_those_samples_alone(compared):
    """Held against the same TICA, with the wall clock of all: rejecting costs time."""
    samples = drawn()
    accepted = np.arange(len(samples.angles)) % 3 > 0
    result, _ = dynamics(md(each=0.1), samples, accepted)
    kept = series(samples.angles[accepted], samples.chains[accepted], 20.0, 1.0, "samples")
    alone, _ = dynamics(md(each=0.1), kept)
    assert result["accepted"]["frames"] == accepted.sum()
    assert result["accepted"]["distances"] == alone["distances"]
    assert result["accepted"]["ess"] == {key: alone["ess"][key] for key in ("samples", "speed_up")}
    assert result["distances"] == compared[0]["distances"], "all samples stay what they were"
    assert result["accepted_reason"] is None
    assert compared[0]["accepted"] is None
    assert compared[0]["accepted_reason"] == "the sampler has not judged its frames"


def numbers(value):
    """Every number with an interval in a result."""
    if isinstance(value, dict):
        if {"value", "low", "high", "count"} <= set(value):
            yield value
        else:
            for item in value.values():
                yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)


def test_every_number_has_an_interval_or_a_reason(compared):
    found = list(numbers(compared[0]))
    # Four distances of samples and four baselines; two times a torsion; medians; effective samples, rates; speed-up.
    assert len(found) == 4 * 5 + 2 * len(TORSIONS) + 2 * 3 + 4 + 1
    for number in found:
        assert number["count"] > 0 or number["reason"] == "the MD has one replica"
        if number["value"] is None:
            assert number["reason"]
        else:
            assert 0 <= number["low"] <= number["value"] <= number["high"]


def test_js_is_that_of_scipy_on_the_projection_of_the_md(compared):
    first, second = md().angles[:, [0, 1, 3]], drawn().angles[:, [0, 1, 3]]
    project = fit_tica([first], SETTINGS.tica_lag)
    one, two = project(first), project(second)
    for axes, bins, name in ((1, 100, "tica_0"), (2, 50, "tica_01")):
        ranges = [(min(a.min(), b.min()), max(a.max(), b.max())) for a, b in zip(one.T, two.T, strict=True)][:axes]
        histograms = [
            np.histogramdd(points[:, :axes], bins=[bins] * axes, range=ranges)[0].ravel() for points in (one, two)
        ]
        assert compared[0]["distances"][name]["value"] == pytest.approx(jensenshannon(*histograms), abs=1e-6)
        np.testing.assert_array_equal(compared[1][f"{name}_samples"].ravel(), histograms[1])
        np.testing.assert_array_equal(compared[1][f"{name}_reference"].ravel(), histograms[0])
    assert compared[1]["tica_0_equal"].sum() == 200


def test_units_and_speed_up(compared):
    result = compared[0]
    assert result["tica"]["lag"] == 20
    assert result["decorrelation"]["units"] == {"md": "ps", "samples": "samples"}
    # For normal swings of deviation s and autocorrelation r, <cos(a_0 - a_t)> = exp(-s^2 (1 - r)), b = exp(-s^2); the
    # curve is at 1/e where r = memory^t is:
    b = np.exp(-(0.7**2))
    r = 1 + np.log(b + (1 - b) / np.e) / 0.7**2
    first = result["decorrelation"]["torsions"][0]
    assert first["md"]["value"] == pytest.approx(2 * np.log(r) / np.log(0.95), rel=0.25)
    assert first["samples"]["value"] == pytest.approx(np.log(r) / np.log(0.8), rel=0.25)
    assert result["decorrelation"]["median"]["md"]["backbone"]["value"] == pytest.approx(
        np.mean([result["decorrelation"]["torsions"][place]["md"]["value"] for place in (0, 1)])
    )
    rates = [result["ess"][name]["per_second"]["value"] for name in ("samples", "md")]
    assert result["ess"]["speed_up"]["value"] == pytest.approx(rates[0] / rates[1])
    assert rates[0] == pytest.approx(result["ess"]["samples"]["samples"]["value"] / 20)


def test_baselines(compared):
    baselines = compared[0]["baselines"]
    assert [baselines[name]["frames"] for name in ("md_halves", "md_equal_wall_clock", "md_tenth")] == [1500, 200, 300]
    for name in DISTANCES:
        assert baselines["md_halves"][name]["value"] > 0
        assert baselines["md_tenth"][name]["value"] > 0


def test_baselines_that_were_computed_before_are_taken(compared):
    """Of the MD's pieces; those of the cut at equal wall clock are each model's own."""
    reference = md(each=0.1)
    before = md_distances(SlowMotions.of_md(reference, SETTINGS), SETTINGS)
    assert set(before) == {"md_halves", "md_tenth", "md_replicas"}
    taken, arrays = dynamics(reference, drawn(), baselines=before)
    for name in set(taken) - {"tica"}:
        assert taken[name] == compared[0][name]
    for name, array in compared[1].items():
        np.testing.assert_array_equal(arrays[name], array)
    shorter, _ = dynamics(reference, drawn(seconds=10.0), baselines=before)
    assert shorter["baselines"]["md_equal_wall_clock"]["frames"] == 100
    marked = before | {"md_tenth": before["md_tenth"] | {"frames": 7}}
    found, _ = dynamics(reference, drawn(), baselines=marked)
    assert found["baselines"]["md_tenth"]["frames"] == 7


def test_md_with_itself_is_zero():
    reference = md()
    itself = series(reference.angles, reference.chains, 10.0, 1.0, "samples")
    result, _ = dynamics(reference, itself)
    for name in DISTANCES:
        assert result["distances"][name]["value"] == pytest.approx(0, abs=1e-6)
    assert result["ess"]["speed_up"]["value"] == pytest.approx(30)


def test_replicas_are_kept_apart():
    reference = md(replicas=3)
    chosen = reference.angles[:, [0, 1, 3]]
    result, arrays = dynamics(reference, drawn())
    expected = fit_tica(np.split(chosen, 3), SETTINGS.tica_lag)
    np.testing.assert_allclose(result["tica"]["eigenvalues"], expected.eigenvalues[:5])
    assert result["tica"]["pairs"] == 3000 - 3 * SETTINGS.tica_lag
    assert (len(arrays["ess_md"]), len(arrays["ess_samples"])) == (3, 10)
    assert arrays["decorrelation_md_lags"][-1] == 500


def test_short_md_has_no_tica_but_all_else():
    result, arrays = dynamics(md(60), drawn(200))
    assert result["tica"]["status"] == "insufficient"
    assert "fewer than the 100" in result["tica"]["reason"]
    for name in ("tica_0", "tica_01", "tica_w2"):
        assert result["distances"][name]["value"] is None
        assert "fewer than the 100" in result["distances"][name]["reason"]
    assert result["distances"]["torsion_w2"]["value"] > 0
    assert result["ess"]["speed_up"]["value"] is None
    assert "fewer than the 100" in result["ess"]["speed_up"]["reason"]
    assert "6 frames are fewer" in result["baselines"]["md_tenth"]["reason"]
    assert "not recorded" in result["baselines"]["md_equal_wall_clock"]["torsion_w2"]["reason"]
    assert arrays["tica_0_samples"].size == 0


def test_short_chains_have_no_correlation_functions():
    result, _ = dynamics(md(), drawn(300, chains=100))
    assert result["distances"]["tica_0"]["value"] > 0
    assert "no run has 20 frames" in result["decorrelation"]["torsions"][0]["samples"]["reason"]
    assert "no run has 20 frames" in result["ess"]["samples"]["samples"]["reason"]
    assert result["decorrelation"]["median"]["samples"]["all"]["value"] is None


def test_untimed_md_has_no_speed_up():
    result, _ = dynamics(md(seconds=None), drawn())
    assert result["ess"]["md"]["samples"]["value"] > 0
    assert result["ess"]["speed_up"]["reason"] == "MD: its wall clock is not recorded"


def test_a_molecule_without_torsions():
    bare = [series(np.zeros((200, 0)), np.zeros(200, int), 1.0, 1.0, unit, torsions=[]) for unit in ("ps", "samples")]
    result, arrays = dynamics(*bare)
    assert "no torsion" in result["tica"]["reason"]
    assert result["distances"]["torsion_w2"]["value"] is None
    assert result["decorrelation"]["torsions"] == []
    assert arrays["decorrelation_md_value"].shape == (0, len(arrays["decorrelation_md_lags"]))


@pytest.fixture
def files(tmp_path):
    whole = built("AV", heavy=False)
    topology, positions = whole.topology, whole.xyz[0]
    rng = np.random.default_rng(0)
    paths = {name: tmp_path / name for name in ("md.xtc", "md.pdb", "s.xtc", "s.pdb", "md.json", "sampling.json")}
    for name, frames in (("md", 240), ("s", 200)):
        drift = np.cumsum(rng.normal(0, 0.002, size=(frames, *positions.shape)), 0)
        drift -= np.linspace(0, 1, frames)[:, None, None] * drift[-1]
        trajectory = mdtraj.Trajectory(positions + drift, topology)
        trajectory.save_xtc(paths[f"{name}.xtc"])
        trajectory[0].save_pdb(paths[f"{name}.pdb"])
    production = {"seconds": 120.0, "seconds_per_frame": 0.5, "frame_interval_ps": 2.0}
    write_json(
        paths["md.json"],
        {
            "boundaries": [0, 120, 240],
            "platform": "CPU",
            "threads": 1,
            "production": production,
            "provenance": {"processor": "one"},
        },
    )
    write_json(
        paths["sampling.json"],
        {
            "settings": {"stride": 3},
            "seconds": 20.0,
            "device": "cpu",
            "threads": 2,
            "chains": 20,
            "chains_stopped": {"count": 1},
            "provenance": {"processor": "another"},
        },
    )
    return paths


def run(files, folder):
    reference, samples = files_in(files)
    distances, result, arrays = (folder / name for name in ("md_AV.json", "AV.json", "AV.npz"))
    md_distances_to_file(reference, "set", "AV", SETTINGS, distances)
    settings = EvaluationSettings(dynamics=SETTINGS)
    analyse_to_files(
        "dynamics", read_pair(reference, samples, "set", "model", "AV"), settings, result, arrays, distances
    )
    return json.loads(result.read_text()), read_npz(arrays)


def test_files_say_what_they_compared(files, tmp_path):
    result, arrays = run(files, tmp_path / "a")
    assert [result[key] for key in ("dataset", "model", "peptide")] == ["set", "model", "AV"]
    assert result["reference"]["replicas"] == 2
    assert result["samples"]["walk_steps_per_sample"] == 3
    assert result["settings"]["tica_lag"] == result["tica"]["lag_frames"] == 10
    assert set(result["provenance"]["packages"]) == {"mdtraj", "numpy", "scipy", "deeptime", "POT"}
    assert len(result["notes"]) == 3  # machines, threads, a stopped chain
    alone = json.loads((tmp_path / "a" / "md_AV.json").read_text())
    assert [alone[key] for key in ("dataset", "peptide")] == ["set", "AV"]
    assert alone["baselines"].items() <= result["baselines"].items()
    again, arrays_again = run(files, tmp_path / "b")
    assert {k: v for k, v in again.items() if k != "provenance"} == {
        k: v for k, v in result.items() if k != "provenance"
    }
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, arrays_again[name])


def test_imported_md_without_wall_clock(files, tmp_path):
    record = json.loads(files["md.json"].read_text())
    record |= {"platform": None, "threads": None}
    record["production"] |= {"seconds": None, "seconds_per_frame": None}
    write_json(files["md.json"], record)
    result, _ = run(files, tmp_path)
    assert result["reference"]["processor"] is None
    assert result["ess"]["md"]["per_second"]["value"] is None
    assert result["ess"]["speed_up"]["value"] is None
    assert any("imported" in note for note in result["notes"])
    assert any("No MD at equal wall clock" in note for note in result["notes"])


def test_another_molecule_is_refused(files, tmp_path):
    shorter = mdtraj.load(files["s.xtc"], top=files["s.pdb"]).atom_slice(range(20))
    shorter.save_xtc(tmp_path / "x.xtc")
    shorter[0].save_pdb(tmp_path / "x.pdb")
    with pytest.raises(EvaluationError, match="another molecule"):
        read_pair(*files_in(files | {"s.xtc": tmp_path / "x.xtc", "s.pdb": tmp_path / "x.pdb"}), "set", "model", "AV")
