"""How fast one simulation runs by itself, where many ran as one system: the wall clock that samples are held against.

What a GPU makes of a thousand simulations at once says nothing of the time in which one user, on the cores that samples
were drawn on, would have had the MD of one peptide.
"""

import logging
import time
from pathlib import Path
from typing import Any

from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.provenance import provenance
from jamun.simulate.engine import Engine
from jamun.simulate.identity import start_of
from jamun.simulate.platform import choose
from jamun.simulate.protocol import production_stage
from jamun.simulate.run import replica_seed
from jamun.simulate.system import make_system

logger = logging.getLogger(__name__)

# Picoseconds before the clock is started: the first steps are of a hot start, and slower.
_WARM_UP = 2.0
# Wall clock that is measured, s.
_SECONDS = 20.0


def benchmark_single(pdb: Path, name: str, settings: SimulateSettings, threads: int, seconds: float) -> dict[str, Any]:
    """Run one simulation of the peptide in `pdb` for `seconds` of wall clock, with a frame taken as often as the
    settings say, and measure it.

    Returns platform, threads, the time simulated in ps, the wall clock in s, and ns_per_day. Raises SimulationError as
    a simulation does.
    """
    platform, properties = choose(settings, threads)
    solvated = make_system(pdb, settings, start_of(settings.starts, 1))
    engine = Engine(solvated, settings, replica_seed(settings, name, 1), platform, properties, f"{name} by itself")
    stage = production_stage(settings)
    context = engine.context(stage, engine.minimised())
    step_ps = settings.timestep * 1e-3
    engine.advance(context, round(_WARM_UP / step_ps), stage, 0.0)
    # Pieces of a fraction of a second, and no longer than what lies between two frames.
    piece = max(1, min(settings.steps_per_frame, round(1.0 / step_ps)))
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds or not steps:
        engine.advance(context, piece, stage, steps * step_ps)
        steps += piece
    made = steps * step_ps
    logger.info("%s: %.4g ns/day on %s", engine.name, made * 86.4 / taken, platform.getName())
    return {
        "platform": platform.getName(),
        "threads": threads,
        "picoseconds": made,
        "seconds": taken,
        "ns_per_day": made * 86.4 / taken,
    }


def record_single(record: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """The record of a simulation (md.json) as if all of it had been run at the speed of one by itself.

    Platform, threads and the wall clock of its production are those of the measurement, which is under `single`; what
    they were is under `batched`. All else is the record's.
    """
    production = record["production"]
    per_frame = production["frame_interval_ps"] * measured["seconds"] / measured["picoseconds"]
    return record | {
        "platform": measured["platform"],
        "threads": measured["threads"],
        "production": production
        | {
            "seconds": per_frame * production["frames"],
            "seconds_per_frame": per_frame,
            "ns_per_day": measured["ns_per_day"],
        },
        "single": measured,
        "batched": {
            "simulations": record.get("batched", record.get("together")),
            "platform": record["platform"],
            "threads": record["threads"],
            "production": production,
            "provenance": record["provenance"],
        },
        "provenance": provenance("openmm"),
    }


def benchmark_single_to_file(
    pdb: Path,
    name: str,
    settings: SimulateSettings,
    record: Path,
    target: Path,
    threads: int,
    seconds: float = _SECONDS,
) -> None:
    """Write record_single of a peptide's MD, measured for `seconds`. Raises SimulationError as a simulation does."""
    write_json(target, record_single(read_json(record), benchmark_single(pdb, name, settings, threads, seconds)))
