"""Markov models of both libraries against a chain known exactly, and what becomes of data that hold no model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jamun.evaluation.msm import model as msm_model
from jamun.evaluation.msm.backend import MSMError, require_connected
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.msm.model import build_msm, load_backend

ROOT = Path(__file__).resolve().parents[2]
PYEMMA = Path(os.environ.get("JAMUN_PYEMMA_PYTHON", ROOT / ".venv-pyemma" / "bin" / "python"))
ESTIMATE = """
import json, sys
import numpy as np
from jamun.evaluation.msm.model import load_backend

if __name__ == "__main__":
    model = load_backend(sys.argv[1]).markov(list(np.load(sys.argv[2], allow_pickle=False)), 1)
    print(json.dumps({"active": model.active.tolist(), "stationary": model.stationary.tolist(),
                      "timescales": model.timescales.tolist()}))
"""

# Four states in a row, by Metropolis: detailed balance with these populations holds exactly.
POPULATIONS = np.array([0.4, 0.1, 0.3, 0.2])


def transitions():
    matrix = np.zeros((4, 4))
    for i in range(3):
        flux = 0.12 * min(POPULATIONS[i], POPULATIONS[i + 1])
        matrix[i, i + 1], matrix[i + 1, i] = flux / POPULATIONS[i], flux / POPULATIONS[i + 1]
    return matrix + np.diag(1 - matrix.sum(1))


@pytest.fixture(scope="module")
def paths():
    generator = np.random.default_rng(0)
    cumulative = transitions().cumsum(1)
    states = np.empty((500, 4000), dtype=np.int64)
    states[:, 0] = generator.choice(4, size=500, p=POPULATIONS)
    for t in range(1, states.shape[1]):
        draws = generator.random(500)[:, None]
        # The last column of a cumulative sum can round to just below 1.
        states[:, t] = (draws > cumulative[states[:, t - 1], :-1]).sum(1)
    return states


@pytest.mark.parametrize("backend", ["deeptime", "pyemma"])
def test_a_chain_of_four_states(backend, paths, tmp_path):
    if backend == "pyemma" and not PYEMMA.exists():
        pytest.skip("no PyEMMA environment: run `make pyemma` to test its backend")
    np.save(tmp_path / "paths.npy", paths)
    interpreter = PYEMMA if backend == "pyemma" else sys.executable
    finished = subprocess.run(
        [str(interpreter), "-c", ESTIMATE, backend, str(tmp_path / "paths.npy")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert found["active"] == [0, 1, 2, 3]
    # Two million frames and a slowest process of about 60: populations to 0.003, timescales to 1 or 2 %.
    np.testing.assert_allclose(found["stationary"], POPULATIONS, atol=0.01)
    eigenvalues = np.sort(np.linalg.eigvals(transitions()).real)[::-1]
    np.testing.assert_allclose(found["timescales"], -1 / np.log(eigenvalues[1:]), rtol=0.05)


SETTINGS = {
    "tica_lag": 10,
    "tica_dimensions": 5,
    "clusters": 20,
    "lag": 10,
    "macrostates": 4,
    "its_lags": [1, 10, 50],
    "minimum_frames": 100,
    "seed": 0,
}


def wander(frames, torsions, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.3, (frames, torsions))
    return (np.cumsum(steps, 0) + np.pi) % (2 * np.pi) - np.pi


def build(angles, boundaries=None, **changes):
    bounds, chains = np.array(boundaries or [0, len(angles)]), np.arange(200) % 20
    inputs = MSMInput(angles, bounds, angles[:200], chains, np.zeros((0, 2), dtype=np.int64))
    return build_msm(load_backend("deeptime"), inputs, SETTINGS | changes)[0]


@pytest.mark.parametrize(
    ("angles", "words"),
    [
        (np.zeros((500, 4)), "TICA"),
        (np.zeros((500, 0)), "no torsion"),
        (np.linspace(-3, 3, 600)[:, None] * np.ones(3), "transitions both ways"),
        (np.repeat(wander(10, 4), 100, 0), "transitions both ways|do not split"),
    ],
    ids=["frozen", "no torsions", "never returns", "ten frames repeated"],
)
def test_data_without_a_model_say_so(angles, words):
    with pytest.raises(MSMError, match=words):
        build(angles)


@pytest.mark.parametrize("boundaries", [[0, 1000, 1005], [0, 0, 1005], [0, 5, 1005]])
def test_replicas_shorter_than_the_lag_are_kept_out_of_tica_alone(boundaries):
    result = build(wander(1005, 2), boundaries)
    assert result["status"] == "ok"
    assert result["frames"] == 1005
    assert sum(state["reference_occupancy"] for state in result["macrostates"]) == pytest.approx(1)


def test_fewer_features_than_components():
    result = build(wander(1000, 1))
    assert any("2 independent components instead of 5" in note for note in result["notes"])


def test_a_lag_without_timescales_is_noted():
    result = build(wander(1000, 2), its_lags=[1, 10, 495, 600])
    assert result["implied_timescales"]["lags"][:2] == [1, 10]
    assert any("No implied timescales at lag 600" in note for note in result["notes"])


def test_frames_outside_the_connected_set_are_told():
    angles = np.concatenate([wander(900, 2) * 0.1 - 1.5, wander(300, 2, seed=1) * 0.1 + 1.5])
    result = build(angles)
    assert result["connected_frames"] < 1
    assert any("outside the connected set" in note for note in result["notes"])


def test_too_many_macrostates_are_not_tried(monkeypatch):
    monkeypatch.setattr(msm_model, "MOST_MACROSTATES", 3)
    result = build(wander(2000, 2), macrostates=15)
    assert len(result["macrostates"]) <= 3
    assert any("3 macrostates instead of 15" in note for note in result["notes"])


def test_connectivity_needs_both_ways():
    require_connected([np.array([0, 1, 0, 1])], 1)
    with pytest.raises(MSMError, match="both ways"):
        require_connected([np.array([0, 1, 2, 3])], 1)
    with pytest.raises(MSMError, match="longer than the lag"):
        require_connected([np.array([0, 1])], 5)


def test_a_backend_by_name():
    assert load_backend("deeptime").name == "deeptime"
