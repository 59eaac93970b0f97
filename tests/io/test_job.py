"""What every script of the workflow begins with."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from jamun.io import shipped
from jamun.io.job import Paths, job
from jamun.io.log import UserError


def script_globals(folder, **files):
    return SimpleNamespace(log=[str(folder / "job.log")], input=files, output={"record": str(folder / "record.json")})


def test_files_are_paths_by_name(tmp_path):
    given = {"pdb": "a.pdb", "starts": ["b.pdb"], "initial": []}
    with job(script_globals(tmp_path, **given)) as (inputs, outputs):
        assert inputs == {"pdb": Path("a.pdb"), "starts": [Path("b.pdb")], "initial": []}
        assert inputs.starts == [Path("b.pdb")]
        assert {**outputs} == {"record": tmp_path / "record.json"}
        assert inputs.get("weights") is None
        with pytest.raises(AttributeError, match="no file 'weights'"):
            _ = inputs.weights


def test_it_logs_and_ends_as_job_log_does(tmp_path):
    with pytest.raises(SystemExit) as ended, job(script_globals(tmp_path)):
        raise UserError("the file is not there; put it there.")
    assert ended.value.code == 1
    assert "the file is not there; put it there." in (tmp_path / "job.log").read_text()


def test_a_name_may_be_that_of_a_method():
    """Keywords of a function are taken from the mapping, whatever they are called."""
    assert dict(**Paths.of({"items": "a", "keys": ["b"]})) == {"items": Path("a"), "keys": [Path("b")]}


@pytest.mark.parametrize(
    ("there", "conda", "wanted", "library", "interpreter"),
    [
        (True, False, "auto", "pyemma", "there"),
        (False, False, "auto", "deeptime", "own"),
        (False, True, "auto", "pyemma", "python"),
        (True, True, "pyemma", "pyemma", "python"),
        (True, False, "deeptime", "deeptime", "own"),
        (True, True, "deeptime", "deeptime", "own"),
        # Its model says what builds the missing environment.
        (False, False, "pyemma", "pyemma", "own"),
    ],
)
def test_the_library_of_the_markov_model(there, conda, wanted, library, interpreter, monkeypatch):
    monkeypatch.setattr(shipped, "pyemma_interpreter", lambda: Path("there") if there else None)
    monkeypatch.setattr(shipped.sys, "executable", "own")
    assert shipped.msm_backend(wanted, conda) == (library, interpreter)
