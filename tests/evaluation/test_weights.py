"""Weights of frames: the right ones turn a wrong distribution into the right one, on either side, in every analysis."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pairs import files_in, of_trajectory
from test_compare import shaken

from jamun.commands.evaluate import main_number
from jamun.config.evaluation import EvaluationSettings
from jamun.data.weights import effective_share
from jamun.evaluation import comparison, dynamics, physicality
from jamun.evaluation.describe_samples import describe
from jamun.evaluation.ensembles import EvaluationError, read_weights, weights_beside
from jamun.evaluation.metrics import METRICS
from jamun.evaluation.msm import model as msm
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.pair import Clock, Pair, read_pair
from jamun.io.atomic import write_json

# More frames than there are, so that transport is between all of them.
SETTINGS = EvaluationSettings(
    msm={"backend": "deeptime", "clusters": 20, "macrostates": 3, "its_lags": [1], "lag": 1, "tica_lag": 1},
    dynamics={"transport_frames": 1500, "transport_repeats": 3, "tica_lag": 1},
    convergence_points=3,
)
FRAMES = 240
COPIES = 3
# Frames in another basin, twenty at a time.
OTHER = np.arange(FRAMES) // 20 % 2 == 1


@pytest.fixture(scope="module")
def right():
    """Frames of capped Ala-Arg, heavy atoms; the angles of half of them are turned to another basin."""
    trajectory = shaken(frames=FRAMES)
    heavy = trajectory.atom_slice(trajectory.topology.select("element != H"))
    md = of_trajectory(heavy, np.repeat(np.arange(4), FRAMES // 4), seconds=10.0, seconds_per_frame=0.1)
    turned = md.angles.copy()
    turned[:, 0] += 3.0 * OTHER
    return replace(md, angles=(turned + np.pi) % (2 * np.pi) - np.pi)


@pytest.fixture(scope="module")
def wrong(right):
    """The same frames, those of the other basin three times, and the weights that make up for it."""
    times = np.where(OTHER, COPIES, 1)
    weights = np.repeat(1 / times, times)
    return replace(right.chosen(np.repeat(np.arange(FRAMES), times)), weights=weights / weights.mean())


def analysed(reference, samples, **known):
    """Results of all analyses of a pair, by name."""
    pair = Pair(reference, samples, temperature=300.0, **known)
    return {
        "compare": comparison.analyse(pair, SETTINGS)[0],
        "dynamics": dynamics.analyse(pair, SETTINGS)[0],
        "physicality": physicality.analyse(pair, SETTINGS)[0],
        "msm": msm.analyse(MSMInput.of(pair), SETTINGS.msm.model_dump())[0],
    }


def distances(found):
    """What is 0 for two equal distributions."""
    raw = found["physicality"]["raw"]
    return {
        **{f"js_{group}": found["compare"]["js"][group]["value"] for group in ("backbone", "all", "ramachandran")},
        **{name: found["dynamics"]["distances"][name]["value"] for name in found["dynamics"]["distances"]},
        **{kind: raw[kind]["w1"]["value"] for kind in ("bonds", "angles", "contacts")},
        "basins": raw["basins"]["js"]["value"],
        "msm": found["msm"]["js"]["value"],
    }


@pytest.mark.parametrize("side", ["samples", "reference"])
def test_weights_make_a_wrong_distribution_right(right, wrong, side):
    def found(one):
        return distances(analysed(*((right, one) if side == "samples" else (one, right))))

    weighted, plain = found(wrong), found(replace(wrong, weights=None))
    # The simplex of the transport and the square root in JS leave some 1e-7 of what is 0.
    assert weighted == pytest.approx(dict.fromkeys(weighted, 0), abs=2e-6)
    for name in ("js_backbone", "js_all", "tica_0", "torsion_w2", "basins", "msm"):
        assert plain[name] > 0.02, name


def test_uniform_weights_change_nothing(right):
    samples = right.chosen(np.arange(0, FRAMES, 2))
    accepted = np.arange(len(samples)) % 5 > 0
    plain = analysed(right, samples, accepted=accepted)
    both = [replace(one, weights=np.ones(len(one))) for one in (right, samples)]
    first, second = (
        json.dumps(found, default=np.ndarray.tolist) for found in (plain, analysed(*both, accepted=accepted))
    )
    assert first == second


def test_the_md_held_against_itself_is_weighted(right, wrong):
    """Of the halves of a weighted MD each counts its own weights."""
    halves = comparison.analyse(Pair(wrong, right), SETTINGS)[0]["baselines"]["md_halves"]["backbone"]
    plain = comparison.analyse(Pair(replace(wrong, weights=None), right), SETTINGS)[0]["baselines"]["md_halves"]
    assert halves["value"] != pytest.approx(plain["backbone"]["value"], abs=1e-6)


def test_a_half_of_the_md_without_weight_has_no_numbers(right):
    """Weights of 0 leave frames out, such as those before equilibrium; the rest is as MD of its own."""
    second = np.arange(FRAMES) >= FRAMES // 2
    one_run = replace(right, chains=np.zeros(FRAMES, int))
    found = physicality.analyse(Pair(replace(one_run, weights=2.0 * second), right, temperature=300.0), SETTINGS)[0]
    raw = found["raw"]
    own = physicality.analyse(Pair(one_run.chosen(second), right, temperature=300.0), SETTINGS)[0]["raw"]
    shares = {**raw["shares"], **{name: raw["basins"][name] for name in ("coverage", "outside", "unseen")}}
    for name, share in shares.items():
        expected = own["shares"].get(name) or own["basins"][name]
        assert share["value"] == pytest.approx(expected["value"]), name
        assert np.isfinite(share["md_halves"]).tolist() == [False, True], name
    read = json.loads(json.dumps(shares).replace("NaN", "null"))
    results = {"physicality": {"raw": {"shares": read, "basins": {"coverage": read["coverage"]}}}}
    for metric in (one for one in METRICS if one.key in ("clash", "basin_coverage")):
        assert main_number(metric, results).md_halves is None


def test_accepted_frames_that_weigh_nothing_have_no_numbers(right):
    first = np.arange(FRAMES) < FRAMES // 2
    pair = Pair(right, replace(right, weights=2.0 * ~first), accepted=first)
    result = comparison.analyse(pair, SETTINGS)[0]
    assert (result["accepted"], result["accepted_reason"]) == (
        None,
        "the frames that the sampler accepted weigh nothing",
    )
    assert MSMInput.of(pair).accepted_reason == result["accepted_reason"]
    assert comparison.analyse(replace(pair, accepted=~first), SETTINGS)[0]["accepted"]["frames"] == FRAMES - FRAMES // 2


def test_samples_without_md_are_weighted_too(right, wrong):
    import mdtraj

    structure = mdtraj.Trajectory(right.positions[0], right.topology)
    (expected, arrays), (found, weighted) = (describe(one, structure, None, SETTINGS) for one in (right, wrong))
    scale = len(wrong) / FRAMES
    np.testing.assert_allclose(weighted["torsion_samples"], scale * arrays["torsion_samples"])
    for name, share in expected["shares"].items():
        assert found["shares"][name]["value"] == pytest.approx(share["value"])


def test_effective_samples_follow_kish(right):
    weights = np.where(np.arange(FRAMES) < FRAMES // 2, 2.0, 0.0)
    assert effective_share(weights) == pytest.approx(0.5)
    assert effective_share(None) == effective_share(np.ones(7)) == 1
    clocked = replace(right, clock=Clock(10.0, None, 1.0, "samples"))
    plain, found = (
        dynamics.analyse(Pair(right, one), SETTINGS)[0]["ess"]["samples"]["samples"]["value"]
        for one in (clocked, replace(clocked, weights=weights))
    )
    assert found == pytest.approx(plain / 2)


def test_weights_of_md_are_those_that_are_asked_for(right, wrong, tmp_path):
    import mdtraj

    paths = {}
    for name, one in (("md", wrong), ("s", right)):
        folder = tmp_path / name
        folder.mkdir()
        trajectory = mdtraj.Trajectory(one.positions, one.topology)
        paths |= {f"{name}.xtc": folder / f"{name}.xtc", f"{name}.pdb": folder / f"{name}.pdb"}
        trajectory.save_xtc(str(paths[f"{name}.xtc"]))
        trajectory[0].save_pdb(str(paths[f"{name}.pdb"]))
    paths |= {"md.json": tmp_path / "md" / "md.json", "sampling.json": tmp_path / "s" / "sampling.json"}
    production = {"seconds": None, "seconds_per_frame": None, "frame_interval_ps": 1.0}
    write_json(paths["md.json"], {"boundaries": [0, len(wrong)], "platform": None, "production": production})
    write_json(paths["sampling.json"], {"chains": 4, "device": None})
    # Of any scale: the mean is made 1.
    np.savez(tmp_path / "md" / "weights.npz", weights=7 * wrong.weights, effective=600.0)
    md, samples = files_in(paths)
    # Of an earlier configuration with frame_weights: not of this one.
    assert read_pair(md, samples, "set", "model", "AR").reference.weights is None
    pair = read_pair(replace(md, weights=tmp_path / "md" / "weights.npz"), samples, "set", "model", "AR")
    np.testing.assert_allclose(pair.reference.weights, wrong.weights)
    assert pair.samples.weights is None
    assert MSMInput.of(pair).weights_of("reference") is not None
    effective = effective_share(wrong.weights) * len(wrong)
    assert pair.described["reference"]["effective_frames"] == pytest.approx(effective)
    assert pair.notes == [f"The MD frames are weighted: {effective:,.0f} effective of {len(wrong):,}."]
    # XTC rounds to a thousandth of a nanometre, which moves some angles by a bin.
    assert comparison.analyse(pair, SETTINGS)[0]["js"]["backbone"]["value"] < 0.05


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"weights": np.ones(4)}, "4 weights for 3 frames"),
        ({"weights": np.array([1.0, -1.0, 1.0])}, "not negative"),
        ({"weights": np.zeros(3)}, "not all zero"),
        ({"weights": np.array([1.0, np.nan, 1.0])}, "finite"),
        ({"others": np.ones(3)}, "cannot be read as weights"),
    ],
)
def test_weights_of_other_frames_are_refused(tmp_path, arrays, words):
    samples = tmp_path / "s.xtc"
    assert read_weights(weights_beside(samples), 3) is None
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(EvaluationError, match=words):
        read_weights(weights_beside(samples), 3)
