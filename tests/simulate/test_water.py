"""A box of TIP3P water, run by the same stages as a peptide: temperature, density, and volume fluctuations."""

import numpy as np
import pytest
from openmm import Vec3, app, unit

from jamun.config.simulate import SimulateSettings
from jamun.simulate.engine import Engine
from jamun.simulate.output import thermodynamics
from jamun.simulate.platform import choose
from jamun.simulate.protocol import Stage, phase_space
from jamun.simulate.system import SimulationSystem

SETTINGS = SimulateSettings(timestep="4 fs", hydrogen_mass="3 amu", friction="2 1/ps", platform="CPU")
BOLTZMANN = 1.380649e-23


@pytest.fixture(scope="module")
def series():
    """Rows of thermodynamics along 64 ps at 300 K and 1 bar, one each 0.2 ps, after 8 ps."""
    forcefield = app.ForceField("tip3p.xml")
    modeller = app.Modeller(app.Topology(), [] * unit.nanometer)
    modeller.addSolvent(forcefield, model="tip3p", boxSize=Vec3(1.8, 1.8, 1.8) * unit.nanometer)
    system = forcefield.createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=0.75 * unit.nanometer,
        hydrogenMass=3 * unit.amu,
    )
    masses = [system.getParticleMass(i).value_in_unit(unit.amu) for i in range(system.getNumParticles())]
    water = SimulationSystem(
        topology=modeller.topology,
        system=system,
        positions=np.asarray(modeller.positions.value_in_unit(unit.nanometer)),
        peptide_atoms=np.array([], dtype=int),
        restrained_atoms=np.array([], dtype=int),
        peptide_bonds=np.zeros((0, 2), dtype=int),
    )
    assert water.degrees_of_freedom == 2 * len(masses) - 3  # a rigid water has 6 of 9; the centre of mass is held
    assert water.masses.sum() == pytest.approx(sum(masses))
    platform, properties = choose(SETTINGS, 2)
    engine = Engine(water, SETTINGS, 3, platform, properties, "water")
    context = engine.context(Stage("warm", "NPT", 2000, False, 300.0), engine.minimised())
    context.getIntegrator().step(2000)
    start = phase_space(context)
    context = engine.context(Stage("water", "NPT", 16000, False, 300.0), start)
    rows = []
    for row in range(320):
        context.getIntegrator().step(50)
        rows.append(thermodynamics(context, water, 0.2 * row))
    return water, rows


def test_temperature(series):
    water, rows = series
    freedom = water.degrees_of_freedom
    temperatures = np.array([row["temperature_k"] for row in rows])
    # Canonical kinetic energy has relative variance 2/n; rows 0.2 ps apart at 2/ps are correlated over about 3.
    error = 300 * np.sqrt(2 / freedom / (len(rows) / 3))
    assert abs(temperatures.mean() - 300) < 4 * error + 0.6
    assert temperatures.std() == pytest.approx(300 * np.sqrt(2 / freedom), rel=0.25)


def test_density(series):
    # TIP3P at 300 K and 1 bar: 0.980 to 0.986 g/ml (Jorgensen et al. 1983; Price and Brooks 2004 for PME).
    density = np.mean([row["density_g_ml"] for row in series[1]])
    assert density == pytest.approx(0.983, abs=0.015)


def test_volume_fluctuates_as_the_compressibility_says(series):
    # var(V) = V kT kappa, with TIP3P's kappa of about 5.7e-10 / Pa. 64 ps hold some 30 independent volumes, so the
    # variance is known to about a quarter of itself; the bounds are three of those away. A barostat at another
    # temperature by that factor, or one that does nothing, is outside.
    volumes = np.array([row["volume_nm3"] for row in series[1]]) * 1e-27
    expected = volumes.mean() * BOLTZMANN * 300 * 5.7e-10
    assert 0.25 < volumes.var() / expected < 1.9
