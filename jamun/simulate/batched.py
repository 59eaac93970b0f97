"""Simulate the replicas of many peptides in one OpenMM system, each saved and published as if it had run alone.

Folders in `work` are those of simulations of their own (`progress.py`), so either way goes on with what the other
began. All that differ in how far they have come are brought level first, those furthest behind before the others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings
from jamun.io.disk import disk_errors, locked
from jamun.io.log import Interrupted
from jamun.io.seeds import derived_seed
from jamun.io.signals import StopRequest, stop_requests
from jamun.simulate.batch import DRIFT, ApartBatch
from jamun.simulate.engine import Engine
from jamun.simulate.groups import OWN, shared_settings
from jamun.simulate.identity import identity
from jamun.simulate.output import Chunk, kinetics
from jamun.simulate.platform import choose
from jamun.simulate.progress import Progress, describe
from jamun.simulate.protocol import PhaseSpace, Stage, equilibration_stages, minimised, phase_space, production_stage
from jamun.simulate.replica import STATE_EVERY_FRAMES, advance_bar, stage_bar
from jamun.simulate.run import Published, on_device, open_replica, prepare, publish
from jamun.simulate.system import SimulationError

logger = logging.getLogger(__name__)

# Centres of mass drift by 0.1 nm in a picosecond and more where friction is low; they are carried back this often, ps.
_CARRY_BACK = 2.0
# Bytes of frames kept in memory between two saved states.
_MOST_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Peptide:
    """One peptide: its name, PDB, settings, folder of saved states, and the files to publish."""

    name: str
    pdb: Path
    settings: SimulateSettings
    work: Path
    files: Published


@dataclass(eq=False)  # each is itself, whatever its arrays hold
class _Member:
    """One replica of one peptide."""

    engine: Engine
    progress: Progress
    # Where it is, of its own, centred; None before its production.
    phase: PhaseSpace | None = None

    @property
    def steps(self) -> int:
        """Steps of the production, -1 before it."""
        return -1 if self.phase is None else self.progress.current.steps


def _saved_phase(member: _Member, step_ps: float) -> PhaseSpace | None:
    """Where a replica's production goes on, None if it has not begun. Raises SimulationError if nothing is whole."""
    if member.progress.current is None or member.progress.current.stage != "production":
        return None
    saved = member.progress.resume(set(), step_ps)
    if saved.point.stage != "production":
        return None
    if saved.xml is None and saved.checkpoint is not None:
        raise SimulationError(
            f"{member.engine.name}: {saved.point.xml} is damaged, and a checkpoint is of a simulation of its own; turn "
            "simulate.together off to go on, or delete the folder to simulate anew."
        )
    if saved.xml is None:
        return saved.start
    state = openmm.XmlSerializer.deserialize(saved.xml)
    return PhaseSpace(
        state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
        state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond),
        None,
    )


class _Writer:
    """States of single replicas as OpenMM's XML, by a context a system, without which none can be made."""

    def __init__(self) -> None:
        self._contexts: dict[str, openmm.Context] = {}

    def xml(self, member: _Member, peptide: str, positions: np.ndarray, velocities: np.ndarray) -> str:
        """The State of a replica of `peptide`; positions (particles, 3) in nm, velocities in nm/ps."""
        if peptide not in self._contexts:
            platform = openmm.Platform.getPlatformByName("Reference")
            self._contexts[peptide] = openmm.Context(
                member.engine.solvated.system, openmm.VerletIntegrator(0.001), platform
            )
        context = self._contexts[peptide]
        context.setPositions(positions)
        context.setVelocities(velocities)
        return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True, parameters=True))


class _Group:
    """Replicas that are level, as one system, while they run."""

    def __init__(self, members: Sequence[_Member], stop: StopRequest) -> None:
        # What members may differ in (groups.py) does not matter while they run.
        first = members[0].engine
        settings, platform, properties = first.settings, first.platform, first.properties
        self.members, self.settings, self.stop = members, settings, stop
        names = [member.engine.name for member in members]
        self.name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} together)"
        self.batch = ApartBatch([member.engine.solvated for member in members], names)
        seed = derived_seed(settings.seed, "together", names[0], len(names))
        self.engine = Engine(self.batch.solvated, settings, seed, platform, properties, self.name)
        self.step_ps = settings.timestep * 1e-3
        self.writer = _Writer()
        particles = self.batch.solvated.system.getNumParticles()
        logger.info("%s: %d particles on %s %s", self.name, particles, platform.getName(), properties or "")

    def _joined(self, attribute: str) -> np.ndarray | None:
        """An array of the members' phase spaces, one after another; None where they have none yet."""
        arrays = [getattr(member.phase, attribute) for member in self.members]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    def _answer_stop(self, where: str) -> None:
        if self.stop.signal:
            raise Interrupted(
                f"{self.name}: stopped by {self.stop.signal} {where}; the same command goes on from there."
            )

    def equilibrate(self) -> None:
        """Minimise, run the stages before the production, and save where it begins."""
        platform, properties = self.engine.platform, self.engine.properties
        start = minimised(self.batch.solvated, self.settings, platform, properties, lambda: bool(self.stop.signal))
        start = PhaseSpace(self.batch.at_sites(start.positions), None, None)
        finished: list[list[dict]] = [[] for _ in self.members]
        for stage in equilibration_stages(self.settings):
            began = time.perf_counter()
            context = self.engine.context(stage, start)
            for _ in self._pieces(context, stage, 0, stage.steps, not stage.restrained):
                self._answer_stop("before its production")
            start = phase_space(context)
            start.positions = self.batch.at_sites(start.positions)
            seconds = (time.perf_counter() - began) / len(self.members)
            rows = self._rows(start.velocities, stage.steps * self.step_ps)
            for records, row in zip(finished, rows, strict=True):
                records.append(stage.record(seconds, row))
        self._answer_stop("before its production")
        positions = self.batch.parts.centred(start.positions)
        for member, part, records in zip(self.members, self.batch.parts.slices, finished, strict=True):
            velocities = None if start.velocities is None else start.velocities[part]
            member.phase = PhaseSpace(positions[part], velocities, None)
            member.progress.begin("production", member.phase, records)

    def _pieces(self, context: openmm.Context, stage: Stage, first: int, last: int, carried: bool):
        """Run from step `first` to `last` of a stage in pieces that end where members are carried back to their sites
        (if `carried`) and where frames are due; yields the steps then and the positions, (particles, 3) in nm."""
        interval = self.settings.steps_per_frame
        longest = max(1, round(_CARRY_BACK / self.step_ps))
        steps = first
        with stage_bar(f"{self.name} {stage.name}", first * self.step_ps, last * self.step_ps) as bar:
            began = time.perf_counter()
            while steps < last:
                piece = min(longest, (steps // interval + 1) * interval - steps, last - steps)
                positions = self.engine.advance(context, piece, stage, steps * self.step_ps)
                steps += piece
                if carried:
                    if self.batch.drift(positions) > DRIFT:
                        raise SimulationError(
                            f"{self.name}, {stage.name}: a peptide drifted by more than {DRIFT:g} nm in "
                            f"{_CARRY_BACK:g} ps; raise simulate.friction or turn simulate.together off."
                        )
                    positions = self.batch.at_sites(positions)
                    context.setPositions(positions)
                advance_bar(bar, steps * self.step_ps)
                made = (steps - first) * self.step_ps * len(self.members)
                rate = made * 86.4 / (time.perf_counter() - began)
                bar.set_postfix_str(f"{rate:.0f} ns/day in all", refresh=False)
                yield steps, positions

    def _rows(self, velocities: np.ndarray | None, time_ps: float) -> list[dict[str, float | None]]:
        """A row of thermodynamics of each member: of one among many only the kinetic energy is known."""
        if velocities is None:
            velocities = np.zeros_like(self.batch.solvated.positions)
        energies = self.batch.parts.kinetic_energies(velocities)
        return [
            kinetics(float(energy), member.engine.solvated, time_ps)
            for energy, member in zip(energies, self.members, strict=True)
        ]

    def produce(self, until: int) -> None:
        """Run the production on to `until` steps; saves as it goes, and raises Interrupted if asked to stop before."""
        first = self.members[0].steps
        start = PhaseSpace(self.batch.at_sites(self._joined("positions")), self._joined("velocities"), None)
        stage = production_stage(self.settings)
        context = self.engine.context(stage, start, first)
        self._frames: list[np.ndarray] = []
        self._times: list[float] = []
        self._table: list[list[dict]] = []
        self._earlier = [member.progress.current.seconds for member in self.members]
        self._began = saved = time.perf_counter()
        interval = self.settings.steps_per_frame
        steps = first
        try:
            for steps, positions in self._pieces(context, stage, first, until, carried=True):
                if steps % interval == 0:
                    now = steps // interval * self.settings.frame_interval
                    self._frames.append(self.batch.parts.centred(positions).astype(np.float32))
                    self._times.append(now)
                    if steps // interval % STATE_EVERY_FRAMES == 0 or steps == stage.steps:
                        velocities = phase_space(context).velocities
                        self._table.append(self._rows(velocities, now))
                many = len(self._frames) * self.batch.solvated.positions.size * 4 > _MOST_BYTES
                overdue = time.perf_counter() - saved > self.settings.checkpoint_interval
                if many or overdue or self.stop.signal:
                    self._save(context, steps)
                    saved = time.perf_counter()
                    self._answer_stop(f"after {steps * self.step_ps:g} ps of production, all of it saved")
        except SimulationError:
            # As of a single simulation: the state is lost, the frames before it are good.
            with suppress(OSError):
                for member, chunk in zip(self.members, self._chunks(), strict=True):
                    member.progress.append(chunk)
            raise
        if steps != self.members[0].steps:
            self._save(context, steps)

    def _chunks(self):
        """What each member has to write since the last time."""
        frames = np.stack(self._frames) if self._frames else None
        for place, (member, part) in enumerate(zip(self.members, self.batch.parts.slices, strict=True)):
            chunk = Chunk(member.progress.current.frames)
            if frames is not None:
                chunk.extend(frames[:, part], self._times)
            for rows in self._table:
                chunk.add_row(rows[place])
            yield chunk

    def _save(self, context: openmm.Context, steps: int) -> None:
        """Save every member: its phase space, and what was written since the last time."""
        now = phase_space(context)
        positions = self.batch.parts.centred(now.positions)
        share = (time.perf_counter() - self._began) / len(self.members)
        parts = zip(self.members, self.batch.parts.slices, self._chunks(), self._earlier, strict=True)
        for member, part, chunk, earlier in parts:
            member.phase = PhaseSpace(positions[part], now.velocities[part], None)
            peptide = member.progress.folder.parent.name
            xml = self.writer.xml(member, peptide, member.phase.positions, member.phase.velocities)
            # A checkpoint of the whole is of no use to any one.
            member.progress.save(steps, earlier + share, chunk, xml, b"", {})
        self._frames, self._times, self._table = [], [], []


def _run(members: Sequence[_Member], settings: SimulateSettings, stop: StopRequest) -> None:
    """Run all replicas to the end of their productions, those furthest behind first."""
    step_ps = settings.timestep * 1e-3
    total = production_stage(settings).steps
    for member in members:
        member.phase = _saved_phase(member, step_ps)
        if member.phase is not None and member.steps < total:
            member.progress.resumptions += 1
            logger.info("%s: goes on after %s", member.engine.name, describe(member.progress.current, step_ps))
    group = None
    while behind := [member for member in members if member.steps < total]:
        least = min(member.steps for member in behind)
        level = [member for member in behind if member.steps == least]
        until = min((member.steps for member in behind if member.steps > least), default=total)
        if group is None or group.members != level:
            group = _Group(level, stop)
        if least < 0:
            group.equilibrate()
        else:
            group.produce(until)


def simulate_together_to_files(peptides: Sequence[Peptide], threads: int, slots: Path | None = None) -> None:
    """Simulate every replica of every peptide side by side in one system, and publish each peptide's files.

    Files, folders in each peptide's `work`, errors and how a stopped run goes on are those of simulate_to_files; in the
    state (CSV) the potential energy of one among many is left empty. Wall clock in the record is each simulation's
    share. Peptides that are finished are published again without being run.

    Raises SimulationError and Interrupted as simulate_to_files does, and SimulationError for peptides whose settings
    differ in more than OWN, or for a solvent or force field that cannot be simulated like this.
    """
    settings = peptides[0].settings
    for peptide in peptides:
        if shared_settings(peptide.settings) != shared_settings(settings):
            raise SimulationError(
                f"{peptides[0].name} and {peptide.name} cannot be simulated together: their settings differ in more "
                f"than {' and '.join(OWN)}."
            )
    platform, properties = choose(settings, threads)
    if platform.getName() not in ("CUDA", "OpenCL"):
        logger.warning(
            "On %s, simulations together are no faster than one after another, and use one core; with "
            "simulate.together off each peptide is a job of its own.",
            platform.getName(),
        )
    with ExitStack() as stack:
        for peptide in peptides:
            with disk_errors(peptide.work, lambda: None, SimulationError):
                peptide.work.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(peptide.work, SimulationError, "simulates"))
            with disk_errors(peptide.work, lambda: None, SimulationError):
                prepare(peptide.work, identity(peptide.pdb, peptide.name, peptide.settings))
        chosen = stack.enter_context(on_device(platform, properties, settings, slots))
        stop = stack.enter_context(stop_requests())
        made: dict = {}
        replicas = [
            [
                open_replica(peptide.pdb, peptide.name, peptide.settings, replica, platform, chosen, peptide.work, made)
                for replica in range(1, peptide.settings.replicas + 1)
            ]
            for peptide in peptides
        ]
        members = [_Member(engine, progress) for pairs in replicas for engine, progress in pairs]
        with disk_errors(peptides[0].work.parent, lambda: "everything up to the last saved state", SimulationError):
            _run(members, settings, stop)
        for peptide, pairs in zip(peptides, replicas, strict=True):
            publish(pairs, peptide.name, peptide.settings, peptide.files, peptide.work, threads, len(members))
