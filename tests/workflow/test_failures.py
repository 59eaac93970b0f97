"""Runs that go wrong: what the terminal tells, and how they go on."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT

from jamun.config import load
from jamun.io.log import last_begin, last_lines
from jamun.status.survey import survey
from jamun.status.text import status_text

pytestmark = pytest.mark.workflow


def test_each_failure_is_a_sentence_and_the_path_of_its_log(copy_finished, tmp_path):
    workflow = copy_finished(tmp_path).with_changes(models={"default": {}, "bad": {"checkpoint": "bad.ckpt"}})
    results = tmp_path / "results/small"
    (tmp_path / "bad.ckpt").write_text("no checkpoint")
    (results / "md/AV/trajectory.xtc").write_bytes(b"no frames here, only text\n" * 10)
    (results / "features/test/AV.h5").unlink()
    # A table in another encoding is something that no stage expects.
    (results / "md/AA/state.csv").write_bytes(b"\xff\xfe\xfa,1\n")
    run = workflow.run(
        "--cores",
        "2",
        "results/small/models/bad/checkpoint.ckpt",
        "results/small/features/test/AV.h5",
        "results/small/simulations/AA.npz",
        "results/small/evaluation/default/AV.json",
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stdout
    assert "4 jobs did not finish" in run.stdout, run.stdout[-5000:]
    told = run.stdout.split("4 jobs did not finish")[1]
    for message, sentence, log in (
        ("Check bad.ckpt and take it in as model bad", "bad.ckpt", "import_checkpoint/bad"),
        ("features for test", "results/small/md/AV/trajectory.xtc: ", "featurize/test/AV"),
        ("Compare samples of AV by model default", "results/small/md/AV/trajectory.xtc: ", "compare/default/AV"),
        ("in time from the MD of AA", "unexpected UnicodeDecodeError", "describe_simulation/AA"),
    ):
        paragraph = next(part for part in told.split("\n\n") if message in part)
        assert sentence in paragraph
        assert f"log: logs/small/{log}.log" in paragraph
        # The same sentence came with the job, and ends the log.
        end = last_lines(tmp_path / f"logs/small/{log}.log")[-1]
        assert end.level == "ERROR"
        assert run.stdout.count(end.text) == 2
    assert "Traceback" in (tmp_path / "logs/small/describe_simulation/AA.log").read_text()


def test_a_killed_snakemake_is_told_of_and_the_next_goes_on(copy_finished, tmp_path):
    workflow = copy_finished(tmp_path)
    longer = workflow.with_changes(simulate={"production": "40 ns", "checkpoint_interval": "1 s"})
    target, log = "results/small/md/AA/md.json", tmp_path / "logs/small/simulate/AA.log"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", target]
    process = subprocess.Popen(
        [*command, "--directory", str(tmp_path), "--configfile", str(longer.configuration)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = None
    try:
        deadline = time.monotonic() + 120
        before = log.read_text()
        while "production:" not in (text := log.read_text() if log.exists() else "") or text == before:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        job = last_begin(log).process
        found = survey(load(longer.configuration), tmp_path)
        assert [runner.process for runner in found.snakemakes if runner.works] == [process.pid]
        assert next(each for each in found.peptides if each.name == "AA").stages["MD"] == "running"
        process.kill()
        process.wait()
        found = survey(load(longer.configuration), tmp_path)
        assert found.locked
        assert "Snakemake was killed here, but jobs of it still work" in status_text(found, [])

        refused = longer.run("--cores", "1", target, check=False)
        assert refused.returncode == 1
        assert f"a job of it still works (logs/small/simulate/AA.log); wait until it ends, or end it (kill {job})" in (
            refused.stdout
        )
        assert "Traceback" not in refused.stdout
    finally:
        process.kill()
        if job is not None:
            os.kill(job, signal.SIGTERM)
    while survey(load(longer.configuration), tmp_path).totals()["stages"]["MD"].get("running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    found = survey(load(longer.configuration), tmp_path)
    assert "The next run removes its lock and goes on" in status_text(found, [])
    assert [(each.state, each.name) for each in found.failures] == [("stopped", "AA")]

    # As long as it was before: what is simulated by now is enough.
    run = workflow.run("--cores", "1", target)
    assert "the lock that it left is removed" in run.stdout
    assert survey(load(workflow.configuration), tmp_path).peptides[0].stages["MD"] == "done"


def test_partial_results_are_evaluated_without_anything_they_start_from(copy_finished, tmp_path):
    finished = copy_finished(tmp_path)
    partial = ("--config", "partial=true")
    results = tmp_path / "results/small"

    # New settings of training, which would train and sample anew, and a peptide without MD start nothing.
    changed = finished.with_changes(peptides={"test": ["AV", "VA"]}, training={"learning_rate": 0.02})
    assert {"train", "simulate", "sample"} <= set(changed.planned("evaluate"))
    assert set(changed.planned("evaluate", *partial)) == {"summarize"}
    two = finished.with_changes(peptides={"test": ["AV", "VA"]})
    assert not {"build_peptide", "simulate", "featurize", "train", "sample"} & set(two.planned("report", *partial))
    two.run("--cores", "1", "evaluate", *partial)
    assert "Mean of 1 of 2 peptides." in (results / "evaluation/summary.csv").read_text()

    # The second test peptide gets ready; here it is the first under another name.
    for place in ("peptides/{}.pdb", "md/{}", "samples/default/{}"):
        source, target = (results / place.format(name) for name in ("AV", "VA"))
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    planned = two.planned("evaluate", *partial)
    assert planned["compare"] == planned["msm"] == planned["dynamics"] == planned["physicality"] == 1
    assert planned["md_distances"] == 1
    assert planned["summarize"] == 1
    assert two.planned("evaluate") == planned


def test_partial_with_nothing_ready_says_so(workflow_in):
    finished = workflow_in("config.yaml").run("--cores", "1", "evaluate", "--config", "partial=true", check=False)
    assert finished.returncode == 1
    assert "partial: no test peptide has its MD and its samples by explicit, default, md-100ps" in finished.stdout
    assert "Traceback" not in finished.stdout


def test_the_default_profile_reruns_as_designed():
    profile = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert profile["rerun-triggers"] == ["mtime", "input", "params"]
    assert profile["printshellcmds"] is True
