"""Threads of PyTorch do not spin while they wait, whichever way the package comes in."""

import os
import subprocess
import sys

import pytest


def policy(code, **environment):
    """The wait policy that OpenMP tells of as it is loaded."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, env=clean | {"OMP_DISPLAY_ENV": "TRUE"} | environment, capture_output=True, text=True, check=True
    ).stderr
    found = [line.split("=")[1].strip(" '") for line in told.splitlines() if "OMP_WAIT_POLICY" in line]
    if not found:
        pytest.skip("this build of PyTorch has no OpenMP that tells its settings")
    return set(found)


def test_waiting_threads_sleep():
    assert policy("from jamun.io.log import job_log; import torch") == {"PASSIVE"}


def test_what_the_environment_says_stays():
    assert policy("import jamun, torch", OMP_WAIT_POLICY="ACTIVE") == {"ACTIVE"}
