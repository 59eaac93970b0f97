"""The workflow on a real Slurm of one node: end to end, in arrays, cancelled, preempted, over its limit, failing.

What is tried takes longer to wait for than to compute, so all of it goes on at the same time: each test awaits the end
of one scene.
"""

import csv
import json
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import mdtraj
import numpy as np
import psutil
import pytest
from cluster import Cluster
from conftest import PROFILE, ROOT, SECONDS, Run, small
from forking import forking_python

from jamun import layout
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence

pytestmark = pytest.mark.workflow

# The node claims eight processors, but may have two.
THREADS = ("--set-threads", "train=2", "sample=2")
MD = Path("results/small/md/AV")
# Some five seconds of one processor, saved time and again.
FRAMES, INTERVAL = 200, 1.5
LONG = {
    "production": f"{FRAMES * INTERVAL} ps",
    "frame_interval": f"{INTERVAL} ps",
    "checkpoint_interval": "0.2 s",
}

UNFINISHED = ("PENDING", "RUNNING", "COMPLETING")


@dataclass
class Scene:
    """What a scene is played with: the cluster, a folder of its own, and the runs that it has begun."""

    cluster: Cluster
    folder: Path
    runs: list[Run] = field(default_factory=list)

    def run(self, configuration: dict, name: str = "run", **others) -> Run:
        """A run in a folder of that name, killed at the end if it still goes."""
        self.runs.append(Run(self.folder / name, configuration, self.cluster.environment, **others))
        return self.runs[-1]

    def at_once(self, configuration: dict, **others) -> Run:
        """A run to its end, which no signal is to reach: its Snakemakes, two in each job, begin at once."""
        return self.run(configuration, python=forking_python("snakemake"), **others)

    def simulation(self, *words: str, name: str = "run") -> Run:
        """A run that has begun one long simulation, of a peptide that is built already."""
        run = self.run(small(simulate=LONG), name)
        built = {key: run.folder / path.format(dataset="small", peptide="AV") for key, path in layout.PEPTIDE.items()}
        build_to_files(parse_sequence("AV"), "capped", 7.0, built["pdb"], built["record"])
        return run.start(*words, "--", str(MD / "md.json"))


def saved_frames(run, peptide="AV"):
    """Frames of production that the simulation has saved so far."""
    with suppress(OSError, ValueError, KeyError):
        progress = json.loads((run.folder / f"work/simulate/small/{peptide}/replica_1/progress.json").read_text())
        return max(point["frames"] for point in progress["points"])
    return 0


def jobs_of(cluster, run, rule):
    """Slurm's jobs of a rule of a run, the first one first."""
    mine = [job for job in cluster.jobs() if Path(job["current_working_directory"]) == run.folder]
    return [job for job in mine if re.match(rf"rule_{rule}(_wildcards|$)", job["comment"])]


def state_of(cluster, job):
    """State of a job of Slurm, by its number."""
    return next(found["job_state"] for found in cluster.jobs() if str(found["job_id"]) == str(job))


def hold(run, script):
    """Stop the one process of the run that executes a workflow script. Only signals that Slurm sends with those to end
    let it go on, so that it cannot end before what is to happen to it has."""
    begun = (process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"])
    found = [process for process in begun if re.search(f"^{run.folder}.*{script}$", process.info["cmdline"][-1])]
    assert len(found) == 1
    found[0].send_signal(signal.SIGSTOP)


def held(run):
    """Whether the run's simulation has saved some frames, and is held there."""
    frames = saved_frames(run)
    if not frames:
        return False
    assert frames < FRAMES
    hold(run, "simulate.py")
    return True


def mid_simulation(cluster, *runs):
    """Wait until the simulation of each run is held amid its production; returns the numbers of Slurm's jobs."""
    waiting = set(runs)

    def all_held():
        waiting.difference_update([run for run in waiting if held(run)])
        return not waiting

    runs[0].until(all_held, "the first frames were saved")
    return [jobs_of(cluster, run, "simulate")[-1]["job_id"] for run in runs]


def assert_whole(run, resumptions=1):
    """Exactly the frames asked for, at their times, none twice, from a simulation that was resumed so often."""
    record = json.loads((run.folder / MD / "md.json").read_text())
    assert record["resumptions"] == resumptions
    assert record["production"]["frames"] == FRAMES
    trajectory = mdtraj.load(run.folder / MD / "trajectory.xtc", top=run.folder / MD / "topology.pdb")
    assert trajectory.n_frames == FRAMES
    np.testing.assert_allclose(trajectory.time, INTERVAL * np.arange(1, FRAMES + 1), rtol=1e-5)


# ---- The scenes. ----


def the_whole_workflow_ends_with_its_report_and_a_cancelled_training_goes_on(scene):
    # But for the ablation, whose jobs are like the others, as are those of a second peptide to train on.
    one = {"train": ["AA"]}
    run = scene.at_once(small(ablation={"variants": {}}, peptides=one)).start(*THREADS, "--", "all")
    output = run.wait()
    results = run.folder / "results" / "small"
    assert (results / "report.html").stat().st_size > 100_000
    rows = list(csv.DictReader((results / "evaluation/summary.csv").open()))
    assert {row["peptide"] for row in rows} == {"AV", "mean"}
    jobs = [job for job in scene.cluster.jobs() if Path(job["current_working_directory"]) == run.folder]
    assert {job["job_state"] for job in jobs} == {"COMPLETED"}
    assert not any(job["tres_per_job"] for job in jobs)
    # All rules but the report's, which Snakemake runs by itself, were jobs of Slurm.
    assert len(jobs) == len(re.findall("has been submitted with SLURM jobid", output)) > 30
    assert "report_html" not in {job["comment"].removeprefix("rule_").partition("_wildcards")[0] for job in jobs}
    assert not list((run.folder / "logs/slurm").rglob("*.log"))
    # Without accounting there is no report on efficiency, which is no error.
    assert "Failed to retrieve job data" in output

    longer = {"max_steps": 150, "validation_interval": 10, "learning_rate": 0.02}
    run.configure(small(training=longer, peptides=one))
    run.python = sys.executable
    model = Path("results/small/models/default/training.json")
    # Only what the profile says of the rules that save as they go can start it again.
    run.start(*THREADS, "--retries", "0", "--", str(model))
    run.until((run.folder / "work/train/small/default/last.ckpt").exists, "the first validation")
    hold(run, "train.py")
    job = jobs_of(scene.cluster, run, "train")[-1]["job_id"]
    scene.cluster.command("scancel", str(job))
    output = run.wait()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in output
    stopped = (run.folder / f"logs/slurm/rule_train/small_default/{job}.log").read_text()
    assert "Stopped: training was told to stop by SIGTERM" in stopped
    log = (run.folder / "logs/small/train/default.log").read_text()
    assert "SLURM" not in log  # Lightning would requeue the job by itself
    assert "going on from" in log
    assert json.loads((run.folder / model).read_text())["steps"] == 150


def a_job_over_its_time_limit_comes_back_with_more_time_and_goes_on(scene):
    # Two minutes, then three.
    run = scene.simulation("--set-resources", "simulate:runtime=1+attempt")
    mid_simulation(scene.cluster, run)
    output = run.wait()
    first, second = jobs_of(scene.cluster, run, "simulate")
    assert f"SLURM-job '{first['job_id']}' failed, SLURM status is: 'TIMEOUT'" in output
    assert (first["time_limit"], second["time_limit"]) == (2, 3)
    assert (first["job_state"], second["job_state"]) == ("TIMEOUT", "COMPLETED")
    assert_whole(run)


def a_cancelled_simulation_goes_on(scene):
    run = scene.simulation()
    (job,) = mid_simulation(scene.cluster, run)
    scene.cluster.command("scancel", str(job))
    output = run.wait()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in output
    assert "Trying to restart" in output
    assert_whole(run)


def preempted_simulations_go_on(scene):
    # With grace, the job saves and ends by itself, and Snakemake starts another; without, Slurm puts it back.
    on_gpu = ("--set-resources", "simulate:gpu=1")
    graceful = scene.simulation(*on_gpu, "simulate:slurm_partition=scavenge", name="graceful")
    put_back = scene.simulation(
        *on_gpu, "simulate:slurm_partition=spot", "simulate:slurm_extra=--requeue", name="put_back"
    )
    _, job = mid_simulation(scene.cluster, graceful, put_back)
    for run in (graceful, put_back):
        assert jobs_of(scene.cluster, run, "simulate")[-1]["tres_per_job"] == "gres:gpu:1"
    both = ("sbatch", "--partition=urgent", "--gpus=2", "--mem=100", "--output=/dev/null", "--wrap=sleep 1")
    scene.cluster.command(*both)
    put_back.until(lambda: jobs_of(scene.cluster, put_back, "simulate")[0]["job_state"] == "PENDING", "it was put back")
    # Slurm lets it wait for two minutes by itself.
    scene.cluster.command("scontrol", "update", f"JobId={job}", "StartTime=now")
    graceful.wait()
    put_back.wait()
    jobs = jobs_of(scene.cluster, graceful, "simulate")
    assert [job["job_state"] for job in jobs] == ["FAILED", "COMPLETED"]
    (job,) = jobs_of(scene.cluster, put_back, "simulate")
    assert (job["job_state"], job["restart_cnt"]) == ("COMPLETED", 1)
    assert_whole(graceful)
    assert_whole(put_back)


def an_interrupted_snakemake_cancels_its_jobs_and_leaves_no_lock(scene):
    run = scene.simulation()
    (job,) = mid_simulation(scene.cluster, run)
    run.process.send_signal(signal.SIGINT)
    run.wait(code=1)
    scene.cluster.wait_for(lambda: state_of(scene.cluster, job) == "CANCELLED", 120)
    run.start("--", str(MD / "md.json")).wait()
    assert [found["job_id"] for found in jobs_of(scene.cluster, run, "simulate")][:-1] == [job]
    assert_whole(run)


def a_failing_job_says_why_in_one_sentence_and_where_its_log_is(scene):
    run = scene.at_once(small(simulate={"platform": "CUDA"}))
    run.start("--preemptible-retries", "0", "--set-resources", "simulate:gpu=0", "--", str(MD / "md.json"))
    output = run.wait(code=1)
    assert "Traceback" not in output
    log = "logs/small/simulate/AV.log"
    assert re.search(rf"log: {log}, .*/logs/slurm/rule_simulate/small_AV/\d+\.log", output)
    # The last line of the log is the sentence, which the end of the run repeats.
    sentence = (run.folder / log).read_text().splitlines()[-1].partition(" ERROR ")[2]
    assert "CUDA" in sentence
    assert sentence.endswith(".")
    assert sentence in output[output.rindex("Error in rule simulate") :]
    (own,) = (run.folder / "logs/slurm/rule_simulate/small_AV").glob("*.log")
    assert f"(log: {log})" in own.read_text()


def simulations_share_one_job_and_go_on_after_it_was_cancelled(scene):
    run = scene.run(small(simulate=LONG | {"production": f"{FRAMES * INTERVAL / 2} ps"}))
    words = ["sbatch", "--parsable", "--gpus=0", "--cpus-per-task=2", "--mem=8000", "-D", str(run.folder)]
    words += [str(PROFILE / "batch.sh"), "simulations", "--snakefile", str(ROOT / "Snakefile")]
    words += ["--configfile", str(run.folder / "mine.yaml")]
    first = scene.cluster.command(*words).strip()
    scene.cluster.wait_for(lambda: any(saved_frames(run, name) for name in ("AA", "AV", "GS", "SA")), SECONDS)
    scene.cluster.command("scancel", first)
    scene.cluster.wait_for(lambda: state_of(scene.cluster, first) == "CANCELLED", 120)
    second = scene.cluster.command(*words).strip()
    scene.cluster.wait_for(lambda: state_of(scene.cluster, second) not in UNFINISHED, SECONDS)
    log = (run.folder / f"slurm-jamun-{second}.log").read_text()
    assert state_of(scene.cluster, second) == "COMPLETED", log[-3000:]
    records = [json.loads(path.read_text()) for path in (run.folder / "results/small/md").glob("*/md.json")]
    assert len(records) == 4
    assert {record["production"]["frames"] for record in records} == {FRAMES // 2}
    assert any(record["resumptions"] == 1 for record in records)


DEVICES = """
rule all:
    input:
        expand("{kind}.txt", kind=["gpu", "share", "cpu"]),


def wanted(name, kind):
    return lambda wildcards: kind if wildcards.kind == name else type(kind)()


rule devices:
    output:
        "{kind}.txt",
    resources:
        gpu=wanted("gpu", 1),
        gres=wanted("share", "shard:1"),
        mem_mb=500,
        runtime=5,
    shell:
        "echo devices: ${{CUDA_VISIBLE_DEVICES:-}} > {output}"
"""


def a_job_sees_the_one_gpu_that_it_asked_for_or_shares_and_no_other(scene):
    snakefile = scene.folder / "Snakefile"
    snakefile.write_text(DEVICES)
    run = scene.at_once({}, snakefile=snakefile)
    run.start().wait()
    found = {path.stem: path.read_text().split()[1:] for path in run.folder.glob("*.txt")}
    assert found["cpu"] == []
    assert found["gpu"] in (["0"], ["1"])
    assert found["share"] in (["0"], ["1"])


def short_rules_run_in_an_array(scene):
    run = scene.at_once(small())
    output = run.start("--slurm-array-jobs", "build_peptide", "--", "peptides").wait()
    assert len(re.findall("Submitted array job", output)) == 1
    jobs = jobs_of(scene.cluster, run, "build_peptide")
    assert {job["array_job_id"] for job in jobs} == {jobs[0]["array_job_id"]} != {0}
    assert {job["job_state"] for job in jobs} == {"COMPLETED"}
    assert {path.stem for path in (run.folder / "results/small/peptides").glob("*.pdb")} == {"AA", "GS", "SA", "AV"}
    # Where the documentation says that their logs are.
    logs = (run.folder / "logs/slurm/rule_build_peptide").glob("*.log")
    assert {path.stem for path in logs} == {f"{jobs[0]['array_job_id']}_{task}" for task in (1, 2, 3, 4)}


SCENES = [
    the_whole_workflow_ends_with_its_report_and_a_cancelled_training_goes_on,
    a_job_over_its_time_limit_comes_back_with_more_time_and_goes_on,
    a_cancelled_simulation_goes_on,
    preempted_simulations_go_on,
    an_interrupted_snakemake_cancels_its_jobs_and_leaves_no_lock,
    a_failing_job_says_why_in_one_sentence_and_where_its_log_is,
    simulations_share_one_job_and_go_on_after_it_was_cancelled,
    a_job_sees_the_one_gpu_that_it_asked_for_or_shares_and_no_other,
    short_rules_run_in_an_array,
]


@pytest.fixture(scope="module")
def played(request, cluster, tmp_path_factory):
    """The scenes of all tests that are to run, begun together; by scene, what tells of its end."""
    wanted = [item.callspec.params["scene"] for item in request.session.items if "played" in item.fixturenames]
    scenes = {scene: Scene(cluster, tmp_path_factory.mktemp("scene")) for scene in wanted}
    with ThreadPoolExecutor(len(scenes)) as pool:
        yield {scene: pool.submit(scene, stage) for scene, stage in scenes.items()}
        for stage in scenes.values():
            for run in stage.runs:
                run.end()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_on_slurm(played, scene):
    played[scene].result()
