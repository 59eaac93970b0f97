"""Many simulations in one system: forces, motion and files are those of each alone, and none is ever lost."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import unit
from pydantic import ValidationError

from jamun.config.simulate import SimulateSettings
from jamun.io.files import MdFiles
from jamun.io.log import Interrupted
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.batch import DRIFT, ApartBatch, cutoff_of, sites
from jamun.simulate.batched import simulate_batched_to_files
from jamun.simulate.benchmark_single import benchmark_single_to_file, record_single
from jamun.simulate.engine import Engine
from jamun.simulate.identity import differences, identity
from jamun.simulate.jobs import batched_jobs
from jamun.simulate.output import thermodynamics
from jamun.simulate.run import Peptide, simulate_to_files
from jamun.simulate.system import SimulationError, make_system

SETTINGS = {
    "solvent": "implicit",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [
        {"ensemble": "NVT", "duration": "0.4 ps", "restrained": True},
        {"ensemble": "NVT", "duration": "2 ps", "temperature": "600 K"},
    ],
    "ensemble": "NVT",
    "production": "4 ps",
    "frame_interval": "0.4 ps",
    "replicas": 2,
    "starts": ["alpha", "beta"],
    "platform": "Reference",
    "batched": True,
}
NAMES = ("AS", "GW")


@pytest.fixture(scope="module")
def pdbs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptides")
    for name in (*NAMES, "GP"):
        build_to_files(parse_sequence(name), "capped", 7.0, folder / f"{name}.pdb", folder / f"{name}.json")
    return folder


def peptides(pdbs: Path, folder: Path, names=NAMES, **changes) -> list[Peptide]:
    settings = SimulateSettings(**SETTINGS | changes)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [
        Peptide(
            name,
            pdbs / f"{name}.pdb",
            settings,
            folder / "work" / name,
            MdFiles.in_folder(folder / name),
        )
        for name in names
    ]


def read(peptide: Peptide) -> tuple[dict, mdtraj.Trajectory]:
    files = peptide.files
    return json.loads(files.record.read_text()), mdtraj.load(str(files.trajectory), top=str(files.topology))


@pytest.fixture(scope="module", params=["amber99sbildn", "amber14"])
def members(pdbs, request):
    """Of either force field: OBC2 is a force that OpenMM knows, OBC1 one that is written out for it."""
    settings = SimulateSettings(**SETTINGS | {"forcefield": request.param})
    return [make_system(pdbs / f"{name}.pdb", settings, start) for name in NAMES for start in ("alpha", "beta")]


@pytest.fixture(scope="module")
def batch(members):
    return ApartBatch(members, ["one", "two", "three", "four"])


@pytest.fixture(scope="module")
def made(pdbs, tmp_path_factory):
    found = peptides(pdbs, tmp_path_factory.mktemp("made"))
    simulate_batched_to_files(found, threads=1)
    return found


def forces_and_energy(system, positions):
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    state = context.getState(forces=True, energy=True)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return np.array(state.getForces(asNumpy=True)._value), energy


def test_forces_are_those_of_each_alone(batch, members):
    """To 1e-6 of the largest, also where peptides are stretched and have drifted as far as they may."""
    rng = np.random.default_rng(0)
    stretched = [member.positions * 1.2 + rng.normal(0, 0.01, member.positions.shape) for member in members]
    pushed = [positions + DRIFT / 2 * np.eye(3)[place % 3] for place, positions in enumerate(stretched)]
    for own in ([member.positions for member in members], stretched):
        together_positions = batch.at_sites(np.concatenate(own))
        forces, _ = forces_and_energy(batch.solvated.system, together_positions)
        for member, positions, part in zip(members, own, batch.parts.slices, strict=True):
            alone, _ = forces_and_energy(member.system, positions)
            np.testing.assert_allclose(forces[part], alone, atol=1e-6 * abs(alone).max())
    drifted = batch.at_sites(np.concatenate(stretched)) + np.concatenate(pushed) - np.concatenate(stretched)
    moved, _ = forces_and_energy(batch.solvated.system, drifted)
    np.testing.assert_allclose(moved, forces, atol=1e-6 * abs(forces).max())


def test_energy_differs_from_the_sum_by_a_constant(batch, members):
    rng = np.random.default_rng(1)
    differences_found = []
    for _ in range(3):
        own = [member.positions + rng.normal(0, 0.005, member.positions.shape) for member in members]
        _, whole = forces_and_energy(batch.solvated.system, batch.at_sites(np.concatenate(own)))
        alone = [forces_and_energy(m.system, positions)[1] for m, positions in zip(members, own, strict=True)]
        differences_found.append(whole - sum(alone))
    np.testing.assert_allclose(differences_found, differences_found[0], atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 27, 100])
def test_sites_are_farther_apart_than_anything_reaches(count):
    """Two cutoffs and the drift of both: then no atom of one is within a cutoff of an atom of another."""
    places = sites(count, 2.0)
    assert places.shape == (count, 3)
    np.testing.assert_allclose(places.max(0) + places.min(0), 0, atol=4 + 2 * DRIFT)
    if count > 1:
        distances = np.linalg.norm(places[:, None] - places[None], axis=-1)[~np.eye(count, dtype=bool)]
        assert distances.min() == pytest.approx(2 * 2.0 + 2 * DRIFT)


def test_no_two_atoms_of_a_peptide_can_be_a_cutoff_apart(members):
    for member in members:
        spread = np.linalg.norm(member.positions[:, None] - member.positions[None], axis=-1).max()
        assert 1.2 * spread < cutoff_of([member])


def test_carried_to_its_site_a_member_stays_as_it_was(batch):
    rng = np.random.default_rng(2)
    positions = batch.solvated.positions + rng.normal(0, 0.02, batch.solvated.positions.shape)
    moved = positions + np.repeat(
        rng.normal(0, 0.5, (4, 3)), [part.stop - part.start for part in batch.parts.slices], axis=0
    )
    assert batch.drift(moved) > 0.1
    back = batch.at_sites(moved)
    assert batch.drift(back) < 1e-9
    np.testing.assert_allclose(back, batch.at_sites(positions), atol=1e-9)


def test_kinetic_energy_is_that_of_a_simulation_alone(batch, members):
    """Of a member whose centre of mass is at rest, OpenMM's; and moving all of it adds nothing."""
    platform = openmm.Platform.getPlatformByName("Reference")
    expected, velocities = [], []
    for seed, member in enumerate(members, 1):
        context = openmm.Context(member.system, openmm.VerletIntegrator(1e-9), platform)
        context.setPositions(member.positions)
        context.setVelocitiesToTemperature(300.0, seed)
        state = context.getState(velocities=True)
        own = state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)
        masses = np.array([member.system.getParticleMass(i)._value for i in range(len(own))])
        own = own - (own * masses[:, None]).sum(0) / masses.sum()
        context.setVelocities(own)
        expected.append(thermodynamics(context, member, 0.0)["kinetic_kj_mol"])
        velocities.append(own + np.array([0.3, -0.2, 0.1]))
    np.testing.assert_allclose(batch.parts.kinetic_energies(np.concatenate(velocities)), expected, rtol=1e-6)


def test_published_as_if_each_had_run_alone(made, pdbs, tmp_path):
    for peptide in made:
        record, trajectory = read(peptide)
        assert record["boundaries"] == [0, 10, 20]
        assert record["batched"] == 4
        assert [replica["start"] for replica in record["replicas"]] == ["alpha", "beta"]
        assert [stage["restrained"] for stage in record["stages"]] == [True, False]
        assert len(trajectory) == 20
        np.testing.assert_allclose(trajectory.time, 0.4 * np.arange(1, 21), rtol=1e-5)
        # The two replicas began at different backbones, and XTC holds them whole.
        assert np.ptp(mdtraj.compute_psi(trajectory)[1][[0, 10], 0]) > 1.0
    alone = tmp_path / "alone"
    alone.mkdir()
    files = MdFiles.in_folder(alone)
    settings = SimulateSettings(**SETTINGS | {"batched": False})
    simulate_to_files(Peptide("AS", pdbs / "AS.pdb", settings, alone / "work", files), threads=1)
    first, second = files.topology.read_text().splitlines(), made[0].files.topology.read_text().splitlines()
    assert [line[:30] for line in first if line.startswith("ATOM")] == [
        line[:30] for line in second if line.startswith("ATOM")
    ]
    assert json.loads(files.record.read_text()).keys() == read(made[0])[0].keys()


def test_the_thermostat_has_the_temperature_of_each_stage(pdbs, tmp_path):
    """At 600 K to the end of the stage, and 300 K in the production, each member's within its own spread."""
    hot = [{"ensemble": "NVT", "duration": "4 ps", "temperature": "600 K"}]
    found = peptides(
        pdbs, tmp_path, replicas=6, equilibration=hot, production="8 ps", friction="20 1/ps", starts=["beta"]
    )
    simulate_batched_to_files(found, threads=1)
    ends, kelvin = [], []
    for peptide in found:
        record, _ = read(peptide)
        ends += [replica["stages"][0]["end"]["temperature_k"] for replica in record["replicas"]]
        rows = np.genfromtxt(peptide.files.state, delimiter=",", names=True)
        kelvin += rows["temperature_k"].tolist()
        assert np.isnan(rows["potential_kj_mol"]).all()
    # Twelve members of some 60 degrees of freedom: 600 +- 110 each, and their mean to +- 32.
    assert np.mean(ends) == pytest.approx(600, abs=130)
    assert np.mean(kelvin) == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / 60 / len(kelvin)) + 6)


def test_goes_on_longer_and_lets_others_join(made, pdbs, tmp_path):
    """A finished simulation is extended, frames before stay; one that joins later is first brought level."""
    first = peptides(pdbs, tmp_path, ("AS",))
    simulate_batched_to_files(first, threads=1)
    before = read(first[0])[1].xyz
    both = peptides(pdbs, tmp_path, production="6 ps")
    simulate_batched_to_files(both, threads=1)
    record, trajectory = read(both[0])
    assert record["boundaries"] == [0, 15, 30]
    assert record["batched"] == 4
    np.testing.assert_array_equal(trajectory.xyz[:10], before[:10])
    np.testing.assert_array_equal(trajectory.xyz[15:25], before[10:])
    assert read(both[1])[0]["boundaries"] == [0, 15, 30]
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "work").rglob("trajectory.xtc"))]
    simulate_batched_to_files(peptides(pdbs, tmp_path, production="4 ps"), threads=1)
    assert read(both[0])[0]["boundaries"] == [0, 10, 20]
    assert times == [path.stat().st_mtime_ns for path in sorted((tmp_path / "work").rglob("trajectory.xtc"))]


def test_goes_on_with_what_ran_alone_and_back(pdbs, tmp_path):
    (peptide,) = peptides(pdbs, tmp_path, ("AS",))
    alone = SimulateSettings(**SETTINGS | {"batched": False})
    simulate_to_files(replace(peptide, settings=alone), threads=1)
    before = read(peptide)[1].xyz
    (longer,) = peptides(pdbs, tmp_path, ("AS",), production="6 ps")
    simulate_batched_to_files([longer], threads=1)
    np.testing.assert_array_equal(read(longer)[1].xyz[:10], before[:10])
    longest = SimulateSettings(**SETTINGS | {"batched": False, "production": "8 ps"})
    middle = read(longer)[1].xyz
    simulate_to_files(replace(peptide, settings=longest), threads=1)
    record, trajectory = read(peptide)
    assert record["boundaries"] == [0, 20, 40]
    assert record["batched"] is None
    np.testing.assert_array_equal(trajectory.xyz[:15], middle[:15])
    # No jump where one way of running goes over into the other: frames next to each other are near each other.
    steps = np.linalg.norm(np.diff(trajectory.superpose(trajectory, 0).xyz[:20], axis=0), axis=-1).mean(1)
    assert steps[9] < 2 * np.median(steps)
    assert steps[14] < 2 * np.median(steps)


def test_stopped_it_goes_on_where_it_was(pdbs, tmp_path, monkeypatch):
    """A request to stop saves every member at the same step, and the same call goes on from there to the end."""
    found = peptides(pdbs, tmp_path, production="40 ps", equilibration=[])
    advance, seen = Engine.advance, []

    def stopping(self, context, steps, stage, last_good):
        seen.append(steps)
        if len(seen) == 7:
            signal.raise_signal(signal.SIGTERM)
        return advance(self, context, steps, stage, last_good)

    monkeypatch.setattr(Engine, "advance", stopping)
    with pytest.raises(Interrupted, match="all of it saved"):
        simulate_batched_to_files(found, threads=1)
    monkeypatch.undo()
    points = [json.loads(path.read_text())["points"][0] for path in (tmp_path / "work").rglob("progress.json")]
    assert len(points) == 4
    assert {(point["stage"], point["frames"]) for point in points} == {("production", 7)}
    simulate_batched_to_files(found, threads=1)
    for peptide in found:
        record, trajectory = read(peptide)
        assert len(trajectory) == 200
        assert record["resumptions"] == 2
        assert np.isfinite(trajectory.xyz).all()


def test_killed_it_loses_no_saved_frame(pdbs, tmp_path):
    """SIGKILL at any moment, in the middle of saving too: members that were saved and members that were not are brought
    level again, and every frame that had been saved is in the result."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "from tests.simulate.test_batched import peptides, simulate_batched_to_files\n"
        f"simulate_batched_to_files(peptides(Path({str(pdbs)!r}), Path({str(tmp_path)!r}), production='24 ps', "
        "equilibration=[], checkpoint_interval='0.05 s'), threads=1)\n"
    )
    rng = np.random.default_rng(3)
    for _ in range(2):
        process = subprocess.Popen([sys.executable, script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            states = list((tmp_path / "work").rglob("state_*.xml"))
            if len(states) >= 4:
                break
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
    saved = {
        path.parent: json.loads(path.read_text())["points"][0]["frames"]
        for path in (tmp_path / "work").rglob("progress.json")
    }
    assert len(saved) == 4
    assert max(saved.values()) > 0
    before = {}
    for folder, frames in saved.items():
        if frames:
            with mdtraj.formats.XTCTrajectoryFile(str(folder / "trajectory.xtc")) as xtc:
                before[folder] = xtc.read(frames)[0]
    found = peptides(pdbs, tmp_path, production="24 ps", equilibration=[])
    simulate_batched_to_files(found, threads=1)
    for peptide in found:
        _, trajectory = read(peptide)
        assert len(trajectory) == 120
        for place, folder in enumerate((peptide.work / "replica_1", peptide.work / "replica_2")):
            if folder in before:
                start = 60 * place
                np.testing.assert_array_equal(trajectory.xyz[start : start + len(before[folder])], before[folder])


def test_refuses_what_it_cannot_simulate(pdbs, tmp_path):
    one, two = peptides(pdbs, tmp_path)[:1], peptides(pdbs, tmp_path, friction="2 1/ps")[1:]
    with pytest.raises(SimulationError, match="AS and GW cannot be batched"):
        simulate_batched_to_files(one + two, threads=1)
    with pytest.raises(ValidationError, match="produces at constant volume: set ensemble to NVT"):
        SimulateSettings(batched=True)
    with pytest.raises(ValidationError, match="needs a stage that brings the box to its density"):
        SimulateSettings(batched=True, ensemble="NVT", equilibration=[])
    with pytest.raises(ValidationError, match="together is called batched now"):
        SimulateSettings(**SETTINGS | {"together": True})
    settings = SimulateSettings(**SETTINGS | {"forcefield": "amber14"})
    same, other = (make_system(pdbs / "AS.pdb", settings) for _ in range(2))
    (born,) = (force for force in other.system.getForces() if isinstance(force, openmm.CustomGBForce))
    born.addGlobalParameter("salt", 1.0)
    with pytest.raises(SimulationError, match=r"same function for every peptide; turn simulate\.batched off"):
        ApartBatch([same, other], ["one", "two"])
    other.system.addForce(openmm.CMAPTorsionForce())
    with pytest.raises(SimulationError, match=r"not know OpenMM's CMAPTorsionForce"):
        ApartBatch([other, other], ["one", "two"])


def test_a_peptide_that_is_torn_is_named(pdbs, tmp_path):
    """In an error of many, which of them and which atom."""
    found = peptides(pdbs, tmp_path, timestep="5 fs", frame_interval="0.4 ps", equilibration=[
        {"ensemble": "NVT", "duration": "50 ps", "temperature": "1000 K"},
    ], friction="0.01 1/ps", hydrogen_mass="2.5 amu", minimize_tolerance="100000 kJ/mol/nm")  # fmt: skip
    for peptide in found:
        lines = peptide.pdb.read_text().splitlines(keepends=True)
        torn = [line[:30] + f"{9.0:8.3f}" + line[38:] if line[12:16] == " CB " else line for line in lines]
        (tmp_path / peptide.pdb.name).write_text("".join(torn))
    broken = [
        Peptide(p.name, tmp_path / p.pdb.name, p.settings.model_copy(update={"starts": ["built"]}), p.work, p.files)
        for p in found
    ]
    with pytest.raises(SimulationError, match=r"AS replica 1 to GW replica 2 \(4 batched\)"):
        simulate_batched_to_files(broken, threads=1)


def test_peptides_of_the_same_settings_are_grouped():
    """By all settings but how many replicas there are and where they start."""
    one = SimulateSettings(**SETTINGS)
    many = SimulateSettings(**SETTINGS | {"replicas": 64, "starts": ["beta"]})
    other = SimulateSettings(**SETTINGS | {"friction": "2 1/ps"})
    off = SimulateSettings(**SETTINGS | {"batched": False})
    groups = batched_jobs({"AA": one, "AC": other, "AD": off, "AE": many, "AF": other})
    assert groups == [["AA", "AE"], ["AC", "AF"]]


def test_the_wall_clock_alone_replaces_that_of_all(made, tmp_path):
    """The record that samples are held against: all else is as it was, and as it was is kept."""
    record, _ = read(made[0])
    measured = {"platform": "CPU", "threads": 2, "picoseconds": 50.0, "seconds": 5.0, "ns_per_day": 864.0}
    alone = record_single(record, measured)
    assert alone["production"]["seconds_per_frame"] == pytest.approx(0.04)  # 0.4 ps at 10 ps/s
    assert alone["production"]["seconds"] == pytest.approx(0.8)  # 20 frames
    assert (alone["platform"], alone["threads"]) == ("CPU", 2)
    assert alone["batched"]["production"] == record["production"]
    assert alone["batched"]["simulations"] == 4
    assert alone["boundaries"] == record["boundaries"]
    target = tmp_path / "benchmark_single.json"
    benchmark_single_to_file(made[0].pdb, "AS", made[0].settings, made[0].files.record, target, threads=1, seconds=0.5)
    found = json.loads(target.read_text())
    assert found["single"]["seconds"] >= 0.5
    assert found["production"]["ns_per_day"] == pytest.approx(
        found["single"]["picoseconds"] * 86.4 / found["single"]["seconds"]
    )


def test_a_stage_without_a_temperature_of_its_own_is_the_stage_of_before(pdbs):
    """Work folders from before stages had temperatures go on; another temperature is another simulation."""
    settings = SimulateSettings(**SETTINGS | {"equilibration": [{"ensemble": "NVT", "duration": "2 ps"}]})
    now = identity(pdbs / "AS.pdb", "AS", settings)
    before = json.loads(json.dumps(now))
    for stage in before["settings"]["equilibration"]:
        del stage["temperature"]
    assert differences(before, now, 0) == []
    hot = SimulateSettings(**SETTINGS)
    assert "simulate.equilibration" in differences(before, identity(pdbs / "AS.pdb", "AS", hot), 0)[0]
