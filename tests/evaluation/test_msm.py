"""The Markov state model against a chain whose populations and timescales are known, by both libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from jamun.config.evaluation import MSMSettings
from jamun.evaluation.msm.backend import MSMError
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.msm.model import build_msm, insufficient, load_backend
from jamun.evaluation.tica import features
from jamun.io.atomic import read_json, read_npz

ROOT = Path(__file__).resolve().parents[2]
PYEMMA = Path(os.environ.get("JAMUN_PYEMMA_PYTHON", ROOT / ".venv-pyemma" / "bin" / "python"))

# A reversible chain of three states: populations by detailed balance, timescales from its eigenvalues.
TRANSITIONS = np.array([[0.985, 0.015, 0.0], [0.02, 0.95, 0.03], [0.0, 0.015, 0.985]])
CENTRES = np.array([[-1.2, 2.5], [1.0, 0.8], [-1.2, -0.6]])  # (phi, psi); far apart against a width of 0.2


def exact():
    values, vectors = np.linalg.eig(TRANSITIONS.T)
    order = np.argsort(-values.real)
    stationary = vectors[:, order[0]].real
    return stationary / stationary.sum(), -1 / np.log(values.real[order[1:]])


def chain(frames, seed):
    generator = np.random.default_rng(seed)
    states = np.empty(frames, dtype=int)
    states[0] = 0
    uniform = generator.random(frames)
    cumulative = TRANSITIONS.cumsum(1)
    for t in range(1, frames):
        states[t] = np.searchsorted(cumulative[states[t - 1]], uniform[t])
    angles = CENTRES[states] + generator.normal(0, 0.2, (frames, 2))
    return states, (angles + np.pi) % (2 * np.pi) - np.pi


SETTINGS = MSMSettings(
    backend="deeptime", tica_lag=5, tica_dimensions=3, clusters=30, lag=5, macrostates=3, its_lags=[1, 5, 10]
).model_dump()
PAIRS = np.array([[0, 1]])


@pytest.fixture(scope="module")
def data():
    states, angles = chain(60_000, 1)
    return states, angles


def build(angles, boundaries=None, samples=None, **changes):
    samples = angles if samples is None else samples
    bounds = np.array([0, len(angles)] if boundaries is None else boundaries)
    inputs = MSMInput(angles, bounds, samples, np.arange(len(samples)) % 20, PAIRS)
    return build_msm(load_backend("deeptime"), inputs, SETTINGS | changes)


def test_known_populations_and_timescales(data):
    _, angles = data
    populations, timescales = exact()
    result, arrays = build(angles)
    found = [state["population"] for state in result["macrostates"]]
    np.testing.assert_allclose(found, np.sort(populations)[::-1], atol=0.03)
    # The slowest process decays in 1/0.0175 frames or so: about 600 decays in the data, 4 % each way.
    np.testing.assert_allclose(result["timescales"][:2], timescales, rtol=0.15)
    assert result["implied_timescales"]["lags"] == [1, 5, 10]
    assert result["js"]["value"] == 0
    assert arrays["ramachandran_reference"].shape == (3, 1, 50, 50)
    assert arrays["ramachandran_reference"].sum() == len(angles)


def test_macrostates_are_the_states(data):
    states, angles = data
    _, arrays = build(angles)
    for label in range(3):
        counts = np.bincount(states[arrays["macrostate_reference"] == label], minlength=3)
        assert counts.max() / counts.sum() > 0.999


def test_samples_of_one_state_are_seen(data):
    states, angles = data
    result, _ = build(angles, samples=angles[states == 0][:2000])
    occupancies = [state["samples_occupancy"] for state in result["macrostates"]]
    assert max(occupancies) == pytest.approx(1.0, abs=0.01)
    assert result["js"]["value"] > 0.3


def test_accepted_samples_are_counted_in_the_same_states(data):
    """Occupancies counted from the states of all samples: the model is the MD's and knows nothing of what is kept."""
    states, angles = data
    samples, accepted = angles[:4000], states[:4000] != 2
    inputs = MSMInput(
        angles,
        np.array([0, len(angles)]),
        samples,
        np.arange(4000) % 20,
        PAIRS,
        samples_accepted=accepted,
        accepted_reason="",
    )
    result, arrays = build_msm(load_backend("deeptime"), inputs, SETTINGS)
    alone, own = build(angles)[1]["macrostate_reference"], arrays["macrostate_samples"]
    counts = [np.bincount(labels, minlength=3) for labels in (own[accepted], alone)]
    assert result["accepted"]["frames"] == accepted.sum()
    np.testing.assert_allclose(result["accepted"]["occupancy"], counts[0] / accepted.sum())
    found = result["accepted"]["js"]
    assert found["value"] == pytest.approx(jensenshannon(*counts))
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] > 2 * result["js"]["value"], "rejecting a state must show"
    nothing, _ = build(angles)
    assert (nothing["accepted"], nothing["accepted_reason"]) == (None, "the sampler has not judged its frames")


def test_transitions_across_replicas_are_not_counted():
    # Two replicas, one in state 0 and one in state 2: joined, they would look like one transition.
    generator = np.random.default_rng(2)
    parts = [CENTRES[state] + generator.normal(0, 0.2, (3000, 2)) for state in (0, 2)]
    angles = (np.concatenate(parts) + np.pi) % (2 * np.pi) - np.pi
    apart, _ = build(angles, [0, 3000, 6000], macrostates=2)
    joined, _ = build(angles, [0, 6000], macrostates=2)
    assert apart["connected_clusters"] < joined["connected_clusters"]


@pytest.mark.parametrize(
    ("frames", "changes", "words"),
    [
        (50, {}, "fewer than"),
        (200, {"lag": 150}, "not longer than twice the lag"),
        (200, {"minimum_frames": 500}, "fewer than"),
    ],
)
def test_too_little_data_says_so(frames, changes, words):
    _, angles = chain(frames, 3)
    with pytest.raises(MSMError, match=words):
        build(angles, **changes)


def test_fewer_clusters_and_macrostates_are_noted():
    _, angles = chain(400, 4)
    result, _ = build(angles, clusters=200)
    assert result["clusters"] == 80
    assert any("80 clusters instead of 200" in note for note in result["notes"])
    few, _ = build(angles, clusters=5, macrostates=10)
    assert len(few["macrostates"]) <= 4
    assert any("macrostates instead of 10" in note for note in few["notes"])


def test_features_are_periodic():
    np.testing.assert_allclose(features(np.array([[np.pi]])), features(np.array([[-np.pi]])), atol=1e-12)


def test_insufficient_has_the_same_arrays(data):
    _, arrays = build(data[1])
    _, empty = insufficient("too few", 3, 1)
    assert set(arrays) == set(empty)


def run_script(interpreter, folder, backend, angles, **changes):
    inputs = MSMInput(
        angles,
        np.array([0, len(angles)]),
        angles[:5000],
        np.arange(5000) % 20,
        PAIRS,
        np.array(["Ala1"]),
        np.arange(5000) < 1500,
        "",
    )
    inputs.save(folder / "features.npz")
    command = [str(interpreter), "-P", "-m", "jamun.evaluation.msm", "--features", str(folder / "features.npz")]
    command += ["--settings", json.dumps(SETTINGS | {"backend": backend} | changes)]
    command += ["--result", str(folder / f"{backend}.json"), "--arrays", str(folder / f"{backend}.npz")]
    command += ["--log", str(folder / "msm.log")]
    path = os.pathsep.join(filter(None, [str(ROOT), os.getenv("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.skipif(not PYEMMA.exists(), reason="no PyEMMA environment: run `make pyemma` to test its backend")
def test_pyemma_and_deeptime_agree(data, tmp_path):
    _, angles = data
    for backend, interpreter in (("pyemma", PYEMMA), ("deeptime", sys.executable)):
        finished = run_script(interpreter, tmp_path, backend, angles)
        assert finished.returncode == 0, finished.stdout + finished.stderr
    first, second = read_json(tmp_path / "pyemma.json"), read_json(tmp_path / "deeptime.json")
    for key in ("population", "samples_occupancy", "reference_occupancy"):
        np.testing.assert_allclose(
            [state[key] for state in first["macrostates"]], [state[key] for state in second["macrostates"]], atol=0.02
        )
    np.testing.assert_allclose(first["timescales"][:2], second["timescales"][:2], rtol=0.05)
    assert first["js"]["value"] == pytest.approx(second["js"]["value"], abs=0.01)
    for result in (first, second):
        assert (result["accepted"]["frames"], result["accepted_reason"]) == (1500, None)
    assert first["accepted"]["js"]["value"] == pytest.approx(second["accepted"]["js"]["value"], abs=0.01)


def test_a_missing_pyemma_names_the_command_and_the_setting(data, tmp_path):
    finished = run_script(sys.executable, tmp_path, "pyemma", data[1])
    assert finished.returncode == 1
    assert "make pyemma" in finished.stderr
    assert "evaluation.msm.backend" in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr


def test_too_little_data_is_a_result(tmp_path, data):
    finished = run_script(sys.executable, tmp_path, "deeptime", data[1][:6000], minimum_frames=10**6)
    assert finished.returncode == 0
    result = read_json(tmp_path / "deeptime.json")
    assert (result["status"], result["accepted"]) == ("insufficient", None)
    assert "fewer than the 1000000" in result["accepted_reason"]
    assert read_npz(tmp_path / "deeptime.npz")["residue_labels"].tolist() == ["Ala1"]
