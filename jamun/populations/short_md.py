"""Short MD runs from many starts, by processes on cores; each is a file, so that a killed round goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import read_npz, write_npz
from jamun.io.log import UserError


@dataclass(frozen=True)
class RunSettings:
    """How each short run is made.

    Attributes:
        system: OpenMM's XML of the system.
        simulate: temperature, friction, time step.
        steps_per_frame: integration steps between frames.
        warm_up: frames left out at the start.
        frames: kept after those.
        atoms: indices (H,) of the atoms that are kept.
    """

    system: str
    simulate: SimulateSettings
    steps_per_frame: int
    warm_up: int
    frames: int
    atoms: np.ndarray


@dataclass(frozen=True)
class ShortRun:
    """One run: the file it is written to, where it starts (N, 3) in nm, its seed."""

    path: Path
    start: np.ndarray
    seed: int


_SYSTEMS: dict[str, openmm.System] = {}


def run_short(run: ShortRun, settings: RunSettings) -> Path:
    """Make one run, unless its file is there, and give its path.

    The same run gives the same frames, whatever was made before it: context, integrator and velocities are its own.

    Raises:
        UserError: positions that are not finite.
    """
    if run.path.exists():
        return run.path
    if settings.system not in _SYSTEMS:
        _SYSTEMS.clear()
        _SYSTEMS[settings.system] = openmm.XmlSerializer.deserialize(settings.system)
    chosen = settings.simulate
    integrator = openmm.LangevinMiddleIntegrator(
        chosen.temperature * unit.kelvin, chosen.friction / unit.picosecond, chosen.timestep * unit.femtoseconds
    )
    integrator.setRandomNumberSeed(run.seed)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(_SYSTEMS[settings.system], integrator, platform)
    context.setPositions(run.start)
    context.applyConstraints(1e-6)
    context.setVelocitiesToTemperature(chosen.temperature * unit.kelvin, run.seed)
    frames = np.empty((settings.frames, len(settings.atoms), 3), dtype=np.float32)
    try:
        integrator.step(settings.warm_up * settings.steps_per_frame)
        for frame in frames:
            integrator.step(settings.steps_per_frame)
            positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
            frame[:] = positions[settings.atoms]
    except openmm.OpenMMException as error:
        raise UserError(f"{run.path.stem}: {error}; shorten simulate.timestep.") from None
    if not np.isfinite(frames).all():
        raise UserError(f"{run.path.stem}: positions are not finite; shorten simulate.timestep.")
    write_npz(run.path, {"positions": frames})
    return run.path


def _run_short(task: tuple[ShortRun, RunSettings]) -> Path:
    return run_short(*task)


def run_all(runs: list[ShortRun], settings: RunSettings, processes: int) -> Iterator[Path]:
    """Make runs on so many cores; gives the path of each as it is there, those that were there at first."""
    missing = [run for run in runs if not run.path.exists()]
    yield from (run.path for run in runs if run.path.exists())
    if processes == 1:
        for run in missing:
            yield run_short(run, settings)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(_run_short, [(run, settings) for run in missing])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_run(path: Path) -> np.ndarray:
    """Positions (F, H, 3) of one run in nm."""
    return read_npz(path)["positions"]
