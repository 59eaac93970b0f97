"""Short MD runs from many starts, each a file, so that a killed round goes on: by processes on cores, or all of a round
as one system on a GPU."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from openmm import unit

from jamun.config.populations import OF_SIMULATE
from jamun.config.simulate import GPU_PLATFORMS, SimulateSettings
from jamun.io.atomic import read_npz, write_npz
from jamun.io.log import UserError
from jamun.io.signals import end_with
from jamun.simulate.batch import DRIFT, ApartBatch
from jamun.simulate.system import SimulationSystem

# Keys of a section `simulate` that say on what runs are made.
_MADE_ON = ("platform", "precision", "jobs_per_gpu")
_CONSTRAINT_TOLERANCE = 1e-6


def implicit_settings(simulate: Mapping[str, Any]) -> SimulateSettings:
    """Settings in implicit solvent with what short runs take of a section `simulate`, and nothing else of it."""
    kept = {key: simulate[key] for key in (*OF_SIMULATE, *_MADE_ON) if key in simulate}
    return SimulateSettings(solvent="implicit", ensemble="NVT", equilibration=[], **kept)


@dataclass(frozen=True)
class RunSettings:
    """How each short run is made.

    system: OpenMM's XML of the system.
    simulate: temperature, friction, time step.
    steps_per_frame: integration steps between frames.
    warm_up: frames left out at the start.
    frames: kept after those.
    atoms: indices (H,) of the atoms that are kept.
    platform: of OpenMM, by name.
    properties: of the platform.
    """

    system: str
    simulate: SimulateSettings
    steps_per_frame: int
    warm_up: int
    frames: int
    atoms: np.ndarray
    platform: str
    properties: dict[str, str]

    @property
    def batched(self) -> bool:
        """Whether runs are made as one system: on a GPU, which one peptide leaves idle."""
        return self.platform in GPU_PLATFORMS

    def context(self, system: openmm.System, seed: int) -> openmm.Context:
        """A context with an integrator of its own, whose noise is of this seed."""
        chosen = self.simulate
        integrator = openmm.LangevinMiddleIntegrator(
            chosen.temperature * unit.kelvin, chosen.friction / unit.picosecond, chosen.timestep * unit.femtoseconds
        )
        integrator.setRandomNumberSeed(seed)
        platform = openmm.Platform.getPlatformByName(self.platform)
        return openmm.Context(system, integrator, platform, self.properties)

    def begin(self, context: openmm.Context, positions: np.ndarray, seed: int) -> None:
        """Put a context to positions (N, 3) in nm, with velocities of the temperature."""
        context.setPositions(positions)
        context.applyConstraints(_CONSTRAINT_TOLERANCE)
        context.setVelocitiesToTemperature(self.simulate.temperature * unit.kelvin, seed)


@dataclass(frozen=True)
class ShortRun:
    """One run: the file it is written to, where it starts (N, 3) in nm, its seed."""

    path: Path
    start: np.ndarray
    seed: int


def _positions(context: openmm.Context) -> np.ndarray:
    found: np.ndarray = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return found


def _write(run: ShortRun, frames: np.ndarray, seconds: float) -> None:
    """Publish the frames (F, H, 3) of one run and its wall clock. Raises UserError for positions that are not
    finite."""
    if not np.isfinite(frames).all():
        raise UserError(f"{run.path.stem}: positions are not finite; shorten simulate.timestep.")
    write_npz(run.path, {"positions": frames, "seconds": np.array(seconds)})


_SYSTEMS: dict[str, openmm.System] = {}


def run_short(run: ShortRun, settings: RunSettings) -> Path:
    """Make one run, unless its file is there, and give its path.

    The same run gives the same frames, whatever was made before it: context, integrator and velocities are its own.
    Raises UserError for positions that are not finite.
    """
    if run.path.exists():
        return run.path
    began = time.perf_counter()
    if settings.system not in _SYSTEMS:
        _SYSTEMS.clear()
        _SYSTEMS[settings.system] = openmm.XmlSerializer.deserialize(settings.system)
    context = settings.context(_SYSTEMS[settings.system], run.seed)
    settings.begin(context, run.start, run.seed)
    integrator = context.getIntegrator()
    frames = np.empty((settings.frames, len(settings.atoms), 3), dtype=np.float32)
    try:
        integrator.step(settings.warm_up * settings.steps_per_frame)
        for frame in frames:
            integrator.step(settings.steps_per_frame)
            frame[:] = _positions(context)[settings.atoms]
    except openmm.OpenMMException as error:
        raise UserError(f"{run.path.stem}: {error}; shorten simulate.timestep.") from None
    _write(run, frames, time.perf_counter() - began)
    return run.path


def run_batched(
    runs: list[ShortRun], settings: RunSettings, member: SimulationSystem, stopped: Callable[[], bool]
) -> list[Path]:
    """Make runs of one peptide as one system, in which they do not see each other, and give their paths.

    Noise and velocities are of the whole, so all runs are made again where the file of one is missing. A peptide is
    carried back to its site at each frame, which changes nothing (see ApartBatch); frames are centred.

    `member` is the peptide by itself. No file is written and no path given where it is `stopped`. Raises UserError for
    positions that are not finite, or a peptide that came near another one.
    """
    if all(run.path.exists() for run in runs):
        return [run.path for run in runs]
    began = time.perf_counter()
    batch = ApartBatch([member] * len(runs), [run.path.stem for run in runs])
    context = settings.context(batch.solvated.system, runs[0].seed)
    settings.begin(context, batch.at_sites(np.concatenate([run.start for run in runs])), runs[0].seed)
    integrator = context.getIntegrator()
    frames = np.empty((len(runs), settings.frames, len(settings.atoms), 3), dtype=np.float32)
    for number in range(-settings.warm_up, settings.frames):
        if stopped():
            return []
        try:
            integrator.step(settings.steps_per_frame)
        except openmm.OpenMMException as error:
            raise UserError(f"{runs[0].path.stem}: {error}; shorten simulate.timestep.") from None
        positions = _positions(context)
        drift = batch.drift(positions)
        if not drift <= DRIFT:  # of positions that are not finite, too
            raise UserError(
                f"{runs[0].path.stem}: a peptide of the batch drifted by {drift:.1f} nm between two frames; shorten "
                "populations.frame_interval or simulate.timestep."
            )
        context.setPositions(batch.at_sites(positions))
        if number >= 0:
            centred = batch.parts.centred(positions)
            frames[:, number] = [centred[part][settings.atoms] for part in batch.parts.slices]
    seconds = (time.perf_counter() - began) / len(runs)
    for run, own in zip(runs, frames, strict=True):
        _write(run, own, seconds)
    return [run.path for run in runs]


def run_all(runs: list[ShortRun], settings: RunSettings, processes: int) -> Iterator[Path]:
    """Make runs on so many cores; gives the path of each as it is there, those that were there at first."""
    missing = [run for run in runs if not run.path.exists()]
    yield from (run.path for run in runs if run.path.exists())
    if processes == 1:
        for run in missing:
            yield run_short(run, settings)
        return
    # Forked: a spawned process would run the script of a Snakemake job once more.
    with ProcessPoolExecutor(processes, get_context("fork"), initializer=end_with, initargs=(os.getpid(),)) as pool:
        try:
            yield from pool.map(run_short, missing, repeat(settings))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_run(path: Path) -> np.ndarray:
    """Positions (F, H, 3) of one run in nm."""
    return read_npz(path)["positions"]


def seconds_of(path: Path) -> float:
    """Wall clock of one run; of a batched one, its share."""
    return float(read_npz(path)["seconds"])
