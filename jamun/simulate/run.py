"""Simulate one peptide from its PDB to published files."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import unit
from tqdm import tqdm

from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import publish, write_json
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.simulate.output import Frames, frame_writers, peptide_topology, thermodynamics
from jamun.simulate.platform import choose
from jamun.simulate.protocol import (
    PhaseSpace,
    Stage,
    equilibration_stages,
    minimised,
    phase_space,
    production_stage,
    stage_context,
)
from jamun.simulate.system import SimulationError, SimulationSystem, make_system

logger = logging.getLogger(__name__)

# The energy of a frame costs a force evaluation of its own, so not every frame gets a row in the CSV.
STATE_EVERY_FRAMES = 10
# Steps between checks, and updates of the progress bar, in equilibration.
_EQUILIBRATION_CHUNK = 250
# No bond of a peptide comes near this, nm; across the boundary of a box it would be longer.
_TORN_BOND = 0.3


@dataclass
class Engine:
    """What every stage of one peptide's simulation needs."""

    solvated: SimulationSystem
    settings: SimulateSettings
    seed: int
    platform: openmm.Platform
    properties: dict[str, str]
    name: str

    def context(self, stage: Stage, start: PhaseSpace) -> openmm.Context:
        """A context for one stage."""
        return stage_context(self.solvated, stage, start, self.settings, self.seed, self.platform, self.properties)

    def advance(self, context: openmm.Context, steps: int, stage: Stage, last_good: float) -> np.ndarray:
        """Run `steps` and return the positions, (particles, 3) in nm; `last_good` is the stage's time so far, in ps.

        Raises SimulationError, naming the stage and the last good time, for a position that is not finite, a box
        that shrank below twice the cutoff, or a peptide that is torn.
        """
        try:
            context.getIntegrator().step(steps)
        except openmm.OpenMMException as error:
            message = str(error).split(". ")[0].rstrip(".")
            advice = (
                "raise simulate.padding or lower simulate.cutoff"
                if "box" in message
                else "shorten simulate.timestep or add an equilibration stage"
            )
            raise SimulationError(
                f"{self.name}, {stage.name}: stopped after the last good time of {last_good:g} ps ({message}); "
                f"{advice}."
            ) from None
        positions = context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        self.require_finite(context, positions, stage, last_good)
        self.require_whole(positions, stage, last_good)
        return positions

    def require_whole(self, positions: np.ndarray, stage: Stage, last_good: float) -> None:
        """Raises SimulationError if a bond of the peptide is longer than any bond can be."""
        first, second = self.solvated.peptide_bonds.T
        lengths = np.linalg.norm(positions[first] - positions[second], axis=1)
        longest = int(lengths.argmax())
        if lengths[longest] > _TORN_BOND:
            atoms = list(self.solvated.topology.atoms())
            raise SimulationError(
                f"{self.name}, {stage.name}: the bond between {atoms[first[longest]]} and {atoms[second[longest]]} is "
                f"{lengths[longest]:.2f} nm long after the last good time of {last_good:g} ps; shorten "
                "simulate.timestep or add an equilibration stage."
            )

    def require_finite(self, context: openmm.Context, positions: np.ndarray, stage: Stage, last_good: float) -> None:
        """Raises SimulationError if a position is not finite."""
        if np.isfinite(positions).all():
            return
        forces = context.getState(forces=True).getForces(asNumpy=True)
        magnitude = np.nan_to_num(np.linalg.norm(np.asarray(forces._value), axis=1), nan=np.inf)
        atoms = list(self.solvated.topology.atoms())
        worst = ", ".join(str(atoms[index]) for index in np.argsort(magnitude)[-3:])
        raise SimulationError(
            f"{self.name}, {stage.name}: positions are not finite after the last good time of {last_good:g} ps; "
            f"largest forces on {worst}; shorten simulate.timestep or add an equilibration stage."
        )


def _bar(total: float, description: str) -> tqdm:
    return tqdm(total=round(total, 6), desc=description, unit="ps", mininterval=5.0 if not sys.stderr.isatty() else 0.2)


def _show(bar: tqdm, now: float) -> None:
    """Move the bar to `now`, in ps; sums of small intervals would run past its end."""
    bar.update(min(now, bar.total) - bar.n)


def equilibrate(engine: Engine) -> tuple[PhaseSpace, list[dict[str, object]]]:
    """Minimise and run the equilibration stages; returns where they end, and a record of each."""
    start = minimised(engine.solvated, engine.settings, engine.platform, engine.properties)
    records = []
    for stage in equilibration_stages(engine.settings):
        began = time.perf_counter()
        context = engine.context(stage, start)
        step_ps = engine.settings.timestep * 1e-3
        with _bar(stage.steps * step_ps, f"{engine.name} {stage.name}") as bar:
            done = 0
            while done < stage.steps:
                steps = min(_EQUILIBRATION_CHUNK, stage.steps - done)
                engine.advance(context, steps, stage, done * step_ps)
                done += steps
                _show(bar, done * step_ps)
        start = phase_space(context)
        final = thermodynamics(context, engine.solvated, stage.steps * step_ps)
        records.append(
            {
                "name": stage.name,
                "ensemble": stage.ensemble,
                "steps": stage.steps,
                "restrained": stage.restrained,
                "seconds": time.perf_counter() - began,
                "end": final,
            }
        )
    return start, records


def produce(engine: Engine, start: PhaseSpace, frames: Frames) -> float:
    """Run the production, writing as it goes; returns its wall-clock seconds."""
    settings, stage = engine.settings, production_stage(engine.settings)
    context = engine.context(stage, start)
    began = time.perf_counter()
    with _bar(settings.production, f"{engine.name} production") as bar:
        for frame in range(1, settings.n_frames + 1):
            now = frame * settings.frame_interval
            positions = engine.advance(context, settings.steps_per_frame, stage, now - settings.frame_interval)
            frames.write(positions[engine.solvated.peptide_atoms], now)
            if frame % STATE_EVERY_FRAMES == 0 or frame == settings.n_frames:
                frames.write_state(thermodynamics(context, engine.solvated, now))
            _show(bar, now)
            bar.set_postfix_str(f"{now * 86.4 / (time.perf_counter() - began):.1f} ns/day", refresh=False)
    return time.perf_counter() - began


def simulate_to_files(
    pdb: Path,
    name: str,
    settings: SimulateSettings,
    trajectory: Path,
    topology: Path,
    state: Path,
    record: Path,
    work: Path,
    threads: int,
) -> None:
    """Simulate the peptide in `pdb` and publish trajectory (XTC), topology (PDB), state (CSV) and record (JSON).

    Everything is written in `work` and published, file by file, when all of it is there; the record comes last. `work`
    may lie on another file system, such as a node's own disk. Raises SimulationError
    for a peptide, box or platform that cannot be simulated, before the simulation starts, and for one that blows up.
    """
    platform, properties = choose(settings, threads)
    solvated = make_system(pdb, settings)
    engine = Engine(solvated, settings, derived_seed(settings.seed, "simulate", name), platform, properties, name)
    logger.info(
        "%s: %d particles on %s %s", name, solvated.system.getNumParticles(), platform.getName(), properties or ""
    )
    work.mkdir(parents=True, exist_ok=True)
    start, stages = equilibrate(engine)
    with frame_writers(work / "trajectory.xtc", work / "state.csv") as frames:
        seconds = produce(engine, start, frames)
    peptide = peptide_topology(solvated)
    first = mdtraj.load_frame(str(work / "trajectory.xtc"), 0, top=peptide)
    first.save_pdb(str(work / "topology.pdb"))
    for source, target in (("trajectory.xtc", trajectory), ("topology.pdb", topology), ("state.csv", state)):
        publish(work / source, target)
    write_json(
        record,
        {
            "peptide": name,
            "settings": settings.model_dump(mode="json"),
            "seed": engine.seed,
            "platform": platform.getName(),
            "precision": properties.get("Precision", "platform's own"),
            "threads": threads,
            "n_atoms": solvated.system.getNumParticles(),
            "n_peptide_atoms": len(solvated.peptide_atoms),
            "stages": stages,
            "production": {
                "frames": settings.n_frames,
                "frame_interval_ps": settings.frame_interval,
                "state_interval_ps": STATE_EVERY_FRAMES * settings.frame_interval,
                "seconds": seconds,
                "seconds_per_frame": seconds / settings.n_frames,
                "ns_per_day": settings.production * 86.4 / seconds,
            },
            "boundaries": [0, settings.n_frames],
            "provenance": provenance("openmm", "mdtraj", "numpy"),
        },
    )
    shutil.rmtree(work)
