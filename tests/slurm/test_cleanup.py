"""The cluster of the tests leaves the machine as it was, even after a test run that was killed."""

import subprocess
import sys
from pathlib import Path

import cluster as module
import psutil
import pytest
from cluster import ETC, FOLDER, Cluster, Unavailable
from conftest import start_or_skip


def ours():
    """Processes of the tests' cluster, jobs included."""
    return {process.pid for process in psutil.process_iter() if module.is_ours(process)}


def test_what_a_killed_test_run_left_is_cleared_away():
    # Whether Slurm can run here at all is asked in this process, which may skip.
    one = Cluster()
    start_or_skip(one)
    one.stop()
    script = (
        "import time; from cluster import Cluster; one = Cluster(); one.start(); "
        "one.command('sbatch', '-o', '/dev/null', '--wrap', 'sleep 600'); "
        "one.wait_for(lambda: one.jobs()[0]['job_state'] == 'RUNNING', 20); print('up', flush=True); time.sleep(600)"
    )
    killed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parent)
    assert killed.stdout.readline() == b"up\n"
    killed.kill()
    killed.wait()
    left = ours()
    assert len(left) >= 5  # three daemons with a helper, and a job that goes on
    one.start()
    try:
        assert one.jobs() == []
        assert not left & ours()
    finally:
        one.stop()
    assert not ours()
    assert not FOLDER.exists()
    assert not (ETC / "slurm.conf").exists()


def test_a_slurm_that_is_configured_already_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ETC", tmp_path)
    (tmp_path / "slurm.conf").write_text("ClusterName=theirs\n")
    with pytest.raises(Unavailable, match=r"slurm.conf is not of these tests"):
        Cluster().start()
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=theirs\n"


def test_two_test_runs_do_not_share_a_cluster():
    one, other = Cluster(), Cluster()
    start_or_skip(one)
    try:
        with pytest.raises(Unavailable, match="another run"):
            other.start()
        assert one.jobs() == []
    finally:
        one.stop()
