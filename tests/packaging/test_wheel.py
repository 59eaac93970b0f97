"""The wheel in an environment of its own, used from another folder: all that was promised is in it."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import mdtraj
import pytest
import yaml

import jamun
from jamun.io.shipped import shipped_models

ROOT = Path(__file__).resolve().parents[2]
NO_PYMOL = 'raise ImportError("libGL.so.1: cannot open shared object file")\n'
FEW = (
    "sampling: {samples: 60, chains: 4, burn_in: 1}\nevaluation: {msm: {clusters: 5, macrostates: 2, its_lags: [1]}}\n"
)


def succeeded(ended):
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


@pytest.fixture(scope="session")
def samples(installed, checkpoint, tmp_path_factory):
    """Samples of a peptide by its sequence, in a folder of their own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "few.yaml").write_text(FEW)
    words = ("sample", "--sequence", "AG", "--checkpoint", checkpoint, "--config", "few.yaml", "--threads", 1)
    succeeded(installed.run(folder, *words))
    return folder / "AG"


def test_it_holds_what_the_repository_has_at_its_top(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    mapped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    kept = subprocess.run(
        ["git", "ls-files", *mapped["force-include"]], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert {name.partition("/")[0] for name in kept} >= {"Snakefile", "rules", "workflow_scripts", "models", "envs"}
    assert {f"jamun/_workflow/{name}" for name in kept} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_models_are_listed_with_what_they_were_trained_on(installed, tmp_path):
    told = succeeded(installed.run(tmp_path, "models")).stdout
    for name, model in shipped_models().items():
        assert name in told
        data = model.card["data"]
        assert f"{data['trained_on']} {' and '.join(data['forms'])} peptides" in told
    assert json.loads(succeeded(installed.run(tmp_path, "models", "--json")).stdout).keys() == shipped_models().keys()


def test_the_shipped_model_samples_a_sequence(installed, tmp_path):
    succeeded(installed.run(tmp_path, "sample", "--sequence", "WF", "--samples", 2, "--threads", 1))
    found = mdtraj.load(tmp_path / "WF" / "samples.xtc", top=tmp_path / "WF" / "topology.pdb")
    assert found.n_frames == 2
    record = json.loads((tmp_path / "WF" / "sampling.json").read_text())
    assert str(installed.folder) in record["checkpoint"]["file"]
    # The version alone: the environment lies in no clone.
    assert record["provenance"]["jamun"] == jamun.__version__


def test_a_model_that_is_not_there_is_told(installed, tmp_path):
    ended = installed.run(tmp_path, "sample", "--sequence", "WF", "--model", "none")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: no model called 'none'")
    assert all(name in ended.stderr for name in shipped_models())


def test_evaluate_says_whose_markov_state_model_it_is(installed, samples):
    pair = ("--reference", "AG/samples.xtc", "--samples", "AG/samples.xtc", "--topology", "AG/topology.pdb")
    ended = succeeded(installed.run(samples.parent, "evaluate", *pair, "--config", "few.yaml", "--out", "compared"))
    assert "Markov state model by deeptime" in ended.stdout
    assert json.loads((samples.parent / "compared" / "msm.json").read_text())["backend"] == "deeptime"


def test_a_structure_is_sampled_without_pymol(installed, samples, checkpoint, tmp_path):
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "pymol2.py").write_text(NO_PYMOL)
    (tmp_path / "few.yaml").write_text(FEW)
    words = ("--checkpoint", checkpoint, "--config", "few.yaml", "--threads", 1)
    blocked = {"PYTHONPATH": str(tmp_path / "blocked")}
    succeeded(installed.run(tmp_path, "sample", "--pdb", samples / "AG.pdb", *words, "--out", "from_pdb", **blocked))
    refused = installed.run(tmp_path, "sample", "--sequence", "AG", *words, **blocked)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: PyMOL cannot be loaded (libGL.so.1")
    assert "libgl1" in refused.stderr.splitlines()[0]


def test_the_workflow_runs_in_the_current_folder(installed, checkpoint, tmp_path):
    settings = {
        "dataset": "mine",
        "peptides": {"test": ["AG"]},
        "source": {"kind": "none"},
        "models": {"tiny": {"checkpoint": str(checkpoint)}},
        "sampling": {"samples": 20, "chains": 2, "burn_in": 1},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    told = succeeded(installed.run(tmp_path, "run", "--config", "mine.yaml", "--cores", 2, "samples")).stderr
    assert "1 of 1 steps" in told or "(100%) done" in told
    folder = tmp_path / "results" / "mine" / "samples" / "tiny" / "AG"
    assert mdtraj.load(folder / "samples.xtc", top=folder / "topology.pdb").n_frames == 20
    # Again with a target before the file and a value for Snakemake: nothing to do for the same samples.
    again = succeeded(installed.run(tmp_path, "run", "samples", "-n", "--config", "mine.yaml", "model=tiny"))
    assert "Nothing to be done" in again.stdout + again.stderr


def test_without_a_configuration_it_is_the_demo_and_what_is_missing_is_told(installed, tmp_path):
    ended = succeeded(installed.run(tmp_path, "run", "-n", "--quiet", "rules", "all"))
    assert "this is the demo" in ended.stderr
    # 3Dmol.js was not put into this environment: its pages are left out, with a sentence.
    assert "The viewer's pages are left out" in ended.stderr
    assert "plot_ramachandran" in ended.stdout + ended.stderr
    assert "make_viewer" not in ended.stdout + ended.stderr
    missing = installed.run(tmp_path, "run", "--config", "none.yaml", "-n")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert missing.stderr.startswith("Error: none.yaml")


def test_profiles_that_come_with_it_are_found_by_name(installed, tmp_path):
    ended = installed.run(tmp_path, "run", "-n", "--profile", "workstation", "all")
    succeeded(ended)
    assert installed.run(tmp_path, "run", "-n", "--profile", "nowhere", "all").returncode != 0


@pytest.mark.full
def test_pip_brings_everything(wheel, tmp_path):
    """As a user does it, from the registry that pip is set up for."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, timeout=1800)
    subprocess.run([*pip, "check"], check=True)
    from conftest import Installed

    fresh = Installed(folder)
    succeeded(fresh.run(tmp_path, "sample", "--sequence", "WF", "--samples", 2, "--threads", 1))
    succeeded(fresh.run(tmp_path, "run", "-n", "--quiet", "rules", "all"))
