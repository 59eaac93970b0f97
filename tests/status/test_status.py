"""The status of a run, read from a made-up tree that has a peptide in every state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import jamun
from jamun.config import load
from jamun.io.atomic import write_json
from jamun.io.log import UserError
from jamun.sampling.progress import Progress as SamplingProgress
from jamun.sampling.progress import State as SamplingState
from jamun.status.failures import failures_text
from jamun.status.jobs import State
from jamun.status.progress import _VALIDATED
from jamun.status.ready import ready_at_first, ready_peptides
from jamun.status.survey import Survey, survey
from jamun.status.text import duration, status_text

CONFIGURATION = {
    "dataset": "set",
    "peptides": {"train": ["AA", "AC", "AD", "AE"], "validation": ["AF"], "test": ["AG", "AH"]},
    "simulate": {"timestep": "2 fs", "production": "10 ns", "replicas": 2, "frame_interval": "2 ps"},
    "training": {"max_steps": 1000},
    "sampling": {"samples": 1000, "chains": 10},
}
STAMP = "2026-01-02 03:04:05,678"
BEGINS = f"{STAMP} INFO process 1 on {os.uname().nodename} begins\n"


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Tree:
    """Files of a run, as its stages leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results, self.logs, self.work = folder / "results/set", folder / "logs/set", folder / "work"
        write(folder / "config.yaml", yaml.safe_dump(CONFIGURATION))

    def log(self, name: str, text: str) -> Path:
        write(self.logs / name, BEGINS + text)
        return self.logs / name

    def md(self, name: str, ns: float) -> None:
        frames = round(ns * 500)
        made = {"frames": frames, "frame_interval_ps": 2.0, "ns_per_day": 100.0}
        write(self.results / "md" / name / "md.json")
        write_json(self.results / "md" / name / "md.json", {"production": made})

    def replica(self, name: str, number: int, stage: str, ns: float, seconds: float) -> None:
        point = {"stage": stage, "steps": round(ns * 5e5), "seconds": seconds, "frames": 0}
        target = self.work / "simulate/set" / name / f"replica_{number}" / "progress.json"
        write(target, json.dumps({"format": 1, "points": [point]}))

    def survey(self) -> Survey:
        return survey(load(self.folder / "config.yaml"), self.folder)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """One peptide done, one failed, one stopped, one under way, one built, one sampled in part, one that waits."""
    tree = Tree(tmp_path)
    for name in ("AA", "AC", "AD", "AE", "AF", "AG"):
        write(tree.results / "peptides" / f"{name}.pdb")
    tree.md("AA", 20)
    write(tree.results / "features/train/AA.h5")
    tree.log("simulate/AC.log", f"{STAMP} ERROR AC blew up after 3 ps; lower the timestep.\n")
    tree.log("simulate/AD.log", f"{STAMP} STOPPED AD: stopped by SIGTERM; the same command goes on from there.\n")
    tree.replica("AD", 1, "production", 10, 8640)
    tree.replica("AD", 2, "production", 5, 4320)
    tree.log("simulate/AE.log", "AE production:  10%|#  | 1/10 [00:10<01:30]\n")
    tree.replica("AE", 1, "production", 5, 4320)
    tree.md("AG", 20)
    write(tree.results / "models/default/checkpoint.ckpt")
    write_json(tree.results / "models/default/training.json", {"steps": 900, "best_validation_loss": 0.25})
    return tree


@pytest.fixture
def at_work(working: Callable) -> Callable:
    """Starts processes that write a log, as jobs do, and ends them with the test."""
    script = (
        "import sys\nfrom jamun.io.log import job_log\n"
        "with job_log(sys.argv[1]):\n    print('works', file=sys.__stdout__, flush=True)\n    sys.stdin.read()\n"
    )

    return lambda log: working(script, str(log))


def test_every_state_of_a_simulation(tree: Tree, at_work: Callable) -> None:
    at_work(tree.logs / "simulate/AE.log")
    found = tree.survey()
    states = {peptide.name: peptide.stages["MD"] for peptide in found.peptides}
    assert states == {
        "AA": State.DONE, "AC": State.FAILED, "AD": State.STOPPED, "AE": State.RUNNING,
        "AF": State.WAITING, "AG": State.DONE, "AH": State.WAITING,
    }  # fmt: skip
    md = {peptide.name: peptide.md for peptide in found.peptides}
    assert (md["AA"].done, md["AA"].asked, md["AA"].per_day) == (20, 20, 100)
    assert (md["AD"].done, md["AD"].seconds_left) == (15, None)
    # 5 of 20 ns in 4320 s: 15 ns are left at 100 ns a day.
    assert (md["AE"].done, md["AE"].per_day) == (5, pytest.approx(100))
    assert md["AE"].seconds_left == pytest.approx(0.15 * 86400, abs=30)
    totals = found.totals()
    assert (totals["ns_done"], totals["ns_asked"]) == (60, 140)
    assert totals["seconds_left"] == pytest.approx(0.8 * 86400, abs=1)
    assert [(each.state, each.name) for each in found.failures] == [("failed", "AC"), ("stopped", "AD")]
    assert found.failures[0].word == "AC blew up after 3 ps; lower the timestep."
    assert found.failures[0].log == "logs/set/simulate/AC.log"


def test_peptides_of_a_batch_have_one_log(tree: Tree) -> None:
    """The job of all of them failed: so it did for each that is not done."""
    simulate = {"solvent": "implicit", "ensemble": "NVT", "equilibration": [], "production": "10 ns", "batched": True}
    write(tree.folder / "config.yaml", yaml.safe_dump(CONFIGURATION | {"simulate": simulate}))
    tree.log("simulate/batch_1.log", f"{STAMP} ERROR AE replica 2 blew up; lower the timestep.\n")
    found = tree.survey()
    states = {peptide.name: peptide.stages["MD"] for peptide in found.peptides}
    assert {name for name, state in states.items() if state == State.FAILED} == {"AC", "AD", "AE", "AF", "AH"}
    assert {each.log for each in found.failures} == {"logs/set/simulate/batch_1.log"}


def test_a_simulation_that_equilibrates_names_the_stage(tree: Tree, at_work: Callable) -> None:
    tree.replica("AE", 1, "equilibration_1_nvt", 0.01, 5)
    at_work(tree.logs / "simulate/AE.log")
    (row,) = (peptide for peptide in tree.survey().peptides if peptide.name == "AE")
    assert (row.md.done, row.md.stage, row.md.seconds_left) == (0, "equilibration_1_nvt", None)
    assert "equilibration_1_nvt" in status_text(tree.survey(), [])


def test_a_job_on_another_machine_works_while_its_log_changes(tree: Tree) -> None:
    log = tree.log("simulate/AF.log", "")
    log.write_text(f"{STAMP} INFO process 1 on far begins\n{STAMP} WARNING AF: left out 3 HOH\n")
    assert next(each for each in tree.survey().peptides if each.name == "AF").stages["MD"] == State.RUNNING
    os.utime(log, (time.time() - 3600,) * 2)
    assert next(each for each in tree.survey().peptides if each.name == "AF").stages["MD"] == State.STOPPED


def test_samples_are_counted_from_the_saved_state(tree: Tree, at_work: Callable) -> None:
    state = SamplingState.new(chains=10, atoms=4, batch=10)
    state.counts["accepted"], state.seconds = 250, 50.0
    (tree.work / "sample/set/default/AG").mkdir(parents=True)
    SamplingProgress(tree.work / "sample/set/default/AG", "AG", {}).save(state)
    at_work(tree.log("sample/default/AG.log", ""))
    row = next(peptide for peptide in tree.survey().peptides if peptide.name == "AG")
    assert row.stages["samples default"] == State.RUNNING
    assert row.samples["default"].done == 250
    assert row.samples["default"].seconds_left == pytest.approx(150, abs=30)
    assert "running 250 of 1000, 2 min left" in status_text(tree.survey(), [])
    torch.save({"format": 1}, tree.work / "sample/set/default/AG/state.pt")
    assert next(each for each in tree.survey().peptides if each.name == "AG").samples["default"].done == 0


def test_plain_md_is_at_work_while_it_is_simulated(tree: Tree, at_work: Callable) -> None:
    models = {"default": {}, "md": {"simulate": {"production": "1 ns"}}}
    write(tree.folder / "config.yaml", yaml.safe_dump(CONFIGURATION | {"models": models}))
    at_work(tree.log("simulate_plain_md/md/AG.log", ""))
    rows = {peptide.name: peptide for peptide in tree.survey().peptides}
    assert rows["AG"].stages["samples md"] == State.RUNNING
    assert rows["AH"].stages["samples md"] == State.WAITING


def test_a_training_is_read_from_its_log(tree: Tree, at_work: Callable) -> None:
    (tree.results / "models/default/checkpoint.ckpt").unlink()
    (tree.results / "models/default/training.json").unlink()
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    line = "INFO step {} of 1000: validation loss {}, 2.00 steps/s, {} s left"
    log = tree.log(
        "train/default.log", f"{now},001 {line.format(100, 0.9, 450)}\nother\n{now},002 {line.format(250, 0.75, 375)}\n"
    )
    at_work(log)
    (model,) = tree.survey().models
    assert (model.state, model.training.done, model.training.asked, model.training.loss) == ("running", 250, 1000, 0.75)
    assert model.training.seconds_left == pytest.approx(375, abs=30)


def test_the_line_of_a_training_is_as_training_writes_it() -> None:
    """The status reads a line of the log that history.py words."""
    wording = "step %d of %d: validation loss %.4f, %.2f steps/s, %.0f s left"
    assert f'"{wording}"' in (Path(jamun.__file__).parent / "model" / "history.py").read_text()
    written = f"{STAMP} INFO " + wording % (60, 60, 0.41684, 3.456, 0.0)
    assert _VALIDATED.search(written)["loss"] == "0.4168"


def test_populations_are_samples_of_their_own_and_no_model(tree: Tree, at_work: Callable) -> None:
    write(tree.folder / "config.yaml", yaml.safe_dump(
        CONFIGURATION | {"populations": {"models": ["default"]}, "simulate": {"solvent": "implicit", "ensemble": "NVT",
        "equilibration": []}}
    ))  # fmt: skip
    at_work(tree.log("populate/default/AG.log", ""))
    tree.log("populate/default/AH.log", f"{STAMP} ERROR AH: none of 24 samples can be simulated.\n")
    found = tree.survey()
    stages = {each.name: each.stages.get("samples default+md") for each in found.peptides}
    assert (stages["AA"], stages["AG"], stages["AH"]) == (None, State.RUNNING, State.FAILED)
    assert [model.name for model in found.models] == ["default"]
    assert [each.stage for each in found.failures if each.name == "AH"] == ["populations by default+md"]
    assert "samples (default+md)" in status_text(found, [])
    write(tree.results / "populations/default/AG/populations.json")
    assert tree.survey().peptides[5].stages["samples default+md"] == State.WAITING
    write(tree.results / "samples/default+md/AG/sampling.json")
    assert tree.survey().peptides[5].stages["samples default+md"] == State.DONE


def test_evaluation_is_done_when_all_of_it_is(tree: Tree) -> None:
    def state() -> State:
        return next(each for each in tree.survey().peptides if each.name == "AG").stages["evaluation default"]

    assert state() == State.WAITING
    for place in (".", "msm", "dynamics"):
        write(tree.results / "evaluation/default" / place / "AG.json")
    assert state() == State.WAITING
    tree.log("physicality/default/AG.log", f"{STAMP} ERROR no bonds\n")
    assert state() == State.FAILED
    write(tree.results / "evaluation/default/physicality/AG.json")
    assert state() == State.DONE


def test_an_ablation_is_done_when_all_its_rows_are(tree: Tree) -> None:
    def state() -> State | None:
        return next(each for each in tree.survey().peptides if each.name == "AG").stages.get("ablation")

    assert state() is None
    settings = CONFIGURATION | {"ablation": {"samples": 100, "variants": {"slow": {"friction": 3.0}}}}
    write(tree.folder / "config.yaml", yaml.safe_dump(settings))
    assert state() == State.WAITING
    for row in ("plain", "slow"):
        for made in ("sampling", "comparison", "dynamics"):
            write(tree.results / "ablation" / row / "default/AG" / f"{made}.json")
    write(tree.results / "ablation/plain/default/AG/physicality.json")
    tree.log("ablation_physicality/slow/default/AG.log", f"{STAMP} ERROR no bonds\n")
    assert state() == State.FAILED
    assert "ablation" in status_text(tree.survey(), [])
    write(tree.results / "ablation/slow/default/AG/physicality.json")
    assert state() == State.DONE


def test_what_is_made_of_all_peptides_and_the_timing_of_batched_md_are_stages(tree: Tree) -> None:
    simulate = {"solvent": "implicit", "ensemble": "NVT", "equilibration": [], "production": "10 ns", "batched": True}
    write(tree.folder / "config.yaml", yaml.safe_dump(CONFIGURATION | {"simulate": simulate}))
    write(tree.results / "features/dataset.json")
    tree.log("benchmark_single/AG.log", f"{STAMP} ERROR AG: no platform; install OpenMM.\n")
    tree.log("summarize.log", f"{STAMP} ERROR summary.csv: disk full.\n")
    tree.log("plot_msm/default/AG.log", f"{STAMP} ERROR figures.colormap: no such colour map.\n")
    found = tree.survey()
    stages = next(each for each in found.peptides if each.name == "AG").stages
    assert (stages["MD timing"], stages["MD analysis"]) == (State.FAILED, State.WAITING)
    assert found.results == {"dataset": "done", "summary": "failed", "tables": "waiting", "report": "waiting"}
    told = {(each.stage, each.name, each.log) for each in found.failures if each.log.endswith(("G.log", "e.log"))}
    assert told == {
        ("MD timing", "AG", "logs/set/benchmark_single/AG.log"),
        ("summary", "summary", "logs/set/summarize.log"),
        ("plot msm", "default AG", "logs/set/plot_msm/default/AG.log"),
    }
    page = status_text(found, [])
    assert "summary: failed" in page
    assert "no such colour map" in page


def test_a_model_brought_on_the_command_line_is_seen(tree: Tree) -> None:
    write(tree.results / "samples/mine/AG/sampling.json", json.dumps({"samples": {"accepted": 1000}}))
    found = tree.survey()
    assert [model.name for model in found.models] == ["default", "mine"]
    row = next(peptide for peptide in found.peptides if peptide.name == "AG")
    assert row.stages["samples mine"] == State.DONE
    assert row.samples["mine"].done == 1000


def test_the_page(tree: Tree, at_work: Callable) -> None:
    at_work(tree.logs / "simulate/AE.log")
    page = status_text(tree.survey(), [])
    rows = {line.split()[0]: line.split() for line in page.splitlines() if line}
    assert rows["AE"][:10] == ["AE", "train", "done", "running", "5", "of", "20", "100", "3", "h"]
    assert rows["AA"] == ["AA", "train", "done", "done", "20", "of", "20", "100", "done"]
    assert rows["default"] == ["default", "done", "900", "of", "900", "0.2500"]
    assert "MD: 60 of 140 ns, 19 h 12 min left at 100 ns/day" in page
    assert "AC, MD (failed): AC blew up after 3 ps; lower the timestep." in page
    assert "No Snakemake works here." in page
    only = status_text(tree.survey(), [State.FAILED])
    assert [line.split()[0] for line in only.splitlines() if " train " in line] == ["AC"]
    assert json.loads(json.dumps(tree.survey().plain()))["totals"]["ns_done"] == 60


def test_the_command(tree: Tree) -> None:
    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", "from jamun.cli import main; main()", "status", *words]
        return subprocess.run(command, cwd=tree.folder, capture_output=True, text=True, check=False)

    finished = run("--only", "failed")
    assert finished.returncode == 0, finished.stderr
    assert "AC " in finished.stdout
    as_json = json.loads(run("--configfile", "config.yaml", "--directory", ".", "--json").stdout)
    assert as_json["dataset"] == "set"
    empty = run("--config", "config.yaml", "--directory", "work")
    assert empty.returncode == 0
    assert "Nothing of it is there yet" in empty.stdout
    missing = run("--directory", "work")
    assert missing.returncode == 1
    assert missing.stderr == "Error: work/config.yaml: no such configuration file.\n"


def test_five_thousand_peptides_take_seconds(tree: Tree) -> None:
    letters = "ACDEFGHIKLMNPQRSTVWY"
    names = [a + b + c for a in letters for b in letters for c in letters][:5000]
    raw = CONFIGURATION | {"peptides": {"train": names[:4900], "validation": names[4900:4950], "test": names[4950:]}}
    write(tree.folder / "config.yaml", yaml.safe_dump(raw))
    for name in names[:2500]:
        write(tree.results / "peptides" / f"{name}.pdb")
        tree.log(f"simulate/{name}.log", f"{name} production: 10%|#\n" * 50)
        tree.replica(name, 1, "production", 5, 4320)
    began = time.process_time()
    page = status_text(tree.survey(), [])
    assert time.process_time() - began < 5
    assert "MD: 1.25e+04 of 1e+05 ns" in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (10, "< 1 min"), (600, "10 min"), (3600 * 26 + 60, "26 h 1 min"), (86400 * 3.5, "3 d 12 h")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_what_a_run_tells_of_its_failures(tree: Tree) -> None:
    lines = "".join(f"line {number}\n" for number in range(9))
    killed = tree.log("sample/default/AG.log", f"{lines}{STAMP} WARNING AG: 5 residues; the training had 2.\n")
    text = failures_text(
        [
            ("Simulate AC", [tree.logs / "simulate/AC.log"]),
            ("Make samples of AG", [killed]),
            ("Build AH", [tree.logs / "build_peptide/AH.log"]),
        ]
    )
    assert "3 jobs did not finish" in text
    assert f"AC blew up after 3 ps; lower the timestep.\n      log: {tree.logs}/simulate/AC.log" in text
    assert "killed or ran out of memory" in text
    assert "| line 8\n" in text
    assert "line 3" not in text
    assert "wrote no log" in text
    assert failures_text([]) == ""
    many = failures_text([(f"Simulate {n}", [tree.logs / "simulate/AC.log"]) for n in range(300)])
    assert "and 280 more: jamun status --only failed" in many


def test_what_is_ready_is_decided_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMUN_READY", "to be put back")
    monkeypatch.delenv("JAMUN_READY")
    settings = load(tree.folder / "config.yaml")
    write(tree.results / "samples/default/AG/sampling.json")
    assert ready_at_first(settings, ["AG", "AH"], tree.folder) == ["AG"]
    write(tree.results / "samples/default/AH/sampling.json")
    tree.md("AH", 20)
    assert ready_at_first(settings, ["AG", "AH"], tree.folder) == ["AG"]
    assert os.environ["JAMUN_READY"] == "AG"


def test_ready_needs_the_wall_clock_that_samples_are_held_against(tree: Tree) -> None:
    """Of MD that was made together, that of one simulation alone: with partial nothing would measure it."""
    simulate = {"solvent": "implicit", "ensemble": "NVT", "equilibration": [], "production": "10 ns", "batched": True}
    write(tree.folder / "config.yaml", yaml.safe_dump(CONFIGURATION | {"simulate": simulate}))
    settings = load(tree.folder / "config.yaml")
    write(tree.results / "samples/default/AG/sampling.json")
    with pytest.raises(UserError, match="no test peptide has its MD"):
        ready_peptides(settings, ["AG"], tree.folder)
    write(tree.results / "md/AG/benchmark_single.json")
    assert ready_peptides(settings, ["AG"], tree.folder) == ["AG"]


def test_ready_are_those_with_md_and_samples_of_every_model(tree: Tree) -> None:
    settings = load(tree.folder / "config.yaml")
    with pytest.raises(UserError, match="no test peptide has its MD and its samples by default"):
        ready_peptides(settings, ["AG", "AH"], tree.folder)
    write(tree.results / "samples/default/AG/sampling.json")
    write(tree.results / "samples/default/AH/sampling.json")
    assert ready_peptides(settings, ["AG", "AH"], tree.folder) == ["AG"]
    two = type(settings)(**(settings.model_dump() | {"models": {"default": {}, "second": {}}}))
    with pytest.raises(UserError, match="by default, second"):
        ready_peptides(two, ["AG", "AH"], tree.folder)
