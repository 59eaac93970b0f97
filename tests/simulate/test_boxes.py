"""Peptides in one box of water go on after anything as one simulation by itself does, and are published one by one."""

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.io.disk import file_sha256
from jamun.io.files import MdFiles
from jamun.io.log import Interrupted
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.batched import simulate_batched_to_files
from jamun.simulate.engine import Engine
from jamun.simulate.jobs import batched_jobs
from jamun.simulate.run import Peptide
from jamun.simulate.system import SimulationError

SETTINGS = {
    "batched": True,
    "padding": "0.6 nm",
    "cutoff": "0.6 nm",
    "switch_distance": "0.5 nm",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "minimize_tolerance": "500 kJ/mol/nm",
    "equilibration": [{"ensemble": "NPT", "duration": "0.4 ps", "restrained": True}],
    "ensemble": "NVT",
    "production": "0.4 ps",
    "frame_interval": "0.04 ps",
    "platform": "CPU",
    "starts": ["alpha", "beta"],
}
NAMES = ("A", "GS")


@pytest.fixture(scope="module")
def pdbs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptides")
    for name in (*NAMES, "G"):
        build_to_files(parse_sequence(name), "capped", 7.0, folder / f"{name}.pdb", folder / f"{name}.json")
    return folder


def simulate(pdbs, folder, names=NAMES, **changes):
    """Simulate and return the peptides' records and trajectories."""
    settings = SimulateSettings(**SETTINGS | changes)
    found = []
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        files = MdFiles.in_folder(folder / name)
        found.append(Peptide(name, pdbs / f"{name}.pdb", settings, folder / "work" / name, files))
    simulate_batched_to_files(found, threads=1)
    return {
        p.name: (json.loads(p.files.record.read_text()), mdtraj.load(p.files.trajectory, top=p.files.topology))
        for p in found
    }


def points(folder):
    """The newest saved point of the box and of each member."""
    return {
        path.parent.relative_to(folder / "work"): json.loads(path.read_text())["points"][0]
        for path in (folder / "work").rglob("progress.json")
    }


@pytest.fixture(scope="module")
def made(pdbs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, simulate(pdbs, folder)


def test_published_as_if_each_had_run_by_itself(made):
    folder, results = made
    for name, (record, trajectory) in results.items():
        assert len(trajectory) == 10
        np.testing.assert_allclose(trajectory.time, 0.04 * np.arange(1, 11), rtol=1e-5)
        assert record["batched"] == 2
        assert record["n_atoms"] == record["n_peptide_atoms"] == trajectory.n_atoms  # no water in any file
        assert {residue.name for residue in trajectory.topology.residues} <= {"ACE", "NME", "ALA", "GLY", "SER"}
        bonds = np.array([[a.index, b.index] for a, b in trajectory.topology.bonds])
        lengths = np.linalg.norm(np.diff(trajectory.xyz[:, bonds], axis=2)[:, :, 0], axis=-1)
        assert 0.09 < lengths.min() < lengths.max() < 0.2  # whole, whatever the box
        assert record["stages"][0]["end"]["volume_nm3"] > 0
        rows = list(csv.DictReader((folder / name / "state.csv").open()))
        # Constant volume, which is told; the energy of one among many is not known.
        assert len({row["volume_nm3"] for row in rows}) == 1
        assert 0.5 < float(rows[0]["density_g_ml"]) < 1.2
        assert rows[0]["potential_kj_mol"] == ""
    starts = [mdtraj.compute_psi(trajectory[:1])[1][0, 0] for _, trajectory in results.values()]
    assert all(abs(psi - np.radians(-45)) < 1.4 for psi in starts)  # `alpha` is the first start of both, not `beta`


def test_goes_on_longer_and_others_get_a_box_of_their_own(pdbs, tmp_path):
    before = {name: trajectory.xyz for name, (_, trajectory) in simulate(pdbs, tmp_path).items()}
    results = simulate(pdbs, tmp_path, (*NAMES, "G"), production="0.6 ps")
    for name in NAMES:
        record, trajectory = results[name]
        assert record["boundaries"] == [0, 15]
        assert record["resumptions"] == 1
        np.testing.assert_array_equal(trajectory.xyz[:10], before[name])
    assert results["G"][0]["boundaries"] == [0, 15]
    assert len(list((tmp_path / "work" / "_boxes").iterdir())) == 2
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("state_*.xml")}
    results = simulate(pdbs, tmp_path, (*NAMES, "G"), production="0.4 ps")
    assert [len(trajectory) for _, trajectory in results.values()] == [10, 10, 10]
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("state_*.xml")}
    with pytest.raises(SimulationError, match=r"the box of GS lacks A/replica_1; ask for all"):
        simulate(pdbs, tmp_path, ("GS",), production="0.8 ps")
    # What is finished is simulated anew with other settings.
    record, _ = simulate(pdbs, tmp_path, ("G",), production="0.4 ps", friction="2 1/ps")["G"]
    assert record["resumptions"] == 0


def test_more_than_fit_are_in_boxes_alike(pdbs, tmp_path):
    results = simulate(pdbs, tmp_path, ("A", "G"), replicas=2, peptides_per_box=3, production="0.08 ps", equilibration=[
        {"ensemble": "NPT", "duration": "0.1 ps"}])  # fmt: skip
    boxes = [json.loads(path.read_text()) for path in (tmp_path / "work").rglob("members.json")]
    assert sorted(map(sorted, boxes)) == [["A/replica_1", "A/replica_2"], ["G/replica_1", "G/replica_2"]]
    assert [record["boundaries"] for record, _ in results.values()] == [[0, 2, 4], [0, 2, 4]]
    # They go on, also where their chains were saved with spaces in their names, which mmCIF cannot have.
    for progress in (tmp_path / "work" / "_boxes").rglob("progress.json"):
        topology = progress.with_name("topology.cif.gz")
        text = gzip.decompress(topology.read_bytes())
        assert b"A_replica_1" in text or b"G_replica_1" in text
        topology.write_bytes(gzip.compress(text.replace(b"_replica_", b" replica ")))
        for record in (progress, progress.with_name("progress_previous.json")):
            told = json.loads(record.read_text())
            told["system"]["topology.cif.gz"] = file_sha256(topology)
            record.write_text(json.dumps(told))
    results = simulate(pdbs, tmp_path, ("A", "G"), replicas=2, peptides_per_box=3, production="0.16 ps", equilibration=[
        {"ensemble": "NPT", "duration": "0.1 ps"}])  # fmt: skip
    for record, trajectory in results.values():
        assert (record["boundaries"], record["resumptions"]) == ([0, 4, 8], 2)
        assert len(trajectory) == 8


# On this platform a run gives the same numbers again, killed or not; but for a stop in the middle of an NPT stage,
# since OpenMM's checkpoints leave out how long ago its barostat last changed the volume.
EXACT = {
    "platform": "Reference",
    "equilibration": [
        {"ensemble": "NPT", "duration": "0.2 ps", "restrained": True},
        {"ensemble": "NVT", "duration": "0.12 ps"},
    ],
    "production": "0.24 ps",
    "checkpoint_interval": "1e-6 s",
}


@pytest.fixture(scope="module")
def whole(pdbs, tmp_path_factory):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    simulate(pdbs, folder, **EXACT)
    return folder


def same(one, other):
    files = [f"{name}/{file}" for name in NAMES for file in ("trajectory.xtc", "state.csv", "topology.pdb")]
    return [name for name in files if (one / name).read_bytes() != (other / name).read_bytes()] == []


def stopped_at(monkeypatch, stage_name, calls):
    """Ask a run to stop when it has run so many pieces of a stage."""
    step, seen = Engine.step, []

    def stopping(self, context, steps, stage, last_good):
        if stage.name == stage_name:
            seen.append(steps)
            if len(seen) == calls:
                signal.raise_signal(signal.SIGTERM)
        step(self, context, steps, stage, last_good)

    monkeypatch.setattr(Engine, "step", stopping)


def test_stopped_or_damaged_it_goes_on_to_the_bit(pdbs, whole, tmp_path, monkeypatch):
    """Stopped while it equilibrates and in its production; then the newest state of the box is damaged, so that the
    box goes back to the one before, and its members with it."""
    for stage, calls in (("equilibration_2_nvt", 1), ("production", 3)):
        with monkeypatch.context() as patch:
            stopped_at(patch, stage, calls)
            with pytest.raises(Interrupted, match="all of it saved"):
                simulate(pdbs, tmp_path, **EXACT)
        assert {point["stage"] for point in points(tmp_path).values()} == {stage}
    (steps,) = {point["steps"] for point in points(tmp_path).values()}
    assert steps > 0
    (box,) = (tmp_path / "work" / "_boxes").iterdir()
    newest = json.loads((box / "progress.json").read_text())["points"][0]
    for name in ("xml", "checkpoint"):
        (box / newest[name]).write_bytes(b"torn")
    results = simulate(pdbs, tmp_path, **EXACT)
    assert same(tmp_path, whole)
    assert {record["resumptions"] for record, _ in results.values()} == {2}


def kill_and_go_on(pdbs, folder, kills, draw, **changes):
    """Kill a run so many times, each at a random moment after some more states were saved."""
    folder.mkdir(exist_ok=True)
    script = folder / "run.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\nfrom pathlib import Path\n"
        "from tests.simulate.test_boxes import simulate\n"
        f"simulate(Path({str(pdbs)!r}), Path({str(folder)!r}), **{EXACT | changes!r})\n"
    )

    def saves():
        records = [json.loads(path.read_text()) for path in (folder / "work").rglob("progress.json")]
        return sum(record["generation"] for record in records)

    for _ in range(kills):
        before, more = saves(), draw.integers(1, 9)
        process = subprocess.Popen([sys.executable, script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and saves() < before + more:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.05))
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.wait()


def test_killed_it_loses_nothing(pdbs, whole, tmp_path):
    """SIGKILL at any moment, in the middle of saving too, and to the bit the same comes out."""
    kill_and_go_on(pdbs, tmp_path, 2, np.random.default_rng(0))
    simulate(pdbs, tmp_path, **EXACT)
    assert same(tmp_path, whole)


@pytest.mark.full
def test_killed_many_times(pdbs, tmp_path):
    settings = EXACT | {"production": "2.4 ps"}
    kill_and_go_on(pdbs, tmp_path / "killed", 20, np.random.default_rng(1), production="2.4 ps")
    simulate(pdbs, tmp_path / "killed", **settings)
    simulate(pdbs, tmp_path / "whole", **settings)
    assert same(tmp_path / "killed", tmp_path / "whole")


def test_a_box_that_blows_up_says_so(pdbs, tmp_path, monkeypatch):
    """Its members are named, and frames before are kept."""
    advance = Engine.advance

    def torn(self, context, steps, stage, last_good):
        if stage.name == "production" and last_good > 0.1:
            positions = context.getState(positions=True).getPositions(asNumpy=True)
            positions[0] *= np.nan
            context.setPositions(positions)
        return advance(self, context, steps, stage, last_good)

    monkeypatch.setattr(Engine, "advance", torn)
    with pytest.raises(SimulationError, match=r"A to GS \(2 batched\), production: .* last good time of 0\.12 ps"):
        simulate(pdbs, tmp_path, checkpoint_interval="1 h")
    for name in NAMES:
        with mdtraj.formats.XTCTrajectoryFile(str(tmp_path / "work" / name / "replica_1" / "trajectory.xtc")) as xtc:
            assert len(xtc) == 3
    monkeypatch.undo()
    assert len(simulate(pdbs, tmp_path)["A"][1]) == 10


def test_boxes_are_jobs():
    """Peptides in their order, as many as fit; of one with more replicas than fit a job of its own."""
    one = SimulateSettings(**SETTINGS | {"peptides_per_box": 4})
    many = one.model_copy(update={"replicas": 6})
    other = one.model_copy(update={"friction": 2.0})
    names = [f"P{number}" for number in range(9)]
    jobs = batched_jobs(dict.fromkeys(names, one) | {"MANY": many, "OTHER": other})
    assert ["OTHER"] in jobs
    assert ["MANY"] in jobs
    packs = [job for job in jobs if job[0].startswith("P")]
    assert [name for pack in packs for name in pack] == names
    assert all(len(pack) <= 4 for pack in packs)
    assert [len(pack) for pack in batched_jobs(dict.fromkeys(names, one))] == [3, 3, 3]


@pytest.mark.skipif("CUDA" not in [openmm.Platform.getPlatform(i).getName() for i in
                                   range(openmm.Platform.getNumPlatforms())], reason="no CUDA")  # fmt: skip
def test_on_a_gpu(pdbs, tmp_path):
    results = simulate(pdbs, tmp_path, replicas=8, platform="CUDA", production="4 ps", frame_interval="0.4 ps")
    assert all(record["batched"] == 16 for record, _ in results.values())
