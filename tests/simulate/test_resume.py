"""Simulations that are killed, stopped, damaged or denied the disk go on as if nothing had happened."""

import csv
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.io.files import MdFiles, refuse_others
from jamun.io.log import Interrupted, UserError
from jamun.io.signals import stop_requests
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate import progress, replica
from jamun.simulate.engine import Engine
from jamun.simulate.output import peptide_topology
from jamun.simulate.run import Peptide, simulate_to_files
from jamun.simulate.saved import load_system, save_system
from jamun.simulate.system import SimulationError, make_system

RUNNER = Path(__file__).with_name("runner.py")
IMPLICIT = {
    "solvent": "implicit",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [
        {"ensemble": "NVT", "duration": "20 ps", "restrained": True},
        {"ensemble": "NVT", "duration": "20 ps"},
    ],
    "ensemble": "NVT",
    "production": "60 ps",
    "frame_interval": "0.2 ps",
    "platform": "Reference",
    "checkpoint_interval": "1e-6 s",  # after every frame
}
SHORT = IMPLICIT | {
    "equilibration": [{"ensemble": "NVT", "duration": "1 ps"}],
    "production": "8 ps",
}
WATER = {
    "padding": "0.9 nm",
    "box": "dodecahedron",
    "cutoff": "0.6 nm",
    "switch_distance": "0.5 nm",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [{"ensemble": "NPT", "duration": "2 ps", "restrained": True}],
    "production": "8 ps",
    "frame_interval": "0.1 ps",
    "platform": "CPU",
    "checkpoint_interval": "1e-6 s",  # after every frame
}
FILES = ("trajectory.xtc", "state.csv", "topology.pdb")


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("A"), "capped", 7.0, folder / "A.pdb", folder / "A.json")
    return folder / "A.pdb"


def simulate(pdb, folder, settings, **changes):
    files = MdFiles.in_folder(folder)
    simulate_to_files(Peptide("A", pdb, SimulateSettings(**(settings | changes)), folder / "work", files), threads=1)
    return json.loads((folder / "md.json").read_text())


def start(pdb, folder, settings, **task):
    """The simulation in a process of its own."""
    folder.mkdir(exist_ok=True)
    task = {"pdb": str(pdb), "folder": str(folder), "work": str(folder / "work"), "settings": settings} | task
    task.setdefault("log", str(folder / "log.txt"))
    (folder / "task.json").write_text(json.dumps(task))
    return subprocess.Popen(
        [sys.executable, str(RUNNER), str(folder / "task.json")],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def stopped_at(monkeypatch, frame):
    """Make runs ask themselves to stop when a frame with this number is written."""
    original = replica._StageRun._to_boundary

    def to_boundary(run, context, piece, last_good):
        original(run, context, piece, last_good)
        if run.producing and run.steps // run.interval == frame:
            run.stop.signal = "SIGTERM"

    monkeypatch.setattr(replica._StageRun, "_to_boundary", to_boundary)


@pytest.fixture(scope="module")
def whole(pdb, tmp_path_factory):
    """A run of SHORT that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    simulate(pdb, folder, SHORT)
    return folder


@pytest.fixture
def half(pdb, tmp_path, monkeypatch):
    """A run of SHORT that was stopped after 20 of its 40 frames."""
    with monkeypatch.context() as patch:
        stopped_at(patch, 20)
        with pytest.raises(Interrupted, match=r"A: stopped by SIGTERM after 4 of 8 ps of production, all .* goes on"):
            simulate(pdb, tmp_path, SHORT)
    return tmp_path


def newest(folder):
    return json.loads((folder / "work" / "replica_1" / "progress.json").read_text())["points"]


def flip(path):
    """Change a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def same(one, other):
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in FILES)


def check_frames(folder, frames, interval):
    trajectory = mdtraj.load(folder / "trajectory.xtc", top=folder / "topology.pdb")
    np.testing.assert_allclose(trajectory.time, interval * np.arange(1, frames + 1), rtol=1e-5)
    assert (np.abs(np.diff(trajectory.xyz, axis=0)).max((1, 2)) > 0).all()  # no frame twice
    times = [float(row["time_ps"]) for row in csv.DictReader((folder / "state.csv").open())]
    np.testing.assert_allclose(times, 10 * interval * np.arange(1, frames // 10 + 1))


def generation(folder):
    """How many states were saved so far."""
    path = folder / "work" / "replica_1" / "progress.json"
    return json.loads(path.read_text())["generation"] if path.exists() else 0


def kill_and_go_on(pdb, folder, settings, saves, draw, latest):
    """Kill the simulation each time it saved so many more states, up to `latest` seconds after; then let it end.

    Returns the stages in which it was killed.
    """
    stages = []
    for more in saves:
        before = generation(folder)
        process = start(pdb, folder, settings)
        while process.poll() is None and generation(folder) < before + more:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, latest))
        assert process.poll() is None  # it was killed, and did not end
        process.kill()
        process.communicate()
        stages.append(newest(folder)[0]["stage"])
    process = start(pdb, folder, settings)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert json.loads((folder / "md.json").read_text())["resumptions"] == len(saves)
    return stages


def test_killed_at_any_moment(pdb, tmp_path):
    draw = random.Random(5)
    # Equilibration saves 40 states, production 300.
    saves = [draw.randint(2, 18), draw.randint(2, 18), draw.randint(50, 100), draw.randint(10, 100)]
    stages = kill_and_go_on(pdb, tmp_path / "killed", IMPLICIT, saves, draw, 0.01)
    assert len(set(stages)) > 1
    simulate(pdb, tmp_path / "whole", IMPLICIT)
    check_frames(tmp_path / "killed", 300, 0.2)
    assert same(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_many_times_in_implicit_solvent(pdb, tmp_path, seed):
    settings = IMPLICIT | {"production": "240 ps"}
    draw = random.Random(seed)
    saves = [draw.randint(1, 10 if kill < 5 else 70) for kill in range(20)]
    kill_and_go_on(pdb, tmp_path / "killed", settings, saves, draw, 0.01)
    simulate(pdb, tmp_path / "whole", settings)
    check_frames(tmp_path / "killed", 1200, 0.2)
    assert same(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.full
def test_killed_many_times_in_water(pdb, tmp_path):
    draw = random.Random(3)
    kill_and_go_on(pdb, tmp_path, WATER, [draw.randint(1, 4) for _ in range(20)], draw, 0.1)
    check_frames(tmp_path, 80, 0.1)
    # TIP3P's density, roughly, in every row: no state was mixed up.
    rows = list(csv.DictReader((tmp_path / "state.csv").open()))
    assert all(0.8 < float(row["density_g_ml"]) < 1.15 for row in rows)
    assert all(200 < float(row["temperature_k"]) < 400 for row in rows)


class Died(BaseException):
    """What ends a run in the middle of saving, without any handler for errors."""


def dying_at(monkeypatch, moment, after):
    """Make the process "die" at one of the writes of a save: before it, or after it."""
    count = [0]

    def dying(function):
        def write(*arguments):
            count[0] += 1
            if count[0] == moment and not after:
                raise Died
            result = function(*arguments)
            if count[0] == moment:
                raise Died
            return result

        return write

    for name in ("append", "write_bytes", "link_or_copy", "sync_folder", "write_json"):
        monkeypatch.setattr(progress, name, dying(getattr(progress, name)))
    monkeypatch.setattr(progress.Progress, "_clean", dying(progress.Progress._clean))


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_step_of_saving(pdb, half, whole, tmp_path_factory, monkeypatch, after):
    # Two appends, two files of the phase space, the second name of the record, two flushes, the record, the cleaning.
    for moment in range(1, 10):
        folder = tmp_path_factory.mktemp("died")
        shutil.copytree(half, folder, dirs_exist_ok=True)
        with monkeypatch.context() as patch:
            dying_at(patch, moment, after)
            with pytest.raises(Died):
                simulate(pdb, folder, SHORT)
        simulate(pdb, folder, SHORT, checkpoint_interval="1 h")
        assert same(folder, whole), moment


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_and_ends_with_143(pdb, tmp_path, number):
    settings = IMPLICIT | {"production": "10 ns", "checkpoint_interval": "1 h"}
    process = start(pdb, tmp_path, settings)
    record = tmp_path / "work" / "replica_1" / "progress.json"
    while process.poll() is None and not (record.exists() and newest(tmp_path)[0]["stage"] == "production"):
        time.sleep(0.02)
    time.sleep(0.3)
    asked = time.perf_counter()
    process.send_signal(number)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 143
    assert time.perf_counter() - asked < 2.5
    assert error.count("\n") == 1
    assert f"A: stopped by {number.name} after " in error
    assert "the same command goes on from there" in error
    point = newest(tmp_path)[0]
    assert point["steps"] > 0
    # As much again as is needed to tell that the run goes on to the bit.
    length = (point["frames"] + 20) * 0.2
    simulate(pdb, tmp_path, settings, production=length)
    simulate(pdb, tmp_path / "whole", settings, production=length)
    assert same(tmp_path, tmp_path / "whole")


def test_a_stop_between_two_frames_loses_no_step(pdb, tmp_path, whole, monkeypatch):
    original = Engine.step

    def step(engine, context, steps, stage, last_good):
        original(engine, context, steps, stage, last_good)
        steps_done = context.getStepCount()
        if stage.name == "production" and steps_done % 50 and steps_done > 500:
            monkeypatch.setattr(Engine, "step", original)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Engine, "step", step)
    monkeypatch.setattr(replica, "_PIECE_SECONDS", 1e-9)
    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        simulate(pdb, tmp_path, SHORT)
    assert newest(tmp_path)[0]["steps"] % 50
    simulate(pdb, tmp_path, SHORT)
    assert same(tmp_path, whole)


def test_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_requests() as request:
        signal.raise_signal(signal.SIGTERM)
        assert request.signal == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_loses_nothing(pdb, tmp_path, whole):
    # The trajectory of the whole run does not fit, the other files do.
    size = (whole / "trajectory.xtc").stat().st_size
    other = max(path.stat().st_size for path in (whole / "work" / "replica_1").iterdir() if path.suffix != ".xtc")
    settings = SHORT | {"production": f"{8 * (2 * other // size + 2)} ps", "checkpoint_interval": "0.02 s"}
    log = tmp_path.parent / f"{tmp_path.name}.log"
    process = start(pdb, tmp_path, settings, largest_file=2 * other, log=str(log))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot be written (files may not grow more); everything up to " in error
    assert "ps of production is safe: free space and run the same command again" in error
    assert newest(tmp_path)[0]["frames"] > 0
    simulate(pdb, tmp_path, settings)
    simulate(pdb, tmp_path / "whole", settings)
    assert same(tmp_path, tmp_path / "whole")


@pytest.fixture
def tiny(tmp_path):
    """A file system of 300 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.full
def test_a_full_file_system_loses_nothing(pdb, tmp_path, tiny):
    settings = SHORT | {"production": "600 ps"}
    for size in ("300k", "330k"):  # full, and full again after it goes on
        subprocess.run(["mount", "-o", f"remount,size={size}", tiny], check=True)
        process = start(pdb, tmp_path, settings, work=str(tiny), log=str(tiny / "log.txt"))
        _, error = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "cannot be written (the disk is full); everything up to " in error
        assert "ps of production is safe: free space and run the same command again" in error
        assert "Traceback" not in error
        record = json.loads((tiny / "replica_1" / "progress.json").read_text())
        assert record["points"][0]["frames"] > 0
    subprocess.run(["mount", "-o", "remount,size=10m", tiny], check=True)
    process = start(pdb, tmp_path, settings, work=str(tiny), log=str(tiny / "log.txt"))
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    simulate(pdb, tmp_path / "whole", settings)
    assert same(tmp_path, tmp_path / "whole")


def test_a_writer_that_fails_without_a_word_is_noticed(pdb, half, whole, monkeypatch):
    original = mdtraj.formats.XTCTrajectoryFile

    @contextmanager
    def losing(path, mode):
        with original(path, mode) as xtc:
            yield xtc
        if mode == "w":
            os.truncate(path, os.path.getsize(path) // 2)

    monkeypatch.setattr("jamun.io.xtc.XTCTrajectoryFile", losing)
    with pytest.raises(SimulationError, match=r"the disk is full.*everything up to 4 ps of production is safe"):
        simulate(pdb, half, SHORT)
    monkeypatch.undo()
    simulate(pdb, half, SHORT)
    assert same(half, whole)


def test_a_damaged_checkpoint_gives_way_to_the_state(pdb, half, caplog):
    caplog.set_level(logging.INFO)
    point = newest(half)[0]
    flip(half / "work" / "replica_1" / point["checkpoint"])
    simulate(pdb, half, SHORT)
    check_frames(half, 40, 0.2)
    assert f"{point['checkpoint']} is missing or damaged; goes on from 4 ps of production" in caplog.text
    assert "from its State (XML)" in caplog.text


def test_a_checkpoint_of_another_version_gives_way_to_the_state(pdb, half, caplog):
    caplog.set_level(logging.INFO)
    path = half / "work" / "replica_1" / "progress.json"
    record = json.loads(path.read_text())
    record["points"][0]["made_by"]["openmm"] = "7.0"
    path.write_text(json.dumps(record))
    simulate(pdb, half, SHORT)
    check_frames(half, 40, 0.2)
    assert "from its State (XML)" in caplog.text
    # Noise is not that of the stage's first steps again, nor are the frames.
    xyz = mdtraj.load(half / "trajectory.xtc", top=half / "topology.pdb").xyz
    assert not np.allclose(xyz[0], xyz[20], atol=1e-3)


def test_a_damaged_generation_gives_way_to_the_one_before(pdb, half, whole, caplog):
    point, before = newest(half)[:2]
    for name in (point["xml"], point["checkpoint"]):
        flip(half / "work" / "replica_1" / name)
    assert before["frames"] == 19
    simulate(pdb, half, SHORT)
    assert "goes on from 3.8 ps of production instead of 4 ps of production" in caplog.text
    assert same(half, whole)


@pytest.mark.parametrize("cut", [1, 100_000])
def test_a_short_trajectory_falls_back(pdb, half, whole, caplog, cut):
    path = half / "work" / "replica_1" / "trajectory.xtc"
    os.truncate(path, max(path.stat().st_size - cut, 0))
    simulate(pdb, half, SHORT)
    place = "3.8" if cut == 1 else "0"
    assert f"trajectory.xtc is cut short; goes on from {place} ps of production instead of 4 ps" in caplog.text
    assert same(half, whole)


def test_torn_bytes_are_cut_off(pdb, half, whole):
    for name in ("trajectory.xtc", "state.csv"):
        with open(half / "work" / "replica_1" / name, "ab") as handle:
            handle.write(b"torn")
    simulate(pdb, half, SHORT)
    assert same(half, whole)


def test_a_damaged_record_gives_way_to_the_one_before(pdb, half, whole):
    (half / "work" / "replica_1" / "progress.json").write_text("{")
    simulate(pdb, half, SHORT)
    assert same(half, whole)


@pytest.mark.parametrize("name", ["system.xml.gz", "topology.cif.gz", "system.npz"])
def test_a_damaged_system_is_refused(pdb, half, name):
    flip(half / "work" / "replica_1" / name)
    with pytest.raises(SimulationError, match=f"{name} is missing or damaged.*restore the file, or delete"):
        simulate(pdb, half, SHORT)


def test_changed_settings_do_not_continue_an_unfinished_run(pdb, half, whole):
    with pytest.raises(
        SimulationError, match=r"work holds an unfinished .*simulate\.temperature from 300\.0 to 310\.0;"
    ):
        simulate(pdb, half, SHORT, temperature="310 K")
    simulate(pdb, half, SHORT)
    assert same(half, whole)


def test_another_peptide_does_not_continue_an_unfinished_run(pdb, half, whole, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "A.pdb"
    lines = pdb.read_text().splitlines(keepends=True)
    other.write_text("".join([*lines[:5], lines[5].replace("0.", "1.", 1), *lines[6:]]))
    with pytest.raises(SimulationError, match=r"there changed the peptide's PDB, .* delete the folder"):
        simulate(other, half, SHORT)
    # Built on another day, the PDB differs in a remark alone.
    other.write_text("".join(["REMARK   1 CREATED ON ANOTHER DAY\n", *lines[1:]]))
    simulate(other, half, SHORT)
    assert same(half, whole)


def test_md_keeps_its_folder_from_other_commands_and_peptides(pdb, half, tmp_path):
    with pytest.raises(UserError, match=r"holds MD of A \(settings.json\); give another folder"):
        refuse_others(half, "samples", "A")
    simulate(pdb, tmp_path, SHORT, production="0.2 ps")
    before = (tmp_path / "trajectory.xtc").read_bytes()
    other = Peptide("B", pdb, SimulateSettings(**SHORT), tmp_path / "work", MdFiles.in_folder(tmp_path))
    with pytest.raises(UserError, match=r"holds MD of A \(md.json\); give another folder \(--out\), or delete that"):
        simulate_to_files(other, threads=1)
    assert (tmp_path / "trajectory.xtc").read_bytes() == before


def test_where_it_runs_may_change(pdb, half):
    simulate(pdb, half, SHORT, platform="CPU", checkpoint_interval="60 s")
    check_frames(half, 40, 0.2)


def test_changed_settings_begin_a_finished_run_anew(pdb, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    simulate(pdb, tmp_path, SHORT, production="2 ps")
    first = (tmp_path / "trajectory.xtc").read_bytes()
    record = simulate(pdb, tmp_path, SHORT, production="2 ps", temperature="310 K")
    assert "simulates anew, since there changed simulate.temperature from 300.0 to 310.0" in caplog.text
    assert record["resumptions"] == 0
    assert (tmp_path / "trajectory.xtc").read_bytes() != first


def test_a_finished_run_extends_and_never_changes_what_it_published(pdb, tmp_path, whole):
    simulate(pdb, tmp_path, SHORT, production="4 ps")
    published = tmp_path / "published.xtc"
    os.link(tmp_path / "trajectory.xtc", published)
    first = published.read_bytes()
    record = simulate(pdb, tmp_path, SHORT)
    assert published.read_bytes() == first
    assert same(tmp_path, whole)
    assert (tmp_path / "trajectory.xtc").read_bytes()[: len(first)] == first
    assert record["resumptions"] == 1
    # Asked for the same again, as Snakemake does after it deleted the outputs, it publishes what it has.
    for name in FILES:
        (tmp_path / name).unlink()
    assert simulate(pdb, tmp_path, SHORT)["resumptions"] == 1
    assert same(tmp_path, whole)


def test_a_shorter_production_is_the_first_frames(pdb, tmp_path, whole):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    record = simulate(pdb, tmp_path, SHORT, production="4 ps")
    check_frames(tmp_path, 20, 0.2)
    assert record["boundaries"] == [0, 20]
    first = (tmp_path / "trajectory.xtc").read_bytes()
    assert (whole / "trajectory.xtc").read_bytes()[: len(first)] == first
    simulate(pdb, tmp_path, SHORT)
    assert same(tmp_path, whole)


def test_frames_before_a_failure_stay(pdb, half, whole, monkeypatch):
    original = Engine.advance

    def advance(engine, context, steps, stage, last_good):
        if last_good > 5.9:
            positions = context.getState(positions=True).getPositions(asNumpy=True)._value
            positions[3] = np.nan
            context.setPositions(positions)
        return original(engine, context, steps, stage, last_good)

    monkeypatch.setattr(Engine, "advance", advance)
    with pytest.raises(SimulationError, match=r"last good time of 6 ps; largest forces then on \w+\d \w+, .*shorten"):
        simulate(pdb, half, SHORT, checkpoint_interval="1 h")
    with mdtraj.formats.XTCTrajectoryFile(str(half / "work" / "replica_1" / "trajectory.xtc")) as xtc:
        assert len(xtc.read()[0]) == 30
    assert newest(half)[0]["frames"] == 20
    monkeypatch.undo()
    simulate(pdb, half, SHORT)
    assert same(half, whole)


def test_replicas_follow_one_another(pdb, tmp_path, whole):
    settings = SHORT | {"starts": ["built", "alpha", "beta"]}
    record = simulate(pdb, tmp_path, settings, replicas=3, production="4 ps")
    check_frames(tmp_path, 60, 0.2)
    assert record["boundaries"] == [0, 20, 40, 60]
    assert record["production"]["frames"] == 60
    assert record["production"]["seconds"] == pytest.approx(sum(part["seconds"] for part in record["replicas"]))
    assert [part["start"] for part in record["replicas"]] == ["built", "alpha", "beta"]
    assert len({part["seed"] for part in record["replicas"]}) == 3
    merged = mdtraj.load(tmp_path / "trajectory.xtc", top=tmp_path / "topology.pdb")
    alone = mdtraj.load(whole / "trajectory.xtc", top=whole / "topology.pdb")
    assert np.array_equal(merged.xyz[:20], alone.xyz[:20])
    systems = [
        load_system(folder, json.loads((folder / "progress.json").read_text())["system"])
        for folder in sorted((tmp_path / "work").glob("replica_*"))
    ]
    psis = [
        mdtraj.compute_psi(mdtraj.Trajectory(system.positions[None], peptide_topology(system)))[1][0, 0]
        for system in systems
    ]
    np.testing.assert_allclose(np.rad2deg(psis[1:]), [-45, 130], atol=5)
    # Fewer replicas publish the first; longer ones extend each.
    assert simulate(pdb, tmp_path, settings, replicas=2)["boundaries"] == [0, 40, 80]
    check_frames(tmp_path, 80, 0.2)
    longer = mdtraj.load(tmp_path / "trajectory.xtc", top=tmp_path / "topology.pdb")
    assert np.array_equal(longer.xyz[40:60], merged.xyz[20:40])


def test_further_replicas_may_start_elsewhere(pdb, tmp_path):
    short = SHORT | {"starts": ["alpha", "beta"], "production": "2 ps"}
    simulate(pdb, tmp_path, short, replicas=2)
    before = mdtraj.load(tmp_path / "trajectory.xtc", top=tmp_path / "topology.pdb").xyz
    further = short | {"starts": ["alpha", "beta", "alpha gauche+", "beta trans"]}
    for _ in range(2):  # the second time there is nothing to do
        record = simulate(pdb, tmp_path, further, replicas=4)
        assert [part["start"] for part in record["replicas"]] == further["starts"]
        after = mdtraj.load(tmp_path / "trajectory.xtc", top=tmp_path / "topology.pdb").xyz
        assert len(after) == 2 * len(before)
        assert np.array_equal(after[: len(before)], before)
    # Where one that is there would have to start elsewhere, all are simulated anew.
    record = simulate(pdb, tmp_path, short | {"starts": ["beta"]}, replicas=1)
    assert record["replicas"][0]["start"] == "beta"
    assert not np.array_equal(
        mdtraj.load(tmp_path / "trajectory.xtc", top=tmp_path / "topology.pdb").xyz, before[: len(before) // 2]
    )


def test_a_replica_goes_on_too(pdb, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stopped_at(patch, 15)
        for expected in ("A replica 1", "A replica 2"):
            with pytest.raises(Interrupted, match=expected):
                simulate(pdb, tmp_path / "stopped", SHORT, replicas=2, production="4 ps")
    record = simulate(pdb, tmp_path / "stopped", SHORT, replicas=2, production="4 ps")
    assert [part["resumptions"] for part in record["replicas"]] == [1, 1]
    simulate(pdb, tmp_path / "whole", SHORT, replicas=2, production="4 ps")
    assert same(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.parametrize("settings", [WATER, SHORT])
def test_a_system_reads_back_as_it_was(pdb, tmp_path, settings):
    made = make_system(pdb, SimulateSettings(**settings))
    read = load_system(tmp_path, save_system(made, tmp_path))
    assert [atom.name for atom in read.topology.atoms()] == [atom.name for atom in made.topology.atoms()]
    bonds = [{frozenset(atom.index for atom in bond) for bond in system.topology.bonds()} for system in (made, read)]
    assert bonds[0] == bonds[1]
    assert peptide_topology(read) == peptide_topology(made)
    for name in ("positions", "peptide_atoms", "restrained_atoms", "peptide_bonds", "masses", "degrees_of_freedom"):
        assert np.array_equal(getattr(read, name), getattr(made, name))
    energies = []
    for system in (made, read):
        context = openmm.Context(
            system.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
        )
        context.setPositions(system.positions)
        state = context.getState(positions=True, velocities=True)
        context.setState(openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(state)))
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    assert energies[0] == energies[1]


def test_two_runs_do_not_share_a_folder(pdb, tmp_path):
    fcntl = pytest.importorskip("fcntl", reason="no POSIX locks on this system")
    (tmp_path / "work").mkdir()
    with open(tmp_path / "work" / "lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(SimulationError, match="another process simulates there"):
            simulate(pdb, tmp_path, SHORT)
