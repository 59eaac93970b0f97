"""Simulations on real systems: ensembles, restraints, files, errors."""

import csv
import errno
import json
import os
from pathlib import Path

import mdtraj
import numpy as np
import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.io.files import MdFiles
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.engine import Engine
from jamun.simulate.platform import choose, is_processor
from jamun.simulate.protocol import PhaseSpace, Stage, equilibration_stages, phase_space
from jamun.simulate.run import Peptide, simulate_to_files
from jamun.simulate.system import SimulationError, make_system, shortest_height

WATER = {
    "padding": "0.75 nm",
    "box": "dodecahedron",
    "cutoff": "0.65 nm",
    "switch_distance": "0.55 nm",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [{"ensemble": "NPT", "duration": "2 ps", "restrained": True}],
    "production": "2 ps",
    "frame_interval": "0.1 ps",
    "platform": "CPU",
}
IMPLICIT = {
    "solvent": "implicit",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [{"ensemble": "NVT", "duration": "2 ps"}],
    "ensemble": "NVT",
    "production": "200 ps",
    "frame_interval": "0.2 ps",
}


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AS"), "capped", 7.0, folder / "AS.pdb", folder / "AS.json")
    return folder / "AS.pdb"


def simulate(pdb: Path, folder: Path, settings: SimulateSettings, name: str = "AS") -> dict:
    simulate_to_files(Peptide(name, pdb, settings, folder / "work", MdFiles.in_folder(folder)), threads=2)
    return json.loads((folder / "md.json").read_text())


@pytest.fixture(scope="module")
def solvated(pdb):
    settings = SimulateSettings(**WATER)
    platform, properties = choose(settings, 2)
    system = make_system(pdb, settings)
    return system, settings, platform, properties, Engine(system, settings, 0, platform, properties, "AS").minimised()


@pytest.fixture(scope="module")
def in_water(pdb, tmp_path_factory):
    folder = tmp_path_factory.mktemp("water")
    return folder, simulate(pdb, folder, SimulateSettings(**WATER))


@pytest.fixture(scope="module")
def in_implicit(pdb, tmp_path_factory):
    folder = tmp_path_factory.mktemp("implicit")
    return folder, simulate(pdb, folder, SimulateSettings(**IMPLICIT))


def run_stage(solvated, ensemble, restrained, frames=20, steps=25):
    """Positions and box volumes along a stage started at the minimum."""
    system, settings, platform, properties, start = solvated
    stage = Stage("test", ensemble, frames * steps, restrained, 300.0)
    context = Engine(system, settings, 7, platform, properties, "AS").context(stage, start)
    positions, volumes = [], []
    for _ in range(frames):
        context.getIntegrator().step(steps)
        state = phase_space(context)
        positions.append(state.positions)
        volumes.append(abs(np.linalg.det(state.box)))
    return np.array(positions), np.array(volumes)


def test_restraints_hold_the_whole_peptide_and_release_it(solvated):
    system, settings, *_, start = solvated
    names = [atom.residue.name for atom in system.topology.atoms()]
    assert {names[atom] for atom in system.restrained_atoms} == {"ACE", "ALA", "SER", "NME"}
    held, _ = run_stage(solvated, "NVT", restrained=True)
    free, _ = run_stage(solvated, "NVT", restrained=False)

    def square_displacement(positions):
        moved = positions[8:, system.restrained_atoms] - start.positions[system.restrained_atoms]
        return (moved**2).sum(-1).mean()

    # A bare harmonic restraint has <|r - r0|^2> = 3 kT/k; bonds between restrained atoms only make it smaller.
    free_atom = 3 * 8.314e-3 * settings.temperature / settings.restraint_constant
    assert 0.1 * free_atom < square_displacement(held) < 1.3 * free_atom
    assert square_displacement(free) > 3 * square_displacement(held)


def test_the_box_breathes_in_npt_and_not_in_nvt(solvated):
    _, constant = run_stage(solvated, "NVT", restrained=False, frames=5)
    _, breathing = run_stage(solvated, "NPT", restrained=False, frames=20, steps=50)
    assert np.ptp(constant) == 0
    assert len(np.unique(breathing)) > 5
    assert 0.001 < np.ptp(breathing) / breathing.mean() < 0.3


def test_frames_are_asked_for_and_whole(in_water):
    folder, record = in_water
    trajectory = mdtraj.load(folder / "trajectory.xtc", top=folder / "topology.pdb")
    assert trajectory.n_frames == record["production"]["frames"] == 20
    np.testing.assert_allclose(trajectory.time, 0.1 * np.arange(1, 21), rtol=1e-5)
    assert {residue.name for residue in trajectory.topology.residues} == {"ACE", "ALA", "SER", "NME"}
    pairs = np.array([(bond.atom1.index, bond.atom2.index) for bond in trajectory.topology.bonds])
    assert len(pairs) == trajectory.n_atoms - 1  # a tree: no ring in this peptide
    lengths = np.linalg.norm(trajectory.xyz[:, pairs[:, 0]] - trajectory.xyz[:, pairs[:, 1]], axis=-1)
    assert lengths.min() > 0.09
    assert lengths.max() < 0.17


def test_a_peptide_that_crosses_the_boundary_stays_whole(solvated):
    system, settings, platform, properties, start = solvated
    stage = Stage("test", "NPT", 50, False, 300.0)
    # Everything moves such that the peptide's centre is a corner of the box.
    moved = PhaseSpace(start.positions - start.positions[system.peptide_atoms].mean(0), None, start.box)
    engine = Engine(system, settings, 7, platform, properties, "AS")
    context = engine.context(stage, moved)
    positions = engine.advance(context, 50, stage, 0.0)
    cells = np.floor(positions[system.peptide_atoms] @ np.linalg.inv(phase_space(context).box))
    assert len(np.unique(cells, axis=0)) > 1
    first, second = system.peptide_bonds.T
    assert np.linalg.norm(positions[first] - positions[second], axis=1).max() < 0.17
    torn = positions.copy()
    torn[4:12] += phase_space(context).box[0]
    with pytest.raises(SimulationError, match=r"the bond between .* nm long after the last good time of 5 ps"):
        engine.require_whole(torn, stage, 5.0)


def test_record_and_state(in_water):
    folder, record = in_water
    assert record["platform"] == "CPU"
    assert record["settings"]["timestep"] == 4.0
    assert record["boundaries"] == [0, 20]
    assert record["n_peptide_atoms"] == mdtraj.load(folder / "topology.pdb").n_atoms < record["n_atoms"]
    assert record["production"]["seconds_per_frame"] * 20 == pytest.approx(record["production"]["seconds"])
    assert [stage["name"] for stage in record["stages"]] == ["equilibration_1_restrained_npt"]
    rows = list(csv.DictReader((folder / "state.csv").open()))
    assert [float(row["time_ps"]) for row in rows] == [1.0, 2.0]
    # TIP3P at 300 K and 1 bar has 0.98 to 0.985 g/ml; a peptide in a small box, barely equilibrated, is near it.
    assert all(0.85 < float(row["density_g_ml"]) < 1.12 for row in rows)
    assert record["replicas"][0]["start"] == "built"
    assert record["resumptions"] == 0
    # The folder to extend from stays, and holds the published files without holding them twice.
    kept = folder / "work" / "replica_1"
    assert all((kept / name).samefile(folder / name) for name in ("trajectory.xtc", "state.csv"))


def test_temperature_within_its_expected_error(in_implicit):
    folder, record = in_implicit
    assert record["platform"] == "Reference"
    rows = list(csv.DictReader((folder / "state.csv").open()))
    temperatures = np.array([float(row["temperature_k"]) for row in rows])
    # Kinetic temperature of n degrees of freedom has variance 2 T^2 / n. Rows 2 ps apart are independent at 1/ps.
    hydrogens = sum(atom.element.symbol == "H" for atom in mdtraj.load(folder / "topology.pdb").topology.atoms)
    freedom = 3 * record["n_atoms"] - hydrogens - 3
    error = 300 * np.sqrt(2 / freedom / len(temperatures))
    assert len(temperatures) == 100
    assert abs(temperatures.mean() - 300) < 4 * error
    # The variance of a variance estimated from m values is 2/m of its square.
    assert abs(temperatures.var() / (2 * 300**2 / freedom) - 1) < 4 * np.sqrt(2 / len(temperatures))
    assert rows[0]["density_g_ml"] == ""


def test_same_seed_same_trajectory_other_seed_another(pdb, tmp_path):
    short = IMPLICIT | {"production": "1 ps"}
    frames = []
    for place, seed in enumerate((3, 3, 4)):
        simulate(pdb, tmp_path / str(place), SimulateSettings(**short, seed=seed))
        frames.append(mdtraj.load(tmp_path / str(place) / "trajectory.xtc", top=pdb).xyz)
    assert np.array_equal(frames[0], frames[1])
    assert not np.allclose(frames[0], frames[2])


def test_degrees_of_freedom_leave_out_constraints(solvated):
    system = solvated[0].system
    waters = (system.getNumParticles() - len(solvated[0].peptide_atoms)) // 3
    hydrogens = sum(atom.element.symbol == "H" for atom in list(solvated[0].topology.atoms())[: -3 * waters or None])
    expected = 3 * system.getNumParticles() - 3 * waters - hydrogens - 3
    assert solvated[0].degrees_of_freedom == expected


def test_salt_and_charge(tmp_path):
    build_to_files(parse_sequence("K"), "capped", 7.0, tmp_path / "K.pdb", tmp_path / "K.json")
    system = make_system(
        tmp_path / "K.pdb", SimulateSettings(**(WATER | {"ionic_strength": "0.3 M", "padding": "1 nm"}))
    )
    names = [residue.name for residue in system.topology.residues()]
    assert names.count("CL") == names.count("NA") + 1 > 1
    charge = next(force for force in system.system.getForces() if isinstance(force, openmm.NonbondedForce))
    total = sum(charge.getParticleParameters(index)[0]._value for index in range(charge.getNumParticles()))
    assert total == pytest.approx(0, abs=1e-6)


def test_box_height():
    assert shortest_height(np.diag([2.0, 3.0, 4.0])) == pytest.approx(2.0)
    truncated = 3.0 * np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, np.sqrt(0.5)]])
    assert shortest_height(truncated) == pytest.approx(3.0 * np.sqrt(0.5))


def test_small_box_is_refused(pdb):
    with pytest.raises(SimulationError, match="too small for a cutoff"):
        make_system(pdb, SimulateSettings(**(WATER | {"padding": 0.3, "cutoff": 1.2, "switch_distance": 1.0})))


def test_missing_platform_is_refused():
    with pytest.raises(SimulationError, match="does not run on this machine"):
        choose(SimulateSettings(platform="OpenCL"), 1)


def test_a_text_file_is_no_peptide(tmp_path):
    (tmp_path / "x.pdb").write_text("hello\n")
    with pytest.raises(SimulationError, match="PDB"):
        make_system(tmp_path / "x.pdb", SimulateSettings(**IMPLICIT))


def test_positions_that_are_not_finite_stop_the_run(solvated):
    system, settings, platform, properties, start = solvated
    engine = Engine(system, settings, 1, platform, properties, "AS")
    broken = start.positions.copy()
    broken[3] = np.nan
    stage = equilibration_stages(settings)[0]
    context = engine.context(stage, start)
    engine.advance(context, 1, stage, 0.0)
    with pytest.raises(SimulationError, match=r"last good time of 5 ps; largest forces then on \w+\d \w+, .*shorten"):
        engine.require_finite(context, broken, stage, 5.0)


# Where positions are still finite when they are looked at, a torn bond tells.
_BLOWN_UP = r"AS, production: .*(bond between \w+\d \w+ and .*)?0\.02 ps.*(largest forces then on \w+\d \w+.*)?shorten"


@pytest.mark.parametrize("solvent", [WATER, IMPLICIT])
def test_a_run_that_blows_up_names_the_last_good_time(pdb, solvent):
    settings = SimulateSettings(**(solvent | {"production": "2 ps"}))
    platform, properties = choose(settings, 2)
    system = make_system(pdb, settings)
    engine = Engine(system, settings, 1, platform, properties, "AS")
    start = engine.minimised()
    stage = Stage("production", "NVT", 100, False, 300.0)
    context = engine.context(stage, start)
    engine.advance(context, 5, stage, 0.0)
    velocities = np.zeros_like(start.positions)
    velocities[0] = 1e6
    context.setVelocities(velocities)
    with pytest.raises(SimulationError, match=_BLOWN_UP):
        engine.advance(context, 5, stage, 0.02)


def test_a_box_that_shrinks_below_twice_the_cutoff_says_so(pdb):
    height = shortest_height(
        np.array(make_system(pdb, SimulateSettings(**WATER)).topology.getPeriodicBoxVectors()._value)
    )
    tight = {"cutoff": 0.474 * height, "switch_distance": 0, "pressure": 10000, "ensemble": "NPT"}
    settings = SimulateSettings(**(WATER | tight))
    platform, properties = choose(settings, 2)
    system = make_system(pdb, settings)
    engine = Engine(system, settings, 1, platform, properties, "AS")
    stage = Stage("production", "NPT", 5000, False, 300.0)
    context = engine.context(stage, engine.minimised())
    with pytest.raises(SimulationError, match=r"box.*raise simulate\.padding or lower simulate\.cutoff"):
        engine.advance(context, stage.steps, stage, 0.0)


@pytest.mark.parametrize(
    ("vendor", "device", "expected"),
    [
        ("NVIDIA CUDA", "NVIDIA H100 80GB HBM3", False),
        ("AMD Accelerated Parallel Processing", "gfx90a:sramecc+:xnack-", False),
        ("Intel(R) OpenCL Graphics", "Intel(R) Data Center GPU Max 1550", False),
        ("Portable Computing Language", "NVIDIA H100 80GB HBM3", False),
        ("Portable Computing Language", "pthread-AMD EPYC 7763 64-Core Processor", True),
        ("Portable Computing Language", "cpu-haswell-AMD EPYC 7763", True),
        ("Intel(R) OpenCL", "AMD EPYC 7763 64-Core Processor", True),
    ],
)
def test_opencl_on_a_processor_is_told_from_a_gpu(vendor, device, expected):
    assert is_processor(vendor, device, "AMD EPYC 7763 64-Core Processor") is expected


def test_work_may_lie_on_another_file_system(pdb, tmp_path, monkeypatch):
    def same_folder_only(function):
        def across(source, target):
            if Path(source).parent != Path(target).parent:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            function(source, target)

        return across

    for name in ("rename", "replace", "link"):
        monkeypatch.setattr(f"os.{name}", same_folder_only(getattr(os, name)))
    simulate(pdb, tmp_path, SimulateSettings(**(IMPLICIT | {"production": "1 ps"})))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "md.json",
        "state.csv",
        "topology.pdb",
        "trajectory.xtc",
        "work",
    ]
    assert (tmp_path / "trajectory.xtc").stat().st_nlink == 1
