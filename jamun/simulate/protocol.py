"""The stages of a simulation: minimisation, equilibration, production.

Barostat and restraints are part of a stage's system: every stage runs in a context made anew from it, since a force
added to a system after its context was made has no effect.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings
from jamun.io.seeds import derived_seed
from jamun.simulate.system import SimulationSystem
from jamun.simulate.tether import RESTRAINT, holding, put_in

# Steps between the barostat's attempts, OpenMM's default.
_BAROSTAT_INTERVAL = 25


@dataclass(frozen=True)
class Stage:
    """A stage to run: its name, ensemble, steps, whether the peptide's heavy atoms are restrained, temperature in K."""

    name: str
    ensemble: str
    steps: int
    restrained: bool
    temperature: float

    def record(self, seconds: float, end: dict[str, float | None]) -> dict[str, Any]:
        """What md.json tells of it, after so many seconds of wall clock; `end` is the row of thermodynamics then."""
        return {
            "name": self.name,
            "ensemble": self.ensemble,
            "steps": self.steps,
            "restrained": self.restrained,
            "seconds": seconds,
            "end": end,
        }


@dataclass
class PhaseSpace:
    """Where a stage ended and the next begins: nm, nm/ps, box edges in nm or None without a box."""

    positions: np.ndarray
    velocities: np.ndarray | None
    box: np.ndarray | None


def equilibration_stages(settings: SimulateSettings) -> list[Stage]:
    """The configured stages before the production."""
    stages = []
    for place, stage in enumerate(settings.equilibration, 1):
        name = f"equilibration_{place}_{'restrained_' if stage.restrained else ''}{stage.ensemble.lower()}"
        steps = max(1, round(stage.duration / (settings.timestep * 1e-3)))
        temperature = settings.temperature if stage.temperature is None else stage.temperature
        stages.append(Stage(name, stage.ensemble, steps, stage.restrained, temperature))
    return stages


def production_stage(settings: SimulateSettings) -> Stage:
    """The production."""
    return Stage(
        "production", settings.ensemble, settings.n_frames * settings.steps_per_frame, False, settings.temperature
    )


def stage_context(
    solvated: SimulationSystem,
    stage: Stage,
    start: PhaseSpace,
    settings: SimulateSettings,
    seed: int,
    platform: openmm.Platform,
    properties: dict[str, str],
    steps: int = 0,
) -> openmm.Context:
    """A context of its own for one stage, at `start`; without velocities there they are drawn at the temperature.

    Restraints hold the atoms where the stage starts, which is where minimisation left them. A context that goes on
    after `steps` of the stage has random seeds of its own, lest it draws the numbers of the stage's first steps again.
    """
    salt = (steps,) if steps else ()
    system = copy.deepcopy(solvated.system)
    if solvated.tethers is not None and start.box is not None:
        put_in(system, solvated.tethers, start.box)
    if stage.ensemble == "NPT":
        barostat = openmm.MonteCarloBarostat(
            settings.pressure * unit.bar, stage.temperature * unit.kelvin, _BAROSTAT_INTERVAL
        )
        barostat.setRandomNumberSeed(derived_seed(seed, stage.name, "barostat", *salt))
        system.addForce(barostat)
    if stage.restrained:
        held = solvated.restrained_atoms
        places, constant = start.positions[held], settings.restraint_constant
        system.addForce(holding(held, places, RESTRAINT, constant, solvated.periodic))
    integrator = openmm.LangevinMiddleIntegrator(
        stage.temperature * unit.kelvin, settings.friction / unit.picosecond, settings.timestep * unit.femtosecond
    )
    integrator.setRandomNumberSeed(derived_seed(seed, stage.name, "integrator", *salt))
    context = openmm.Context(system, integrator, platform, properties)
    if start.box is not None:
        context.setPeriodicBoxVectors(*start.box.tolist())
    context.setPositions(start.positions)
    if start.velocities is None:
        context.setVelocitiesToTemperature(
            stage.temperature * unit.kelvin, derived_seed(seed, stage.name, "velocities")
        )
    else:
        context.setVelocities(start.velocities)
    return context


def phase_space(context: openmm.Context) -> PhaseSpace:
    """Positions, velocities and box of a context; positions are not wrapped, so molecules stay whole."""
    periodic = context.getSystem().usesPeriodicBoundaryConditions()
    state = context.getState(positions=True, velocities=True)
    return PhaseSpace(
        state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
        state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond),
        np.array(state.getPeriodicBoxVectors().value_in_unit(unit.nanometer)) if periodic else None,
    )


class _StopMinimising(openmm.MinimizationReporter):  # type: ignore[misc]  # OpenMM says nothing of its types
    """Ends a minimisation when asked to."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._stop = stop

    def report(self, iteration: int, x: object, grad: object, args: object) -> bool:
        """Whether to stop."""
        return self._stop()


def minimised(
    solvated: SimulationSystem,
    settings: SimulateSettings,
    platform: openmm.Platform,
    properties: dict[str, str],
    stop: Callable[[], bool] = lambda: False,
) -> PhaseSpace:
    """The start of the first stage: positions at a minimum of the energy, no velocities yet.

    `stop` is asked after every iteration; where it says yes, the positions are those reached by then.
    """
    context = openmm.Context(solvated.system, openmm.VerletIntegrator(0.001), platform, properties)
    context.setPositions(solvated.positions)
    openmm.LocalEnergyMinimizer.minimize(
        context,
        settings.minimize_tolerance * unit.kilojoule_per_mole / unit.nanometer,
        0,
        _StopMinimising(stop),
    )
    end = phase_space(context)
    return PhaseSpace(end.positions, None, end.box)
