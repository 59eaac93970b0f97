"""Without a thermostat the energy of the systems that we simulate does not drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.engine import Engine
from jamun.simulate.protocol import Stage, phase_space
from jamun.simulate.system import make_system

STEPS, EVERY = 20_000, 50
GAS_CONSTANT = 8.314462618e-3  # kJ/mol/K


@pytest.mark.parametrize(("timestep", "hydrogen_mass"), [(2.0, None), (4.0, 3.0)])
def test_energy_does_not_drift(timestep: float, hydrogen_mass: float | None, tmp_path: Path) -> None:
    """Less than 0.1 kT per degree of freedom and nanosecond; the slope's own error here is about 0.02."""
    build_to_files(parse_sequence("AA"), "capped", 7.0, tmp_path / "AA.pdb", tmp_path / "AA.json")
    settings = SimulateSettings(
        solvent="implicit",
        ensemble="NVT",
        equilibration=[],
        timestep=timestep,
        hydrogen_mass=hydrogen_mass,
        production=10.0,
        frame_interval=1.0,
    )
    solvated = make_system(tmp_path / "AA.pdb", settings)
    reference = openmm.Platform.getPlatformByName("Reference")
    engine = Engine(solvated, settings, 0, reference, {}, "AA")
    warm = engine.context(Stage("warm", "NVT", 1, False, 300.0), engine.minimised())
    warm.getIntegrator().step(5000)
    point = phase_space(warm)
    verlet = openmm.VerletIntegrator(timestep * 1e-3)
    verlet.setConstraintTolerance(1e-7)
    context = openmm.Context(solvated.system, verlet, reference)
    context.setPositions(point.positions)
    context.setVelocities(point.velocities)
    energies = []
    for _ in range(STEPS // EVERY):
        verlet.step(EVERY)
        state = context.getState(energy=True)
        energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
    times = np.arange(len(energies)) * EVERY * timestep * 1e-6  # ns
    slope = np.polyfit(times, energies, 1)[0]
    thermal = GAS_CONSTANT * settings.temperature
    assert abs(slope) < 0.1 * thermal * solvated.degrees_of_freedom
    assert np.std(energies) < 0.1 * thermal * solvated.degrees_of_freedom
