"""The workflow on a real Slurm of one node: end to end, in arrays, cancelled, preempted, over its limit, failing."""

import csv
import json
import re
import signal
from contextlib import suppress
from pathlib import Path

import mdtraj
import numpy as np
import psutil
import pytest
from cluster import GPUS
from conftest import PROFILE, ROOT, Run, small

pytestmark = pytest.mark.workflow

# The node claims 16 processors, but has two.
THREADS = ("--set-threads", "train=2", "sample=2", "ablation_sample=2")
MD = Path("results/small/md/AV")
# Some ten seconds of one processor, saved time and again.
FRAMES, INTERVAL = 100, 4.0
LONG = {
    "production": f"{FRAMES * INTERVAL} ps",
    "frame_interval": f"{INTERVAL} ps",
    "checkpoint_interval": "0.2 s",
}


def simulation(cluster, folder, *words):
    """Start Snakemake on one long simulation."""
    return Run(folder, small(simulate=LONG), cluster.environment).start(*words, "--", str(MD / "md.json"))


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


def mid_simulation(cluster, run):
    """Wait until some frames are saved; returns how many, and the number of Slurm's job."""
    frames = run.until(lambda: saved_frames(run), "the first frames were saved")
    assert frames < FRAMES
    return frames, jobs_of(cluster, run, "simulate")[-1]["job_id"]


def assert_whole(run, resumptions=1):
    """Exactly the frames asked for, at their times, none twice, from a simulation that was resumed so often."""
    record = json.loads((run.folder / MD / "md.json").read_text())
    assert record["resumptions"] == resumptions
    assert record["production"]["frames"] == FRAMES
    trajectory = mdtraj.load(run.folder / MD / "trajectory.xtc", top=run.folder / MD / "topology.pdb")
    assert trajectory.n_frames == FRAMES
    np.testing.assert_allclose(trajectory.time, INTERVAL * np.arange(1, FRAMES + 1), rtol=1e-5)


@pytest.fixture(scope="module")
def whole(cluster, tmp_path_factory):
    """The whole small workflow."""
    run = Run(tmp_path_factory.mktemp("whole"), small(), cluster.environment)
    run.start(*THREADS, "--", "all")
    yield run
    run.end()


@pytest.fixture(scope="module")
def hanging(cluster, tmp_path_factory):
    """A simulation that hangs, with a time limit of a minute times the attempt."""
    run = simulation(cluster, tmp_path_factory.mktemp("limit"), "--set-resources", "simulate:runtime=attempt")
    mid_simulation(cluster, run)
    ours = (process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"])
    scripts = [process for process in ours if re.search(f"^{run.folder}.*simulate.py$", process.info["cmdline"][-1])]
    assert len(scripts) == 1
    scripts[0].send_signal(signal.SIGSTOP)
    yield run
    run.end()


@pytest.fixture(scope="module", autouse=True)
def _begun(request):
    """Start the two long runs before the first test, where their tests are to come."""
    wanted = {name for item in request.session.items for name in item.fixturenames}
    for name in ("whole", "hanging"):
        if name in wanted:
            request.getfixturevalue(name)


def test_a_cancelled_simulation_goes_on(cluster, on_cluster):
    run = on_cluster(small(simulate=LONG)).start("--", str(MD / "md.json"))
    frames, job = mid_simulation(cluster, run)
    cluster.command("scancel", str(job))
    output = run.wait()
    assert frames < FRAMES
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in output
    assert "Trying to restart" in output
    assert_whole(run)


@pytest.mark.parametrize(
    ("partition", "extra"),
    # With grace, the job saves and ends by itself, and Snakemake starts another; without, Slurm puts it back.
    [("scavenge", []), ("spot", ["simulate:slurm_extra=--requeue"])],
)
def test_a_preempted_simulation_goes_on(cluster, on_cluster, partition, extra):
    run = on_cluster(small(simulate=LONG))
    words = [f"simulate:slurm_partition={partition}", f"simulate:gpu={GPUS}", *extra]
    run.start("--set-resources", *words, "--", str(MD / "md.json"))
    _, job = mid_simulation(cluster, run)
    assert jobs_of(cluster, run, "simulate")[-1]["tres_per_job"] == f"gres:gpu:{GPUS}"
    cluster.command("sbatch", "-p", "urgent", "--gpus=1", "--mem=100", "-o", "/dev/null", "--wrap", "sleep 1")
    if extra:
        run.until(lambda: jobs_of(cluster, run, "simulate")[-1]["job_state"] == "PENDING", "the job was put back")
        # Slurm lets it wait for two minutes by itself.
        cluster.command("scontrol", "update", f"JobId={job}", "StartTime=now")
    run.wait()
    jobs = jobs_of(cluster, run, "simulate")
    assert [found["job_state"] for found in jobs] == (["COMPLETED"] if extra else ["FAILED", "COMPLETED"])
    assert jobs[0]["restart_cnt"] == len(extra)
    assert_whole(run)


def test_an_interrupted_snakemake_cancels_its_jobs_and_leaves_no_lock(cluster, on_cluster):
    run = on_cluster(small(simulate=LONG)).start("--", str(MD / "md.json"))
    _, job = mid_simulation(cluster, run)
    run.process.send_signal(signal.SIGINT)
    run.wait(code=1)
    cluster.wait_for(lambda: jobs_of(cluster, run, "simulate")[0]["job_state"] == "CANCELLED", 60)
    run.start("--", str(MD / "md.json")).wait()
    assert [found["job_id"] for found in jobs_of(cluster, run, "simulate")][:-1] == [job]
    assert_whole(run)


def test_a_failing_job_says_why_in_one_sentence_and_where_its_log_is(cluster, on_cluster):
    run = on_cluster(small(simulate={"platform": "CUDA"}))
    run.start("--preemptible-retries", "0", "--set-resources", "simulate:gpu=1", "--", str(MD / "md.json"))
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


def test_simulations_share_one_job_and_go_on_after_it_was_cancelled(cluster, on_cluster):
    run = on_cluster(small(simulate=LONG | {"production": "120 ps"}))
    words = ["sbatch", "--parsable", "--cpus-per-task=2", "--mem=8000", "-D", str(run.folder)]
    words += [str(PROFILE / "batch.sh"), "simulations", "--snakefile", str(ROOT / "Snakefile")]
    words += ["--configfile", str(run.folder / "mine.yaml")]
    first = cluster.command(*words).strip()
    cluster.wait_for(lambda: saved_frames(run, "AA") or saved_frames(run, "AV"), 120)
    cluster.command("scancel", first)
    cluster.wait_for(lambda: state_of(cluster, first) == "CANCELLED", 60)
    second = cluster.command(*words).strip()
    cluster.wait_for(lambda: state_of(cluster, second) not in ("PENDING", "RUNNING", "COMPLETING"), 240)
    assert state_of(cluster, second) == "COMPLETED", (run.folder / f"slurm-jamun-{second}.log").read_text()[-3000:]
    records = [json.loads(path.read_text()) for path in (run.folder / "results/small/md").glob("*/md.json")]
    assert len(records) == 4
    assert {record["production"]["frames"] for record in records} == {30}
    assert any(record["resumptions"] == 1 for record in records)


def test_short_rules_run_in_an_array(cluster, on_cluster):
    run = on_cluster(small())
    output = run.start("--slurm-array-jobs", "build_peptide", "peptides").wait()
    assert len(re.findall("Submitted array job", output)) == 1
    jobs = jobs_of(cluster, run, "build_peptide")
    assert {job["array_job_id"] for job in jobs} == {jobs[0]["array_job_id"]} != {0}
    assert {job["job_state"] for job in jobs} == {"COMPLETED"}
    assert {path.stem for path in (run.folder / "results/small/peptides").glob("*.pdb")} == {"AA", "GS", "SA", "AV"}


def test_a_job_over_its_time_limit_comes_back_with_more_time_and_goes_on(cluster, hanging):
    output = hanging.wait()
    first, second = jobs_of(cluster, hanging, "simulate")
    assert f"SLURM-job '{first['job_id']}' failed, SLURM status is: 'TIMEOUT'" in output
    assert (first["time_limit"], second["time_limit"]) == (1, 2)
    assert (second["job_state"], first["job_state"]) == ("COMPLETED", "TIMEOUT")
    assert_whole(hanging)


def test_the_whole_workflow_ends_with_its_report(cluster, whole):
    output = whole.wait(420)
    results = whole.folder / "results" / "small"
    assert (results / "report.html").stat().st_size > 100_000
    rows = list(csv.DictReader((results / "evaluation/summary.csv").open()))
    assert {row["peptide"] for row in rows} == {"AV", "mean"}
    jobs = [job for job in cluster.jobs() if Path(job["current_working_directory"]) == whole.folder]
    assert {job["job_state"] for job in jobs} == {"COMPLETED"}
    assert not any(job["tres_per_job"] for job in jobs)
    # All rules but the report's, which Snakemake runs by itself, were jobs of Slurm.
    assert len(jobs) == len(re.findall("has been submitted with SLURM jobid", output)) > 30
    assert "report_html" not in {job["comment"].removeprefix("rule_").partition("_wildcards")[0] for job in jobs}
    assert not list((whole.folder / "logs/slurm").rglob("*.log"))
    # Without accounting there is no report on efficiency, which is no error.
    assert "Failed to retrieve job data" in output


def test_a_cancelled_training_goes_on(cluster, whole):
    whole.wait(420)
    whole.configure(small(training={"max_steps": 150, "validation_interval": 10, "learning_rate": 0.02}))
    model = Path("results/small/models/default/training.json")
    # Only what the profile says of the rules that save as they go can start it again.
    whole.start(*THREADS, "--retries", "0", "--", str(model))
    whole.until((whole.folder / "work/train/small/default/last.ckpt").exists, "the first validation")
    job = jobs_of(cluster, whole, "train")[-1]["job_id"]
    cluster.command("scancel", str(job))
    output = whole.wait()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in output
    stopped = (whole.folder / f"logs/slurm/rule_train/small_default/{job}.log").read_text()
    assert "Stopped: training was told to stop by SIGTERM" in stopped
    log = (whole.folder / "logs/small/train/default.log").read_text()
    assert "SLURM" not in log  # Lightning would requeue the job by itself
    assert "going on from" in log
    assert json.loads((whole.folder / model).read_text())["steps"] == 150
