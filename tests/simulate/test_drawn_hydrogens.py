"""Hydrogens drawn on held heavy atoms: heavy atoms stay, and the MD's frames keep the MD's energies."""

import mdtraj
import numpy as np
import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.drawn_hydrogens import DrawnHydrogens, potential_of
from jamun.simulate.system import make_member

SETTINGS = SimulateSettings(
    solvent="implicit", ensemble="NVT", equilibration=[], timestep="4 fs", hydrogen_mass="3 amu", temperature="310 K"
)


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AA"), "uncapped", 7.0, folder / "AA.pdb", folder / "AA.json")
    return folder / "AA.pdb"


@pytest.fixture(scope="module")
def md(pdb):
    """Positions (F, N, 3) and potential energies (F,) of 160 ps of MD."""
    member = make_member(pdb, SETTINGS)
    integrator = openmm.LangevinMiddleIntegrator(SETTINGS.temperature, 5.0, 0.004)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(member.system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(member.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(SETTINGS.temperature, 1)
    integrator.step(2000)
    positions, energies = [], []
    for _ in range(400):
        integrator.step(100)
        state = context.getState(positions=True, energy=True)
        positions.append(state.getPositions(asNumpy=True)._value)
        energies.append(state.getPotentialEnergy()._value)
    return np.array(positions), np.array(energies)


def test_frames_of_the_md_keep_their_energies(pdb, md):
    """The mean of the differences, of 400 frames with a standard deviation of some 13 kJ/mol, is 0; relaxed instead of
    drawn they lie tens of kJ/mol lower. The spread stays too."""
    positions, energies = md
    drawn = DrawnHydrogens(pdb, SETTINGS, 0.6)
    found = drawn.energies(positions[:, drawn.peptide.heavy], 1)
    error = (found - energies).std() / np.sqrt(len(energies))
    assert abs((found - energies).mean()) < 3.5 * error
    assert error < 1.0
    assert found.std() == pytest.approx(energies.std(), rel=0.2)
    relaxed, _ = drawn.peptide.relaxed(positions[:20, drawn.peptide.heavy])
    assert drawn.own_energies(mdtraj.Trajectory(relaxed, drawn.peptide.topology)).mean() < energies.mean() - 20
    again = DrawnHydrogens(pdb, SETTINGS, 0.6)
    np.testing.assert_array_equal(again.energies(positions[:5, drawn.peptide.heavy], 1), found[:5])
    assert (again.energies(positions[:5, drawn.peptide.heavy], 2) != found[:5]).all()


def test_energies_of_frames_as_they_are(pdb, md):
    positions, energies = md
    drawn = DrawnHydrogens(pdb, SETTINGS, 0.6)
    whole = mdtraj.Trajectory(positions[:20], drawn.peptide.topology)
    np.testing.assert_allclose(drawn.own_energies(whole), energies[:20], atol=0.05)
    assert drawn.kt == pytest.approx(8.314462618e-3 * 310)


def test_what_the_heavy_atoms_lack_is_not_mended(pdb, md):
    """A bond that is stretched by 0.02 nm costs what the force field says, though hydrogens move."""
    positions, _ = md
    drawn = DrawnHydrogens(pdb, SETTINGS, 0.6)
    heavy = positions[:40, drawn.peptide.heavy].copy()
    names = [drawn.peptide.topology.atom(index).name for index in drawn.peptide.heavy]
    before = drawn.energies(heavy, 1).mean()
    last = len(names) - 1 - names[::-1].index("O")
    carbon = len(names) - 1 - names[::-1].index("C")
    bond = heavy[:, last] - heavy[:, carbon]
    heavy[:, last] += 0.02 * bond / np.linalg.norm(bond, axis=1, keepdims=True)
    # k/2 x^2 of a carboxylate's C-O2 in the force field: 274,000 kJ/mol/nm^2 each.
    assert drawn.energies(heavy, 1).mean() - before == pytest.approx(0.5 * 656 * 418.4 * 2 * 0.02**2, rel=0.35)


def test_frames_whose_atoms_lie_on_each_other(pdb, md):
    positions, _ = md
    drawn = DrawnHydrogens(pdb, SETTINGS, 0.1)
    heavy = np.repeat(positions[:1, drawn.peptide.heavy], 2, axis=0)
    heavy[1] *= 1e-6
    found = drawn.energies(heavy, 1)
    assert np.isfinite(found[0])
    assert not np.isfinite(found[1]) or found[1] > 1e6


def test_explicit_solvent_has_no_energy_of_the_peptide(pdb):
    assert "of the water" in potential_of(pdb, SimulateSettings(), 1.0)
    assert isinstance(potential_of(pdb, SETTINGS, 1.0), DrawnHydrogens)
