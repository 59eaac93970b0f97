"""A program run by the Python that forks is what it would be in a new process."""

import subprocess

import psutil
import pytest
from forking import forking_python

WAITING = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"


def run(code, *words, **options):
    return subprocess.run([forking_python(), "-c", code, *words], capture_output=True, text=True, **options)


@pytest.fixture
def waiting():
    """A program that waits, and its process."""
    program = subprocess.Popen([forking_python(), "-c", WAITING], stdout=subprocess.PIPE, text=True)
    yield program, psutil.Process(int(program.stdout.readline()))
    program.kill()
    program.wait()
    program.stdout.close()


def test_words_streams_folder_environment_and_code_are_its_own(tmp_path):
    code = "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['ONE'], input()); sys.exit('no')"
    ended = run(code, "a", "b c", cwd=tmp_path, env={"ONE": "1"}, input="read\n")
    assert ended.stdout == f"{['a', 'b c']} {tmp_path} 1 read\n"
    assert (ended.returncode, ended.stderr) == (1, "no\n")
    assert run("raise SystemExit(143)").returncode == 143
    failed = run("1 / 0")
    assert failed.returncode == 1
    assert failed.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_nothing_of_a_run_is_in_the_next(tmp_path):
    (tmp_path / "first.py").write_text("import atexit, json\njson.ours = 1\natexit.register(print, 'ends')\n")
    assert run(f"import runpy; runpy.run_path({str(tmp_path / 'first.py')!r})").stdout == "ends\n"
    assert run("import json; print(hasattr(json, 'ours'))").stdout == "False\n"


def test_a_signal_reaches_it_and_ends_both(waiting):
    program, process = waiting
    program.terminate()
    assert program.wait(20) == -15
    assert not process.is_running()


def test_it_is_killed_with_who_called_it(waiting):
    program, process = waiting
    program.kill()
    assert program.wait(20) == -9
    assert process in psutil.wait_procs([process], 20)[0]


def test_what_is_no_program_of_the_fork_runs_anew():
    """Options that change Python itself; and, where it forks for one module alone, all else."""
    alone = subprocess.run(
        [forking_python("json.tool"), "-c", "import sys; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert alone.stdout == "False\n"
    assert run("import sys; print('torch' in sys.modules)").stdout == "True\n"
    told = subprocess.run([forking_python(), "--version"], capture_output=True, text=True)
    assert told.stdout.startswith("Python 3.")
