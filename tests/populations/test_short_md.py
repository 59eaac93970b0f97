"""Short runs of one peptide as one system: forces, energies and motion are those of each alone."""

from dataclasses import replace

import numpy as np
import openmm
import pytest
from openmm import unit

from jamun.io.atomic import read_npz
from jamun.io.log import UserError
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.populations.short_md import RunSettings, ShortRun, implicit_settings, read_run, run_all, run_batched
from jamun.simulate.batch import ApartBatch
from jamun.simulate.system import make_member

SIMULATE = implicit_settings({"timestep": 4.0, "hydrogen_mass": 3.0, "temperature": 300.0})
COPIES = 5


@pytest.fixture(scope="module")
def member(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AG"), "capped", 7.0, folder / "AG.pdb", folder / "AG.json")
    return make_member(folder / "AG.pdb", SIMULATE)


@pytest.fixture(scope="module")
def settings(member):
    heavy = member.restrained_atoms
    return RunSettings(openmm.XmlSerializer.serialize(member.system), SIMULATE, 10, 1, 6, heavy, "Reference", {})


def starts(member):
    generator = np.random.default_rng(0)
    return [member.positions + 0.003 * generator.standard_normal(member.positions.shape) for _ in range(COPIES)]


def runs_in(folder, member):
    return [ShortRun(folder / f"run_{n}.npz", start, n + 1) for n, start in enumerate(starts(member))]


def evaluated(system, positions, platform="CPU"):
    """Forces (N, 3) and energy, kJ/mol and nm."""
    properties = {"Threads": "1"} if platform == "CPU" else {}
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform), properties
    )
    context.setPositions(positions)
    state = context.getState(forces=True, energy=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return np.array(forces), state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def test_forces_and_energy_of_few_copies_are_those_of_each_alone(member):
    """On the CPU platform, whose forces are single precision: to 1e-4 of the largest. Energies differ between members
    by no constant: that of the batch less those of all members is the same wherever they are."""
    batch = ApartBatch([member] * COPIES, [str(n) for n in range(COPIES)])
    beyond = []
    for scale in (1.0, 1.05):
        positions = [scale * start for start in starts(member)]
        together, energy = evaluated(batch.solvated.system, batch.at_sites(np.concatenate(positions)))
        alone = [evaluated(member.system, own) for own in positions]
        for part, (forces, _) in zip(batch.parts.slices, alone, strict=True):
            np.testing.assert_allclose(together[part], forces, atol=1e-4 * abs(forces).max())
        beyond.append(energy - sum(own for _, own in alone))
    assert beyond[0] == pytest.approx(beyond[1], abs=1e-4 * abs(energy))


def test_one_copy_without_noise_moves_as_the_single_run(member, settings, tmp_path):
    """Velocities and friction are drawn alike for a batch of one, so that its frames are the single run's but for
    where their middle is."""
    frames = {}
    for name in ("single", "batched"):
        run = ShortRun(tmp_path / name / "run.npz", member.positions, 3)
        cold = replace(settings, simulate=SIMULATE.model_copy(update={"temperature": 1e-9, "friction": 1e-9}))
        if name == "single":
            list(run_all([run], cold, 1))
        else:
            run_batched([run], cold, member, lambda: False)
        found = read_run(run.path)
        frames[name] = found - found.mean(1, keepdims=True)
    assert np.abs(frames["single"][-1] - frames["single"][0]).max() > 0.005
    np.testing.assert_allclose(frames["batched"], frames["single"], atol=2e-4)


def test_a_batch_has_the_temperature_and_every_run_its_own_motion(member, settings, tmp_path):
    runs = runs_in(tmp_path, member)
    longer = replace(settings, frames=40, warm_up=40)
    made = run_batched(runs, longer, member, lambda: False)
    assert made == [run.path for run in runs]
    found = np.array([read_run(path) for path in made])
    assert found.shape == (COPIES, 40, len(member.restrained_atoms), 3)
    first, second = member.peptide_bonds.T
    place = {atom: number for number, atom in enumerate(member.restrained_atoms)}
    bonds = [(place[a], place[b]) for a, b in zip(first, second, strict=True) if a in place and b in place]
    lengths = np.linalg.norm(found[:, :, [a for a, _ in bonds]] - found[:, :, [b for _, b in bonds]], axis=-1)
    assert lengths.min() > 0.11  # bonds of heavy atoms, none of which is stretched over two sites
    assert lengths.max() < 0.18
    # C-C bonds of 259,408 kJ/mol/nm2 swing by sqrt(kT / k) = 0.003 nm at 300 K
    assert 0.002 < lengths.std(1).mean() < 0.0045
    assert all(np.abs(found[0, -1] - own[-1]).max() > 0.01 for own in found[1:])
    assert all(read_npz(path)["seconds"] > 0 for path in made)


def test_a_batch_that_lacks_one_run_is_made_again_the_same(member, settings, tmp_path):
    runs = runs_in(tmp_path, member)
    assert run_batched(runs, settings, member, lambda: True) == []
    assert not list(tmp_path.glob("*.npz"))
    run_batched(runs, settings, member, lambda: False)
    before = [read_run(run.path) for run in runs]
    runs[2].path.unlink()
    run_batched(runs, settings, member, lambda: False)
    for run, own in zip(runs, before, strict=True):
        np.testing.assert_array_equal(read_run(run.path), own)


def test_positions_that_are_not_finite_are_told(member, settings, tmp_path):
    run = ShortRun(tmp_path / "run.npz", np.full_like(member.positions, np.nan), 1)
    with pytest.raises(UserError, match="shorten"):
        run_batched([run, run], settings, member, lambda: False)
