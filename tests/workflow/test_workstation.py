"""GPUs of a workstation under Snakemake's scheduler: how many jobs run at a time, and on which device."""

import json
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT
from forking import forking_python

pytestmark = pytest.mark.workflow

PROFILE = ROOT / "profiles" / "workstation"
N_JOBS = 8
# A stub of a GPU job: takes a slot of made-up devices once so many jobs have started, and notes when it was started and
# which device it had when.
JOB = """
import json, sys, time
from pathlib import Path
from jamun.io.gpu import Gpu, slots
started = time.time()
target, folder = Path(sys.argv[1]), Path(sys.argv[2])
devices, sharing, together = map(int, sys.argv[3:])
target.with_suffix(".started").touch()
while len(list(target.parent.glob("*.started"))) < together:
    time.sleep(0.05)
with slots(folder, [Gpu(index, f"gpu_{index}") for index in range(devices)], sharing) as (device,):
    began = time.time()
    time.sleep(0.6)
    target.write_text(json.dumps({"device": device, "started": started, "began": began, "ended": time.time()}))
"""
SNAKEFILE = """
rule all:
    input: expand("{{n}}.json", n=range({jobs}))

rule simulate:
    output: "{{n}}.json"
    threads: 8
    resources: gpu=0
    shell: "{python} job.py {{output}} slots {devices} {sharing} {together}"
"""


@pytest.fixture
def scheduled(tmp_path):
    """Runs stub jobs under Snakemake; gives what each noted."""

    def run(devices: int, sharing: int, together: int, *words: str) -> list[dict]:
        (tmp_path / "job.py").write_text(JOB)
        (tmp_path / "Snakefile").write_text(
            SNAKEFILE.format(jobs=N_JOBS, python=sys.executable, devices=devices, sharing=sharing, together=together)
        )
        command = [forking_python("snakemake"), "-m", "snakemake", "--cores", "8", *words]
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr[-3000:]
        return [json.loads((tmp_path / f"{n}.json").read_text()) for n in range(N_JOBS)]

    return run


def most_at_a_time(jobs: list[dict], begin: str) -> int:
    """The largest number of jobs between `begin` and their end at one moment."""
    return max(sum(job[begin] <= other[begin] < job["ended"] for job in jobs) for other in jobs)


def per_device(jobs: list[dict]) -> dict[int, int]:
    """The largest number of jobs on each device at one moment."""
    return {
        device: most_at_a_time([job for job in jobs if job["device"] == device], "began")
        for device in {job["device"] for job in jobs}
    }


def test_the_profile_starts_as_many_jobs_as_it_has_gpus(scheduled):
    gpus = yaml.safe_load((PROFILE / "config.yaml").read_text())["resources"]["gpu"]
    assert gpus > 1
    jobs = scheduled(gpus, 1, gpus, "--profile", str(PROFILE))
    assert most_at_a_time(jobs, "started") == gpus
    assert per_device(jobs) == dict.fromkeys(range(gpus), 1)


def test_slots_keep_their_number_whatever_snakemake_starts(scheduled):
    """Eight jobs at once on three devices that two jobs share: some wait, and no device has three."""
    jobs = scheduled(3, 2, N_JOBS, "--set-threads", "simulate=1")
    assert most_at_a_time(jobs, "started") == N_JOBS
    most = per_device(jobs)
    assert set(most) == set(range(3))
    assert max(most.values()) == 2


def test_the_profile_names_rules_that_are_there(workflow_in):
    """Snakemake takes resources of rules that do not exist without a word."""
    asked = yaml.safe_load((PROFILE / "config.yaml").read_text())
    listed = workflow_in("tests/workflow/small.yaml").run("--profile", str(PROFILE), "--list-rules").stdout.split()
    assert set(asked["set-resources"]) == set(asked["set-threads"])
    assert set(asked["set-resources"]) <= set(listed)
