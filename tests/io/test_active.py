"""Which Snakemakes work in a folder, and when the lock of a killed one may go."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jamun.io.active import begin, is_locked, runners
from jamun.io.log import UserError

# A stand-in for Snakemake: registers, leaves Snakemake's lock, and works until it is killed or told to end.
SNAKEMAKE = """
import sys
from pathlib import Path
from jamun.io.active import begin
begin(Path(), Path("logs"))
Path(".snakemake/locks").mkdir(parents=True, exist_ok=True)
Path(".snakemake/locks/0.output.lock").write_text("results/a\\n")
print("works", flush=True)
sys.stdin.read()
"""
JOB = """
import sys
from jamun.io.log import job_log
with job_log("logs/set/simulate/AA.log"):
    print("works", file=sys.__stdout__, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path: Path, working: Callable) -> Callable:
    """Starts a script in the folder, waits until it works, and ends it with the test."""
    return partial(working, cwd=tmp_path)


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def begin_elsewhere(folder: Path) -> str:
    """What `begin` answers in a process of its own, which then ends."""
    script = "from pathlib import Path\nfrom jamun.io.active import begin\nprint(begin(Path(), Path('logs')))"
    finished = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return finished.stdout.strip()


def test_one_that_works_keeps_its_lock_and_is_named(tmp_path: Path, started: Callable) -> None:
    process = started(SNAKEMAKE)
    (runner,) = runners(tmp_path)
    assert (runner.process, runner.machine, runner.works) == (process.pid, socket.gethostname(), True)
    assert begin_elsewhere(tmp_path) == "False"
    assert is_locked(tmp_path)
    assert [each.process for each in runners(tmp_path)] == [process.pid]


def test_the_lock_of_a_killed_one_is_removed(tmp_path: Path, started: Callable) -> None:
    kill(started(SNAKEMAKE))
    assert runners(tmp_path)[0].works is False
    assert begin_elsewhere(tmp_path) == "True"
    assert not is_locked(tmp_path)
    assert runners(tmp_path) == []
    assert begin_elsewhere(tmp_path) == "False"


def test_not_while_a_second_one_works(tmp_path: Path, started: Callable) -> None:
    first, _ = started(SNAKEMAKE), started(SNAKEMAKE)
    kill(first)
    assert begin_elsewhere(tmp_path) == "False"
    assert is_locked(tmp_path)


def test_not_while_a_job_of_it_works(tmp_path: Path, started: Callable) -> None:
    kill(started(SNAKEMAKE))
    job = started(JOB)
    with pytest.raises(UserError, match=rf"a job of it still works \(.*AA.log\); .* \(kill {job.pid}\)"):
        begin(tmp_path, tmp_path / "logs")
    assert is_locked(tmp_path)
    kill(job)
    assert begin_elsewhere(tmp_path) == "True"


def test_not_that_of_another_machine(tmp_path: Path, started: Callable) -> None:
    kill(started(SNAKEMAKE))
    path = next((tmp_path / ".snakemake/jamun").glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "elsewhere"}))
    assert runners(tmp_path)[0].works is None
    assert begin_elsewhere(tmp_path) == "False"
    assert is_locked(tmp_path)


def test_not_one_that_nobody_is_known_to_have_left(tmp_path: Path) -> None:
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    assert begin_elsewhere(tmp_path) == "False"
    assert is_locked(tmp_path)
