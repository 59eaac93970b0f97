"""Replicas without solvent as one system, each saved as if it had run alone.

Folders in `work` are those of simulations of their own (`progress.py`), so either way goes on with what the other
began. All that differ in how far they have come are brought level first, those furthest behind before the others.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings
from jamun.io.log import Interrupted
from jamun.io.seeds import derived_seed
from jamun.io.signals import StopRequest
from jamun.simulate.batch import DRIFT, ApartBatch
from jamun.simulate.engine import Engine
from jamun.simulate.members import Member, Pending, joint_name
from jamun.simulate.progress import describe
from jamun.simulate.protocol import PhaseSpace, Stage, equilibration_stages, phase_space, production_stage
from jamun.simulate.replica import STATE_EVERY_FRAMES, advance_bar, stage_bar
from jamun.simulate.system import SimulationError

logger = logging.getLogger(__name__)

# Centres of mass drift by 0.1 nm in a picosecond and more where friction is low; they are carried back this often, ps.
_CARRY_BACK = 2.0


def _saved_phase(member: Member, step_ps: float) -> PhaseSpace | None:
    """Where a replica's production goes on, None if it has not begun. Raises SimulationError if nothing is whole."""
    if member.progress.current is None or member.progress.current.stage != "production":
        return None
    saved = member.progress.resume(set(), step_ps)
    if saved.point.stage != "production":
        return None
    if saved.xml is None and saved.checkpoint is not None:
        raise SimulationError(
            f"{member.engine.name}: {saved.point.xml} is damaged, and a checkpoint is of a simulation of its own; turn "
            "simulate.batched off to go on, or delete the folder to simulate anew."
        )
    if saved.xml is None:
        return saved.start
    state = openmm.XmlSerializer.deserialize(saved.xml)
    return PhaseSpace(
        state.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
        state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond),
        None,
    )


class _Group:
    """Replicas that are level, as one system, while they run."""

    def __init__(self, members: Sequence[Member], stop: StopRequest) -> None:
        # What members may differ in (jobs.py) does not matter while they run.
        first = members[0].engine
        settings, platform, properties = first.settings, first.platform, first.properties
        self.members, self.settings, self.stop = members, settings, stop
        names = [member.engine.name for member in members]
        self.name = joint_name(members)
        self.batch = ApartBatch([member.engine.solvated for member in members], names)
        # The word of earlier versions, whose numbers stay.
        seed = derived_seed(settings.seed, "together", names[0], len(names))
        self.engine = Engine(self.batch.solvated, settings, seed, platform, properties, self.name)
        self.step_ps = settings.timestep * 1e-3
        self.pending = Pending(members, self.batch.parts)
        particles = self.batch.solvated.system.getNumParticles()
        logger.info("%s: %d particles on %s %s", self.name, particles, platform.getName(), properties or "")

    def _joined(self) -> PhaseSpace:
        """The members' phase spaces in their production, one after another."""
        phases = [member.phase for member in self.members if member.phase is not None]
        assert len(phases) == len(self.members), "all are in their production"
        velocities = [phase.velocities for phase in phases if phase.velocities is not None]
        return PhaseSpace(
            self.batch.at_sites(np.concatenate([phase.positions for phase in phases])),
            np.concatenate(velocities) if len(velocities) == len(phases) else None,
            None,
        )

    def _answer_stop(self, where: str) -> None:
        if self.stop.signal:
            raise Interrupted(
                f"{self.name}: stopped by {self.stop.signal} {where}; the same command goes on from there."
            )

    def equilibrate(self) -> None:
        """Minimise, run the stages before the production, and save where it begins."""
        start = self.engine.minimised(lambda: bool(self.stop.signal))
        start = PhaseSpace(self.batch.at_sites(start.positions), None, None)
        finished: list[list[dict[str, Any]]] = [[] for _ in self.members]
        for stage in equilibration_stages(self.settings):
            began = time.perf_counter()
            context = self.engine.context(stage, start)
            for _ in self._pieces(context, stage, 0, stage.steps, not stage.restrained):
                self._answer_stop("before its production")
            start = phase_space(context)
            start.positions = self.batch.at_sites(start.positions)
            seconds = (time.perf_counter() - began) / len(self.members)
            rows = self.pending.rows(start.velocities, stage.steps * self.step_ps)
            for records, row in zip(finished, rows, strict=True):
                records.append(stage.record(seconds, row))
        self._answer_stop("before its production")
        self.pending.begin(start, finished)

    def _pieces(
        self, context: openmm.Context, stage: Stage, first: int, last: int, carried: bool
    ) -> Iterator[tuple[int, np.ndarray]]:
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
                            f"{_CARRY_BACK:g} ps; raise simulate.friction or turn simulate.batched off."
                        )
                    positions = self.batch.at_sites(positions)
                    context.setPositions(positions)
                advance_bar(bar, steps * self.step_ps)
                made = (steps - first) * self.step_ps * len(self.members)
                rate = made * 86.4 / (time.perf_counter() - began)
                bar.set_postfix_str(f"{rate:.0f} ns/day in all", refresh=False)
                yield steps, positions

    def produce(self, until: int) -> None:
        """Run the production on to `until` steps; saves as it goes, and raises Interrupted if asked to stop before."""
        first = self.members[0].produced
        start = self._joined()
        stage = production_stage(self.settings)
        context = self.engine.context(stage, start, first)
        self._earlier = [member.progress.newest.seconds for member in self.members]
        self._began = saved = time.perf_counter()
        interval = self.settings.steps_per_frame
        steps = first
        try:
            for steps, positions in self._pieces(context, stage, first, until, carried=True):
                if steps % interval == 0:
                    now = steps // interval * self.settings.frame_interval
                    self.pending.add(positions, now)
                    if steps // interval % STATE_EVERY_FRAMES == 0 or steps == stage.steps:
                        self.pending.add_rows(self.pending.rows(phase_space(context).velocities, now))
                overdue = time.perf_counter() - saved > self.settings.checkpoint_interval
                if self.pending.full or overdue or self.stop.signal:
                    self._save(context, steps)
                    saved = time.perf_counter()
                    self._answer_stop(f"after {steps * self.step_ps:g} ps of production, all of it saved")
        except SimulationError:
            # As of a single simulation: the state is lost, the frames before it are good.
            with suppress(OSError):
                self.pending.rescue()
            raise
        if steps != self.members[0].produced:
            self._save(context, steps)

    def _save(self, context: openmm.Context, steps: int) -> None:
        """Save every member: its phase space, and what was written since the last time."""
        share = (time.perf_counter() - self._began) / len(self.members)
        self.pending.save(phase_space(context), steps, [earlier + share for earlier in self._earlier])


def run_apart(members: Sequence[Member], settings: SimulateSettings, stop: StopRequest) -> None:
    """Run all replicas to the end of their productions, those furthest behind first."""
    step_ps = settings.timestep * 1e-3
    total = production_stage(settings).steps
    for member in members:
        member.phase = _saved_phase(member, step_ps)
        if member.phase is not None and member.produced < total:
            member.progress.resumptions += 1
            logger.info("%s: goes on after %s", member.engine.name, describe(member.progress.newest, step_ps))
    group = None
    while behind := [member for member in members if member.produced < total]:
        least = min(member.produced for member in behind)
        level = [member for member in behind if member.produced == least]
        until = min((member.produced for member in behind if member.produced > least), default=total)
        if group is None or group.members != level:
            group = _Group(level, stop)
        if least < 0:
            group.equilibrate()
        else:
            group.produce(until)
