"""The stages of a simulation, and the phase space at which one ends and the next begins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings


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


def phase_space(context: openmm.Context) -> PhaseSpace:
    """Positions, velocities and box of a context; positions are not wrapped, so molecules stay whole."""
    periodic = context.getSystem().usesPeriodicBoundaryConditions()
    state = context.getState(positions=True, velocities=True)
    return PhaseSpace(
        state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
        state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond),
        np.array(state.getPeriodicBoxVectors().value_in_unit(unit.nanometer)) if periodic else None,
    )
