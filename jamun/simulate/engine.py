"""Integrate one replica's stages, and notice when a simulation goes wrong."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings
from jamun.io.seeds import derived_seed
from jamun.simulate.progress import Saved
from jamun.simulate.protocol import PhaseSpace, Stage, phase_space
from jamun.simulate.system import SimulationError, SimulationSystem
from jamun.simulate.tether import RESTRAINT, follow, holding, put_in

# No bond of a peptide comes near this, nm; across the boundary of a box it would be longer.
_TORN_BOND = 0.3
# Steps between the barostat's attempts, OpenMM's default.
_BAROSTAT_INTERVAL = 25
# What a checkpoint depends on; places such as the index of a device or a folder for temporary files do not matter.
_PROPERTIES = ("Precision", "DeviceName", "OpenCLPlatformName", "Threads", "DeterministicForces")
_SHORTEN = "shorten simulate.timestep or add an equilibration stage"


def made_by(context: openmm.Context) -> dict[str, Any]:
    """What wrote a checkpoint of `context`: only the same can read it."""
    platform = context.getPlatform()
    names = [name for name in platform.getPropertyNames() if name in _PROPERTIES]
    return {
        "openmm": openmm.__version__,
        "platform": platform.getName(),
        "properties": {name: platform.getPropertyValue(context, name) for name in names},
    }


class _StopMinimising(openmm.MinimizationReporter):  # type: ignore[misc]  # OpenMM says nothing of its types
    """Ends a minimisation when asked to."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._stop = stop

    def report(self, iteration: int, x: object, grad: object, args: object) -> bool:
        """Whether to stop."""
        return self._stop()


@dataclass
class Engine:
    """What every stage of one replica's simulation needs."""

    solvated: SimulationSystem
    settings: SimulateSettings
    seed: int
    platform: openmm.Platform
    properties: dict[str, str]
    name: str
    # Positions of all particles when they were last found good, to tell where forces were large before a failure.
    _good: np.ndarray | None = field(default=None, repr=False)

    def context(self, stage: Stage, start: PhaseSpace, steps: int = 0) -> openmm.Context:
        """A context of its own for one stage, at `start`; without velocities there they are drawn at the temperature.

        Barostat and restraints are part of a stage's system, since a force added to a system after its context was made
        has no effect. Restraints hold the atoms where the stage starts, which is where minimisation left them. A
        context that goes on after `steps` of the stage has random seeds of its own, lest it draws the numbers of the
        stage's first steps again.
        """
        solvated, settings, salt = self.solvated, self.settings, (steps,) if steps else ()
        system = copy.deepcopy(solvated.system)
        if solvated.tethers is not None and start.box is not None:
            put_in(system, solvated.tethers, start.box)
        if stage.ensemble == "NPT":
            barostat = openmm.MonteCarloBarostat(
                settings.pressure * unit.bar, stage.temperature * unit.kelvin, _BAROSTAT_INTERVAL
            )
            barostat.setRandomNumberSeed(derived_seed(self.seed, stage.name, "barostat", *salt))
            system.addForce(barostat)
        if stage.restrained:
            held = solvated.restrained_atoms
            places, constant = start.positions[held], settings.restraint_constant
            system.addForce(holding(held, places, RESTRAINT, constant, solvated.periodic))
        integrator = openmm.LangevinMiddleIntegrator(
            stage.temperature * unit.kelvin, settings.friction / unit.picosecond, settings.timestep * unit.femtosecond
        )
        integrator.setRandomNumberSeed(derived_seed(self.seed, stage.name, "integrator", *salt))
        context = openmm.Context(system, integrator, self.platform, self.properties)
        if start.box is not None:
            context.setPeriodicBoxVectors(*start.box.tolist())
        context.setPositions(start.positions)
        if start.velocities is None:
            seed = derived_seed(self.seed, stage.name, "velocities")
            context.setVelocitiesToTemperature(stage.temperature * unit.kelvin, seed)
        else:
            context.setVelocities(start.velocities)
        return context

    def minimised(self, stop: Callable[[], bool] = lambda: False) -> PhaseSpace:
        """The start of the first stage: positions at a minimum of the energy, no velocities yet.

        `stop` is asked after every iteration; where it says yes, the positions are those reached by then.
        """
        system, integrator = self.solvated.system, openmm.VerletIntegrator(0.001)
        context = openmm.Context(system, integrator, self.platform, self.properties)
        context.setPositions(self.solvated.positions)
        tolerance = self.settings.minimize_tolerance * unit.kilojoule_per_mole / unit.nanometer
        openmm.LocalEnergyMinimizer.minimize(context, tolerance, 0, _StopMinimising(stop))
        end = phase_space(context)
        return PhaseSpace(end.positions, None, end.box)

    def follow(self, context: openmm.Context) -> None:
        """Let what holds peptides to places in the box move with it."""
        if self.solvated.tethers is not None:
            follow(context, self.solvated.tethers)

    def restored(self, stage: Stage, saved: Saved) -> tuple[openmm.Context, str]:
        """A context for a stage at a saved point, and what it was restored from.

        The binary checkpoint goes on to the bit where the platform is deterministic, so it is taken if the same
        OpenMM, platform and properties wrote it; else the State in XML.
        """
        point = saved.point
        if saved.xml is None and saved.checkpoint is None:
            assert saved.start is not None, "a point is read with what it begins from"
            return self.context(stage, saved.start), "the start of the stage"
        # Of the start only the positions matter, and they only where restraints hold them.
        still = PhaseSpace(self.solvated.positions, np.zeros_like(self.solvated.positions), None)
        context = self.context(stage, saved.start or still, point.steps)
        if saved.checkpoint is not None and made_by(context) == point.made_by:
            try:
                context.loadCheckpoint(saved.checkpoint)
            except openmm.OpenMMException:  # another device of the same name, or another build of OpenMM
                context = self.context(stage, saved.start or still, point.steps)
            else:
                self.follow(context)
                return context, "its checkpoint"
        if saved.xml is None:
            raise SimulationError(
                f"{self.name}: {point.checkpoint} was written by another platform or version of OpenMM and "
                f"{point.xml} is damaged; go on with {point.made_by}, or delete the folder to simulate anew."
            )
        context.setState(openmm.XmlSerializer.deserialize(saved.xml))
        self.follow(context)
        return context, "its State (XML)"

    def step(self, context: openmm.Context, steps: int, stage: Stage, last_good: float) -> None:
        """Run `steps`; `last_good` is the stage's time, in ps, at which positions were last found good.

        Raises SimulationError, naming the stage and that time, where OpenMM finds a position that is not finite or a
        box that shrank below twice the cutoff.
        """
        try:
            context.getIntegrator().step(steps)
        except openmm.OpenMMException as error:
            message = str(error).split(". ")[0].rstrip(".")
            if "box" in message:
                where, advice = "", "raise simulate.padding or lower simulate.cutoff"
            else:
                where, advice = self._largest_forces(context), _SHORTEN
            raise SimulationError(
                f"{self.name}, {stage.name}: stopped after the last good time of {last_good:g} ps ({message}); "
                f"{where}{advice}."
            ) from None

    def advance(self, context: openmm.Context, steps: int, stage: Stage, last_good: float) -> np.ndarray:
        """Run `steps` and return the positions, (particles, 3) in nm; `last_good` is the stage's time so far, in ps.

        Raises SimulationError, naming the stage and the last good time, for a position that is not finite, a box
        that shrank below twice the cutoff, or a peptide that is torn.
        """
        self.step(context, steps, stage, last_good)
        positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        self.require_finite(context, positions, stage, last_good)
        self.require_whole(positions, stage, last_good)
        self._good = positions
        return positions

    def require_whole(self, positions: np.ndarray, stage: Stage, last_good: float) -> None:
        """Raises SimulationError if a bond of the peptide is longer than any bond can be."""
        first, second = self.solvated.peptide_bonds.T
        lengths = np.linalg.norm(positions[first] - positions[second], axis=1)
        longest = int(lengths.argmax())
        if lengths[longest] > _TORN_BOND:
            one, other = self._names([first[longest], second[longest]])
            raise SimulationError(
                f"{self.name}, {stage.name}: the bond between {one} and {other} is "
                f"{lengths[longest]:.2f} nm long after the last good time of {last_good:g} ps; {_SHORTEN}."
            )

    def require_finite(self, context: openmm.Context, positions: np.ndarray, stage: Stage, last_good: float) -> None:
        """Raises SimulationError if a position is not finite."""
        if not np.isfinite(positions).all():
            raise SimulationError(
                f"{self.name}, {stage.name}: positions are not finite after the last good time of {last_good:g} ps; "
                f"{self._largest_forces(context)}{_SHORTEN}."
            )

    def _largest_forces(self, context: openmm.Context) -> str:
        """Names of the atoms on which forces were largest when positions were last good; where they are not finite,
        as they are by now, forces are not either, and say nothing."""
        if self._good is None:
            return ""
        try:
            context.setPositions(self._good)
            forces = context.getState(forces=True).getForces(asNumpy=True)
        except openmm.OpenMMException:
            return ""
        magnitude = np.nan_to_num(np.linalg.norm(np.asarray(forces._value), axis=1), nan=np.inf)
        worst = self._names(np.argsort(magnitude)[:-4:-1])
        return f"largest forces then on {', '.join(worst)}; "

    def _names(self, indices: Iterable[int]) -> list[str]:
        """Names of atoms, such as ``ALA2 CB``; a box of many knows those of its peptides alone."""
        atoms = list(self.solvated.topology.atoms())
        chosen = [atoms[index] if index < len(atoms) else None for index in indices]
        return [f"{atom.residue.name}{atom.residue.id} {atom.name}" if atom else "a water" for atom in chosen]
