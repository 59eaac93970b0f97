"""How much faster many simulations run as one system than one alone, on this machine.

    python benchmarks/batched.py --platform CUDA --copies 1 16 128 1024 --json together.json

Copies of a capped dipeptide in implicit solvent with the settings of the study, as `simulate.batched` makes them one
system, frames and checks included. Each number of copies is run for `--seconds` after a warm-up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config import load
from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.batch import ApartBatch
from jamun.simulate.engine import Engine
from jamun.simulate.platform import choose
from jamun.simulate.protocol import PhaseSpace, minimised, production_stage
from jamun.simulate.system import make_system

ROOT = Path(__file__).resolve().parents[1]
# Steps between two looks at all positions, as in a simulation, and before the clock starts.
_PIECE, _WARM_UP = 500, 500


def measure(pdb: Path, settings: SimulateSettings, copies: int, seconds: float, threads: int) -> dict[str, Any]:
    """Particles, steps a second and ns a day of all `copies` of the peptide in `pdb`."""
    platform, properties = choose(settings, threads)
    alone = make_system(pdb, settings, "beta")
    start = minimised(alone, settings, platform, properties)
    batch = ApartBatch([alone] * copies, [f"copy {number}" for number in range(1, copies + 1)])
    engine = Engine(batch.solvated, settings, settings.seed, platform, properties, f"{copies} together")
    positions = batch.at_sites(np.tile(start.positions, (copies, 1)))
    stage = production_stage(settings)
    context = engine.context(stage, PhaseSpace(positions, None, None))
    engine.advance(context, _WARM_UP, stage, 0.0)
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        positions = engine.advance(context, _PIECE, stage, 0.0)
        context.setPositions(batch.at_sites(positions))
        steps += _PIECE
    a_day = steps * settings.timestep * 1e-6 * copies * 86400 / taken
    return {
        "copies": copies,
        "particles": batch.solvated.system.getNumParticles(),
        "platform": platform.getName(),
        "steps_a_second": steps / taken,
        "ns_a_day": a_day,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequence", default="FA", help="the dipeptide (default %(default)s)")
    parser.add_argument("--platform", default="auto", help="OpenMM platform (default %(default)s)")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 4, 16], help="numbers of simulations together")
    parser.add_argument("--seconds", type=float, default=10.0, help="wall clock of each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads, on the CPU platform")
    parser.add_argument("--json", type=Path, help="file for the record")
    chosen = parser.parse_args()
    settings = SimulateSettings(
        **load(ROOT / "configs" / "implicit.yaml").simulate.model_dump() | {"platform": chosen.platform}
    )
    with tempfile.TemporaryDirectory() as folder:
        pdb = Path(folder) / f"{chosen.sequence}.pdb"
        build_to_files(parse_sequence(chosen.sequence), "capped", 7.0, pdb, pdb.with_suffix(".json"))
        rows = []
        for copies in chosen.copies:
            rows.append(measure(pdb, settings, copies, chosen.seconds, chosen.threads))
            print("{copies:>6} {particles:>8} {platform} {steps_a_second:10.1f} steps/s {ns_a_day:12.1f} ns/day".format(
                **rows[-1]))  # fmt: skip
    if chosen.json:
        write_json(chosen.json, {"rows": rows, "provenance": provenance("openmm", "numpy")})


if __name__ == "__main__":
    main()
