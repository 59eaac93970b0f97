"""The Python interface: objects in a notebook, and no files left behind."""

import json
import subprocess
import sys
from pathlib import Path

import mdtraj
import numpy as np
import pytest

import jamun
from jamun.config import parse
from jamun.io.log import UserError
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence

ROOT = Path(__file__).resolve().parents[1]
FAST = {
    "sampling": {"samples": 60, "chains": 4, "burn_in": 1, "seed": 3},
    "evaluation": {"msm": {"backend": "deeptime", "clusters": 5, "macrostates": 2, "its_lags": [1]}},
    "figures": {"dpi": 50},
}


@pytest.fixture(scope="module")
def samples(checkpoint, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("here")
        patch.chdir(folder)
        found = jamun.sample("AG", model=checkpoint, config=parse(FAST), threads=1)
        assert not list(folder.iterdir())
    return found


def test_importing_it_takes_no_library():
    code = "import jamun, sys; assert not {'torch', 'numpy'} & set(sys.modules); assert 'sample' in dir(jamun)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="nothing"):
        jamun.nothing  # noqa: B018


def test_samples(samples):
    assert (samples.trajectory.n_frames, len(samples.table), len(samples.accepted)) == (60, 60, 60)
    assert samples.table["accepted"].tolist() == samples.accepted.tolist()
    assert samples.table["chain"].nunique() == 4
    _, phi = mdtraj.compute_phi(samples.trajectory)
    np.testing.assert_allclose(samples.table["phi Ala1"], phi[:, 0], atol=1e-5)
    assert samples.record["samples"]["generated"] == 60
    assert [panel.get_title() for panel in samples.plot_ramachandran().axes] == ["Ala1", "Gly2"]


def test_the_same_seed_gives_the_same_samples_and_files_where_asked(samples, checkpoint, tmp_path):
    kept = jamun.sample("AG", model=str(checkpoint), config=parse(FAST), threads=1, out=tmp_path / "kept")
    np.testing.assert_array_equal(kept.trajectory.xyz, samples.trajectory.xyz)
    names = {"samples.xtc", "topology.pdb", "flags.npz", "sampling.json"}
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= names
    samples.save(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved").iterdir()} == names
    again = mdtraj.load(tmp_path / "saved" / "samples.xtc", top=tmp_path / "saved" / "topology.pdb")
    np.testing.assert_array_equal(again.xyz, samples.trajectory.xyz)


def test_a_trajectory_is_a_start_and_a_sentence_is_an_error(samples, checkpoint, tmp_path):
    build_to_files(parse_sequence("AG"), "capped", 7.0, tmp_path / "AG.pdb", tmp_path / "AG.json")
    built = mdtraj.load(tmp_path / "AG.pdb")
    few = parse(FAST | {"sampling": {"samples": 4, "chains": 2, "burn_in": 1}})
    found = jamun.sample(mdtraj.join([built, built]), model=checkpoint, config=few, threads=1)
    assert found.record["starts"]["structures"] == 2
    with pytest.raises(UserError, match="no model called 'none'"):
        jamun.sample("AG", model="none")
    with pytest.raises(UserError, match="no such structure file"):
        jamun.sample("none.pdb", model=checkpoint)
    with pytest.raises(UserError, match="give `topology`"):
        jamun.evaluate("md.xtc", samples)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"threads": -1}, "threads is -1; give a whole number from 1"),
        ({"threads": 2.0}, "threads is 2.0; give a whole number"),
        ({"samples": "100"}, "samples is '100'; give a whole number"),
        ({"samples": True}, "samples is true"),
        ({"samples": 0}, "samples is 0; give"),
        ({"samples": 1}, "at least two"),
        ({"molecule": None}, "molecule is None"),
        ({"molecule": 3}, "molecule is 3; give text or a path or an MDTraj trajectory"),
        ({"model": 3}, "model is 3; give text or a path"),
        ({"out": 3}, "out is 3; give text or a path"),
        ({"out": __file__}, "is a file; give a folder"),
        ({"config": 3}, "config is 3; give a configuration, the path"),
        ({"config": {"sampling": {"sample": 5}}}, "sampling.sample is not a known key"),
        ({"config": "none.yaml"}, "no such configuration file"),
    ],
)
def test_arguments_of_the_wrong_kind_are_one_sentence(checkpoint, given, told):
    with pytest.raises(UserError, match=told) as refused:
        jamun.sample(**{"molecule": "AG", "model": checkpoint} | given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reference": None}, "reference is None"),
        ({"samples": 3}, "samples is 3; give"),
        ({"topology": ["md.pdb"]}, "topology is a list; give text or a path"),
        ({"config": ["sampling"]}, "config is a list"),
    ],
)
def test_so_are_those_of_a_comparison(given, told):
    with pytest.raises(UserError, match=told):
        jamun.evaluate(**{"reference": "md.xtc", "samples": "samples.xtc", "topology": "md.pdb"} | given)


def test_a_configuration_may_be_a_mapping(samples, checkpoint):
    found = jamun.sample("AG", model=checkpoint, config=FAST, threads=1)
    np.testing.assert_array_equal(found.trajectory.xyz, samples.trajectory.xyz)


def test_samples_against_themselves(samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = jamun.evaluate(samples, samples, config=parse(FAST))
    assert not list(tmp_path.iterdir())
    assert found.table.loc["JS, all torsions", "value"] == 0
    assert found.table.loc["JS, all torsions", "high"] > 0
    assert found.trajectory.n_frames == 60
    # The samples' own record came with them: their wall clock is known, that of the reference is not.
    assert found.results["comparison"]["samples"]["seconds"] == pytest.approx(samples.record["seconds"])
    assert any("reference has no record" in note for note in found.notes)
    assert len(found.plot_ramachandran().axes) == 6  # three maps of each of two residues


def test_a_script_without_a_guard_runs_once(samples, tmp_path):
    """What evaluates beside must not run the user's script again, as multiprocessing's new processes do."""
    samples.save(tmp_path / "saved")
    (tmp_path / "fast.yaml").write_text(json.dumps(FAST))
    script = (
        "import jamun\nprint('begins')\n"
        "pair = ('saved/samples.xtc', 'saved/samples.xtc', 'saved/topology.pdb')\n"
        "print(jamun.evaluate(*pair, config='fast.yaml').table.loc['JS, backbone', 'value'])\n"
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "script.py"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "begins\n0.0\n"


def test_the_notebook_of_the_documentation_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed: run `make dev`")
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    client.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    assert not [output for output in shown if output.output_type == "error"]
    assert not list(tmp_path.iterdir())
