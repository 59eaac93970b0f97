"""Sampling that is killed or stopped goes on as if nothing had happened: the same frames, none twice."""

import json
import logging
import os
import random
import signal
import subprocess
import time

import mdtraj
import numpy as np
import pytest
import torch
from forking import forking_python

from jamun.config.network import NetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.training import TrainingSettings
from jamun.io.files import AllAtomFiles, refuse_others
from jamun.io.log import Interrupted, UserError
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.model.score import NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.sampling import block, progress
from jamun.sampling.progress import Progress
from jamun.sampling.run import SamplingFiles, sample_to_files
from jamun.sampling.starts import SamplingError

# Rounds, batches, rejected samples and several levels at once.
SETTINGS = {
    "samples": 1500,
    "chains": 9,
    "batch": 4,
    "burn_in": 7,
    "stride": 2,
    "jump_sigmas": [0.02],
    "corrector_steps": [1],
    "reject": ["clash"],
    "clash_distance": 0.1,
    "most_generated": 4,
    "device": "cpu",
    "checkpoint_interval": 0.02,
}
SHORT = SETTINGS | {"samples": 300}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A small network that has not seen a peptide, and one."""
    folder = tmp_path_factory.mktemp("inputs")
    build_to_files(parse_sequence("A"), "capped", 7.0, folder / "A.pdb", folder / "A.json")
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=1, n_radial=8, radial_width=8)
    torch.manual_seed(0)
    denoiser = Denoiser(network, 0.2)
    denoiser.gain.data.fill_(0.2)
    save_denoiser(folder / "checkpoint.ckpt", denoiser, network, TrainingSettings(), {})
    return folder


# Errors are told, and end the process, as those of the commands.
JOB = """
import json, sys
from pathlib import Path
from jamun import cli
from jamun.config.sampling import SamplingSettings
from jamun.model.score import NetworkScore
from jamun.sampling.run import SamplingFiles, sample_to_files

folder, out, settings, threads = sys.argv[1:]

def sample():
    score, settings_ = NetworkScore.read(Path(folder) / "checkpoint.ckpt"), SamplingSettings(**json.loads(settings))
    sample_to_files(score, [Path(folder) / "A.pdb"], "A", settings_, SamplingFiles.in_folder(Path(out)), int(threads))

cli.app = sample
cli.main()
"""


def start(inputs, out, settings, threads):
    """Sample in a process of its own."""
    command = [forking_python(), "-c", JOB, str(inputs), str(out), json.dumps(settings), str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def simply(inputs, out, settings=SHORT, peptide="A", **changes):
    """The same within this process; errors come as they are."""
    score, chosen = NetworkScore.read(inputs / "checkpoint.ckpt"), SamplingSettings(**settings | changes)
    sample_to_files(score, [inputs / f"{peptide}.pdb"], peptide, chosen, SamplingFiles.in_folder(out), 1)
    return json.loads((out / "sampling.json").read_text())


def same(first, second):
    """Whether two runs published the same, to the bit."""
    records = [json.loads((folder / "sampling.json").read_text()) for folder in (first, second)]
    alike = all(
        records[0][key] == records[1][key]
        for key in (
            *("samples", "flaws", "chain_lengths", "chains_stopped", "steps", "steps_rejected"),
            *("network_evaluations", "jump_evaluations"),
        )
    )
    arrays = [np.load(folder / "flags.npz") for folder in (first, second)]
    alike = alike and all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0].files)
    return alike and (first / "samples.xtc").read_bytes() == (second / "samples.xtc").read_bytes()


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory):
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    record = simply(inputs, out, SETTINGS, checkpoint_interval=3600)
    assert record["samples"]["accepted"] == 1500
    assert record["samples"]["rejected_for"]["clash"] > 50
    assert record["resumptions"] == 0
    return out


@pytest.fixture(scope="module")
def short(inputs, tmp_path_factory):
    """A short run that nothing interrupted."""
    out = tmp_path_factory.mktemp("runs") / "short"
    simply(inputs, out, checkpoint_interval=3600)
    return out


def saved_at(out):
    """When the state was last saved, None before the first time."""
    try:
        return (out / "work" / "state.pt").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def kill_and_go_on(inputs, out, kills, draw, threads=1):
    """Kill the run so many times, each after a random number of saved states and at a random moment then."""
    for _ in range(kills):
        process = start(inputs, out, SETTINGS, threads)
        seen, last = 0, saved_at(out)
        wanted = draw.randint(1, 6)
        while process.poll() is None and seen < wanted:
            now = saved_at(out)
            if now is not None and now != last:
                seen, last = seen + 1, now
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, 0.03))
        assert process.poll() is None, process.communicate()[1]  # it was killed, and did not end
        process.kill()
        process.communicate()
    process = start(inputs, out, SETTINGS, threads)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error


def check_frames(out):
    """As many samples as asked, none twice, and each chain's in the order of its walk."""
    trajectory = mdtraj.load(out / "samples.xtc", top=out / "topology.pdb")
    flags = np.load(out / "flags.npz")
    assert len(flags["accepted"]) == trajectory.n_frames
    assert flags["accepted"].sum() == SETTINGS["samples"]
    assert len(np.unique(trajectory.xyz.reshape(trajectory.n_frames, -1), axis=0)) == trajectory.n_frames
    with mdtraj.formats.XTCTrajectoryFile(str(out / "samples.xtc")) as xtc:
        _, times, chains, _ = xtc.read()
    for chain in range(SETTINGS["chains"]):
        assert times[chains == chain].tolist() == list(range(1, (chains == chain).sum() + 1))


@pytest.mark.parametrize("threads", [1, 2])
def test_killed_at_any_moment(inputs, whole, tmp_path, threads):
    # Workers of a thread each make to the bit what one process makes in the same batches.
    kill_and_go_on(inputs, tmp_path / "killed", 3, random.Random(2), threads)
    assert json.loads((tmp_path / "killed" / "sampling.json").read_text())["resumptions"] == 3
    check_frames(tmp_path / "killed")
    assert same(tmp_path / "killed", whole)
    assert not (tmp_path / "killed" / "work").exists()


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10))
def test_killed_in_ten_of_ten_runs(inputs, whole, tmp_path, seed):
    kill_and_go_on(inputs, tmp_path / "killed", 2, random.Random(100 + seed))
    check_frames(tmp_path / "killed")
    assert same(tmp_path / "killed", whole)


class Died(BaseException):
    """What ends a run in the middle of saving, without any handler for errors."""


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_write_of_a_save(inputs, short, tmp_path, monkeypatch, after):
    def dying(function, moment):
        def write(*arguments):
            count[0] += 1
            if count[0] == moment and not after:
                raise Died
            result = function(*arguments)
            if count[0] == moment:
                raise Died
            return result

        return write

    # Of the first save and the next: two appends, the flush of their names, and that of the state.
    for moment in (1, 2, 3, 4, 5, 6, 8):
        count, out = [0], tmp_path / f"{moment}"
        with monkeypatch.context() as patch:
            for name in ("append", "sync_folder"):
                patch.setattr(progress, name, dying(getattr(progress, name), moment))
            with pytest.raises(Died):
                simply(inputs, out, checkpoint_interval=0.02)
        simply(inputs, out, checkpoint_interval=3600)
        assert same(out, short), moment


@pytest.mark.parametrize(("number", "threads"), [(signal.SIGTERM, 1), (signal.SIGUSR1, 1), (signal.SIGTERM, 2)])
def test_a_signal_saves_and_ends_with_143(inputs, whole, tmp_path, number, threads):
    out = tmp_path / "stopped"
    process = start(inputs, out, SETTINGS, threads)
    while process.poll() is None and saved_at(out) is None:
        time.sleep(0.002)
    process.send_signal(number)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 143
    assert f"A: stopped by {number.name} after " in error
    assert "the same command goes on from there" in error
    simply(inputs, out, SETTINGS)
    assert same(out, whole)


@pytest.mark.parametrize("chirality", [False, True])
def test_stopped_between_jumps_and_after_each_batch(inputs, tmp_path, monkeypatch, chirality):
    # At steps of burn-in, between two jumps, and in the later rounds, in which not all chains walk.
    settings = SHORT | {"keep_chirality": chirality}
    record = simply(inputs, tmp_path / "short", settings, checkpoint_interval=3600)
    assert (record["steps_rejected"] > 20) == chirality
    steps = [0]
    original = block.Chains.step

    def step(chains):
        turned = original(chains)
        steps[0] += 1
        if steps[0] in stops:
            signal.raise_signal(signal.SIGTERM)
        return turned

    monkeypatch.setattr(block.Chains, "step", step)
    stops = set()
    simply(inputs, tmp_path / "counting", settings)
    stops = {1, 5, 8, 9, steps[0] // 3, steps[0] // 2, steps[0] - 40, steps[0] - 3}
    steps[0], stopped = 0, 0
    while not (tmp_path / "stopped" / "sampling.json").exists():
        try:
            simply(inputs, tmp_path / "stopped", settings, checkpoint_interval=3600)
        except Interrupted:
            stopped += 1
    assert stopped == len(stops)
    assert same(tmp_path / "stopped", tmp_path / "short")


def interrupted(inputs, out, monkeypatch, **changes):
    """A run that is stopped after 100 steps."""
    steps = [0]
    original = block.Chains.step

    def step(chains):
        turned = original(chains)
        steps[0] += 1
        if steps[0] == 100:
            signal.raise_signal(signal.SIGTERM)
        return turned

    with monkeypatch.context() as patch:
        patch.setattr(block.Chains, "step", step)
        with pytest.raises(Interrupted):
            simply(inputs, out, **changes)


def test_other_settings_start_anew(inputs, short, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)  # what the terminal shows
    out = tmp_path / "out"
    interrupted(inputs, out, monkeypatch, seed=5)
    record = simply(inputs, out)
    assert "A: sampling starts anew, since it changed: sampling.seed from 5 to 0" in caplog.text
    assert record["resumptions"] == 0
    assert same(out, short)


def test_another_checkpoint_starts_anew(inputs, short, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    for name in ("A.pdb", "checkpoint.ckpt"):
        (tmp_path / name).write_bytes((inputs / name).read_bytes())
    content = torch.load(tmp_path / "checkpoint.ckpt", weights_only=True)
    torch.save(content | {"record": {"another": 1}}, tmp_path / "checkpoint.ckpt")
    interrupted(tmp_path, out, monkeypatch)
    simply(inputs, out)
    assert "since it changed: the checkpoint from " in caplog.text
    assert same(out, short)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("state.pt", "state.pt cannot be read"),
        ("samples.xtc", "samples.xtc is missing or cut short"),
        ("flags.bin", "flags.bin is missing or cut short"),
    ],
)
def test_a_damaged_state_starts_anew(inputs, short, tmp_path, monkeypatch, caplog, name, words):
    out = tmp_path / "out"
    interrupted(inputs, out, monkeypatch)
    path = out / "work" / name
    if name == "flags.bin":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:50])
    assert simply(inputs, out)["resumptions"] == 0
    assert words in caplog.text
    assert same(out, short)


def test_more_may_be_generated_after_too_few(inputs, short, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SamplingError, match=r"most_generated \(1 times"):
        simply(inputs, out, most_generated=1)
    assert simply(inputs, out)["samples"]["accepted"] == 300


def test_what_was_published_is_not_changed_by_a_new_run(inputs, tmp_path, monkeypatch):
    # Killed when the samples had their name but the record did not exist; then sampled anew with another seed.
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("jamun.sampling.run.write_json", lambda *_: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            simply(inputs, out)
    published = (out / "samples.xtc").read_bytes()
    interrupted(inputs, out, monkeypatch, seed=5)
    assert (out / "samples.xtc").read_bytes() == published


def test_a_disk_that_refuses(inputs, short, tmp_path, monkeypatch):
    out = tmp_path / "out"
    original, count = progress.append, [0]

    def refusing(*arguments):
        count[0] += 1
        if count[0] > 4:
            raise OSError(28, "No space left on device")
        original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "append", refusing)
        with pytest.raises(SamplingError, match=r"the disk is full.*bytes of samples\) is safe: free space and run"):
            simply(inputs, out)
    assert simply(inputs, out)["resumptions"] == 1
    assert same(out, short)


def test_one_run_at_a_time(inputs, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def meanwhile(*_):
        with pytest.raises(SamplingError, match="another process samples there"):
            simply(inputs, out)
        raise Died

    monkeypatch.setattr(Progress, "save", meanwhile)
    with pytest.raises(Died):
        simply(inputs, out)


def test_samples_of_another_peptide_are_kept(inputs, short, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("sampling.json", "topology.pdb", "samples.xtc"):
        (out / name).write_bytes((short / name).read_bytes())
    before = (out / "samples.xtc").read_bytes()
    (tmp_path / "B.pdb").write_bytes((inputs / "A.pdb").read_bytes())
    (tmp_path / "checkpoint.ckpt").write_bytes((inputs / "checkpoint.ckpt").read_bytes())
    with pytest.raises(UserError, match=r"out: holds samples of A \(sampling.json\); give another folder \(--out\)"):
        simply(tmp_path, out, peptide="B")
    # The same name, and another molecule.
    build_to_files(parse_sequence("G"), "capped", 7.0, tmp_path / "A.pdb", tmp_path / "A.json")
    with pytest.raises(SamplingError, match="holds samples of another molecule called A"):
        simply(tmp_path, out)
    assert (out / "samples.xtc").read_bytes() == before
    # Its own may be made anew.
    simply(inputs, out)
    assert same(out, short)


def test_what_else_lies_in_the_folder_stays_and_what_was_made_of_earlier_samples_goes(inputs, short, tmp_path):
    """As with `--out .` in the folder of a workflow, whose unfinished MD and training lie in work."""
    other = tmp_path / "work" / "simulate" / "AA" / "state.xml"
    other.parent.mkdir(parents=True)
    other.write_text("days of MD")
    made = vars(AllAtomFiles.in_folder(tmp_path)).values()
    for path in made:
        path.write_text("of earlier samples")
    simply(inputs, tmp_path)
    assert same(tmp_path, short)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["simulate"]
    assert other.read_text() == "days of MD"
    assert not any(path.exists() for path in made)


def test_unfinished_samples_keep_the_folder_from_other_commands(inputs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("jamun.sampling.run._publish", lambda *_: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            simply(inputs, tmp_path)
    with pytest.raises(UserError, match=r"holds samples of A \(state.pt\); give another folder"):
        refuse_others(tmp_path, "MD", "A")
    assert simply(inputs, tmp_path)["resumptions"] == 1
