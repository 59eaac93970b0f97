"""Run one replica through its stages, from wherever it had come."""

import logging
import sys
import time
from contextlib import suppress
from typing import Any

import numpy as np
import openmm
from tqdm import tqdm

from jamun.io.disk import disk_errors
from jamun.io.log import Interrupted
from jamun.io.signals import StopRequest
from jamun.simulate.engine import Engine, made_by
from jamun.simulate.output import MOST_FRAMES, Chunk, thermodynamics
from jamun.simulate.progress import Progress, Saved, describe
from jamun.simulate.protocol import PhaseSpace, Stage, equilibration_stages, phase_space, production_stage
from jamun.simulate.system import SimulationError

logger = logging.getLogger(__name__)

# The energy of a frame costs a force evaluation of its own, so not every frame gets a row in the CSV.
STATE_EVERY_FRAMES = 10
# Steps between checks, and updates of the progress bar, in equilibration.
_EQUILIBRATION_CHUNK = 250
# Wall-clock seconds of steps between two looks at whether to stop, and steps before the speed is known.
_PIECE_SECONDS = 0.5
_FIRST_PIECE = 10


class _Pace:
    """How many steps to run at a time, so that a request to stop is answered soon."""

    def __init__(self) -> None:
        self.piece = _FIRST_PIECE
        self._then = time.perf_counter()

    def took(self, steps: int) -> None:
        """Note that `steps` have been run since the last note; a piece at most doubles, as first steps are slow."""
        now = time.perf_counter()
        rate = steps / max(now - self._then, 1e-6)
        self.piece = max(1, min(2 * self.piece, int(rate * _PIECE_SECONDS)))
        self._then = now


def stage_bar(name: str, first: float, total: float) -> "tqdm[Any]":
    """The progress bar of a stage of `total` ps that goes on after `first`."""
    interval = 5.0 if not sys.stderr.isatty() else 0.2
    return tqdm(total=round(total, 6), initial=round(first, 6), desc=name, unit="ps", mininterval=interval)


def advance_bar(bar: "tqdm[Any]", now: float) -> None:
    """Let a stage's bar tell of `now`, ps."""
    assert bar.total is not None, "stage_bar gave it"
    bar.update(min(now, bar.total) - bar.n)  # sums of small intervals would run past the end


class Outlet:
    """Where the frames of a simulation go, and what is saved with them: all to the folder of `progress`."""

    def __init__(self, engine: Engine, progress: Progress) -> None:
        self._solvated, self._progress = engine.solvated, progress
        self._chunk = Chunk(0)

    def begin(self, stage: str, start: PhaseSpace, finished: list[dict[str, Any]]) -> None:
        """Save the start of a stage; `finished` are the records of those before."""
        self._progress.begin(stage, start, finished)
        self._chunk = Chunk(0)

    def resume(self, held: set[str], step_ps: float) -> Saved:
        """The newest whole saved state; see Progress.resume."""
        saved = self._progress.resume(held, step_ps)
        self._chunk = Chunk(saved.point.frames)
        return saved

    def add(self, context: openmm.Context, positions: np.ndarray, time: float, row: bool) -> None:
        """Keep a frame of the production: `positions` (particles, 3) in nm, `time` in ps; with a `row` of the table."""
        self._chunk.extend(positions[None, self._solvated.peptide_atoms], [time])
        if row:
            self._chunk.add_row(thermodynamics(context, self._solvated, time))

    @property
    def full(self) -> bool:
        """Whether no more frames should be kept before they are saved."""
        return len(self._chunk) >= MOST_FRAMES

    def save(self, context: openmm.Context, steps: int, seconds: float) -> None:
        """Save the phase space after `steps` and `seconds` of the stage, and what was kept since the last time."""
        state = context.getState(positions=True, velocities=True, parameters=True)
        xml, checkpoint = openmm.XmlSerializer.serialize(state), context.createCheckpoint()
        self._progress.save(steps, seconds, self._chunk, xml, checkpoint, made_by(context))
        self._chunk = Chunk(self._progress.newest.frames)

    def rescue(self) -> None:
        """Write what was kept of a simulation that failed, as well as it goes."""
        self._progress.append(self._chunk)


class _StageRun:
    """One stage of one replica while it runs."""

    def __init__(self, engine: Engine, stage: Stage, progress: Progress, outlet: Outlet, stop: StopRequest) -> None:
        self.engine, self.stage, self.progress, self.outlet, self.stop = engine, stage, progress, outlet, stop
        self.step_ps = engine.settings.timestep * 1e-3
        self.producing = stage.name == "production"
        self.interval = engine.settings.steps_per_frame if self.producing else _EQUILIBRATION_CHUNK
        self.steps, self.earlier = progress.newest.steps, progress.newest.seconds
        self.began = self.saved = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall clock spent in the stage, in earlier runs too."""
        return self.earlier + time.perf_counter() - self.began

    def run(self, context: openmm.Context) -> None:
        """Run to the end of the stage; saves, and raises Interrupted, if asked to stop before."""
        total = self.stage.steps * self.step_ps
        first = self.steps * self.step_ps
        pace = _Pace()
        with stage_bar(f"{self.engine.name} {self.stage.name}", first, total) as bar:
            while self.steps < self.stage.steps:
                self._answer_stop(context)
                boundary = min((self.steps // self.interval + 1) * self.interval, self.stage.steps)
                piece = min(pace.piece, boundary - self.steps)
                last_good = self.steps // self.interval * self.interval * self.step_ps
                if self.steps + piece < boundary:
                    self.engine.step(context, piece, self.stage, last_good)
                    self.steps += piece
                else:
                    self._to_boundary(context, piece, last_good)
                    now = self.steps * self.step_ps
                    advance_bar(bar, now)
                    speed = (now - first) * 86.4 / (time.perf_counter() - self.began)
                    bar.set_postfix_str(f"{speed:.1f} ns/day", refresh=False)
                    overdue = time.perf_counter() - self.saved > self.engine.settings.checkpoint_interval
                    if overdue or self.outlet.full:
                        self.save(context)
                pace.took(piece)
        if self.producing and self.steps != self.progress.newest.steps:
            self.save(context)

    def _to_boundary(self, context: openmm.Context, piece: int, last_good: float) -> None:
        """Run `piece` steps to the next boundary; in production, where a frame is due."""
        positions = self.engine.advance(context, piece, self.stage, last_good)
        self.steps += piece
        if self.stage.ensemble == "NPT":
            self.engine.follow(context)
        if self.producing:
            frame = self.steps // self.interval
            row = frame % STATE_EVERY_FRAMES == 0 or self.steps == self.stage.steps
            self.outlet.add(context, positions, frame * self.engine.settings.frame_interval, row)

    def _answer_stop(self, context: openmm.Context) -> None:
        if self.stop.signal:
            if self.steps != self.progress.newest.steps:
                self.save(context)
            raise Interrupted(
                f"{self.engine.name}: stopped by {self.stop.signal} after {self.steps * self.step_ps:g} of "
                f"{self.stage.steps * self.step_ps:g} ps of {self.stage.name}, all of it saved in "
                f"{self.progress.folder}; the same command goes on from there."
            )

    def save(self, context: openmm.Context) -> None:
        """Save the phase space, and what was written since the last time."""
        self.outlet.save(context, self.steps, self.seconds)
        self.saved = time.perf_counter()

    def record(self, context: openmm.Context) -> dict[str, Any]:
        """Record of an equilibration stage at its end."""
        end = thermodynamics(context, self.engine.solvated, self.stage.steps * self.step_ps)
        return self.stage.record(self.seconds, end)


def run_replica(engine: Engine, progress: Progress, stop: StopRequest, outlet: Outlet | None = None) -> None:
    """Run the stages of one replica that are not done, from its saved state or from minimisation.

    Frames go to `outlet`, to the replica's own folder without one.

    Raises Interrupted, with everything saved, if asked to stop; SimulationError if the simulation goes wrong, with
    the frames before in the trajectory, or if the disk cannot be written, with the last saved state as it was.
    """
    particles = engine.solvated.system.getNumParticles()
    logger.info("%s: %d particles on %s %s", engine.name, particles, engine.platform.getName(), engine.properties or "")
    step_ps = engine.settings.timestep * 1e-3
    stages = [*equilibration_stages(engine.settings), production_stage(engine.settings)]

    def safe() -> str | None:
        return f"everything up to {describe(progress.current, step_ps)}" if progress.current else None

    with disk_errors(progress.folder, safe, SimulationError):
        _run_stages(engine, stages, progress, outlet or Outlet(engine, progress), stop)


def _run_stages(engine: Engine, stages: list[Stage], progress: Progress, outlet: Outlet, stop: StopRequest) -> None:
    step_ps = engine.settings.timestep * 1e-3
    if progress.current is None:
        start = engine.minimised(lambda: bool(stop.signal))
        if stop.signal:
            raise Interrupted(
                f"{engine.name}: stopped by {stop.signal} before its first step; the same command starts again."
            )
        outlet.begin(stages[0].name, start, [])
        context = engine.context(stages[0], start)
    else:
        saved = outlet.resume({stage.name for stage in stages if stage.restrained}, step_ps)
        if saved.point.stage == stages[-1].name and saved.point.steps >= stages[-1].steps:
            return
        current = next(stage for stage in stages if stage.name == saved.point.stage)
        context, source = engine.restored(current, saved)
        progress.resumptions += 1
        logger.info("%s: goes on after %s from %s", engine.name, describe(saved.point, step_ps), source)
        stages = stages[stages.index(current) :]
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        run = _StageRun(engine, stage, progress, outlet, stop)
        try:
            run.run(context)
        except SimulationError:
            # The state is lost, the frames before are good: they stay in the file until the run goes on. If they
            # cannot be written either, what the user must know is still the first error.
            with suppress(OSError):
                outlet.rescue()
            raise
        if following is not None:
            start = phase_space(context)
            outlet.begin(following.name, start, [*progress.newest.finished, run.record(context)])
            context = engine.context(following, start)
