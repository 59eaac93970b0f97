"""How much faster many simulations run as one system than one by itself, on this machine.

    python benchmarks/batched.py --platform CUDA --copies 1 16 128 1024 --json batched.json
    python benchmarks/batched.py --solvent explicit --platform CUDA --copies 8 128 220 --json boxes.json

In implicit solvent: copies of one capped dipeptide as `simulate.batched` makes them one system, frames and checks
included. In explicit solvent: as many different dipeptides in one box of water, the core's time of their set-up,
and its speed after minimisation and 8 ps at constant pressure; `--seconds 0` sets up alone. Each is run for `--seconds`
after a warm-up.
"""

from __future__ import annotations

import argparse
import itertools
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
from jamun.simulate.protocol import PhaseSpace, Stage, phase_space, production_stage
from jamun.simulate.system import SimulationSystem, make_member
from jamun.simulate.water_box import water_box

ROOT = Path(__file__).resolve().parents[1]
# Steps between two looks at all positions, as in a simulation, before the clock starts, and at constant pressure.
_PIECE, _WARM_UP, _NPT = 500, 500, 2000
# Of the dipeptides that fill a box.
_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
_IN_WATER = {
    "solvent": "explicit",
    "batched": True,
    "padding": "0.8 nm",
    "cutoff": "0.9 nm",
    "switch_distance": "0.8 nm",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "minimize_tolerance": "100 kJ/mol/nm",
    "equilibration": [{"ensemble": "NPT", "duration": "8 ps"}],
    "ensemble": "NVT",
}


def built(folder: Path, sequence: str) -> Path:
    """The capped peptide's PDB."""
    pdb = folder / f"{sequence}.pdb"
    if not pdb.exists():
        build_to_files(parse_sequence(sequence), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    return pdb


def speed(engine: Engine, start: PhaseSpace, copies: int, seconds: float, batch: ApartBatch | None) -> dict[str, Any]:
    """Steps a second and ns a day of all `copies`, from a start that is at rest."""
    settings, stage = engine.settings, production_stage(engine.settings)
    context = engine.context(stage, start)
    engine.advance(context, _WARM_UP, stage, 0.0)
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        positions = engine.advance(context, _PIECE, stage, 0.0)
        if batch is not None:
            context.setPositions(batch.at_sites(positions))
        steps += _PIECE
    return {
        "steps_a_second": steps / taken,
        "ns_a_day": steps * settings.timestep * 1e-6 * copies * 86400 / taken,
    }


def without_water(pdb: Path, settings: SimulateSettings, copies: int, seconds: float, threads: int) -> dict[str, Any]:
    """Particles and speed of copies of the peptide in `pdb`."""
    platform, properties = choose(settings, threads)
    single = make_member(pdb, settings, "beta")
    start = Engine(single, settings, settings.seed, platform, properties, "one").minimised()
    batch = ApartBatch([single] * copies, [f"copy {number}" for number in range(1, copies + 1)])
    engine = Engine(batch.solvated, settings, settings.seed, platform, properties, f"{copies} copies")
    positions = batch.at_sites(np.tile(start.positions, (copies, 1)))
    return {"copies": copies, "particles": len(positions), "platform": platform.getName()} | speed(
        engine, PhaseSpace(positions, None, None), copies, seconds, batch
    )


def in_water(folder: Path, settings: SimulateSettings, copies: int, seconds: float, threads: int) -> dict[str, Any]:
    """Seconds of set-up, particles and speed of a box of `copies` dipeptides, different ones as far as there are."""
    sequences = ["".join(pair) for pair in itertools.product(_LETTERS, repeat=2)]
    names = list(itertools.islice(itertools.cycle(sequences), copies))
    pdbs = {name: built(folder, name) for name in names}
    began = time.process_time()
    members: dict[str, SimulationSystem] = {name: make_member(pdbs[name], settings) for name in pdbs}
    parametrised = time.process_time()
    box = water_box([members[name] for name in names], names, settings, settings.seed)
    ended, rest = time.process_time(), time.perf_counter()
    platform, properties = choose(settings, threads)
    row = {
        "copies": copies,
        "particles": len(box.positions),
        "platform": platform.getName(),
        "core_seconds_to_parametrise": parametrised - began,
        "core_seconds_to_fill_and_assemble": ended - parametrised,
    }
    if not seconds:
        return row
    engine = Engine(box, settings, settings.seed, platform, properties, f"{copies} in a box")
    stage = Stage("npt", "NPT", _NPT, False, settings.temperature)
    context = engine.context(stage, engine.minimised())
    for _ in range(0, _NPT, _PIECE // 2):
        engine.advance(context, _PIECE // 2, stage, 0.0)
        engine.follow(context)
    row["seconds_to_rest"] = time.perf_counter() - rest
    return row | speed(engine, phase_space(context), copies, seconds, None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solvent", choices=["implicit", "explicit"], default="implicit", help="(default %(default)s)")
    parser.add_argument("--sequence", default="FA", help="the dipeptide, implicit solvent only (default %(default)s)")
    parser.add_argument("--platform", default="auto", help="OpenMM platform (default %(default)s)")
    parser.add_argument(
        "--copies", type=int, nargs="+", default=[1, 4, 16], help="numbers of simulations in one system"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="wall clock of each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads, on the CPU platform")
    parser.add_argument("--folder", type=Path, help="where built peptides are kept for the next time")
    parser.add_argument("--json", type=Path, help="file for the record")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if chosen.solvent == "explicit":
            settings = SimulateSettings(**_IN_WATER | {"platform": chosen.platform})
            rows = [in_water(folder, settings, copies, chosen.seconds, chosen.threads) for copies in chosen.copies]
        else:
            implicit = load(ROOT / "configs" / "implicit.yaml").simulate.model_dump()
            settings = SimulateSettings(**implicit | {"platform": chosen.platform})
            pdb = built(folder, chosen.sequence)
            rows = [without_water(pdb, settings, copies, chosen.seconds, chosen.threads) for copies in chosen.copies]
    for row in rows:
        values = {key: f"{value:,.1f}" if isinstance(value, float) else value for key, value in row.items()}
        print(", ".join(f"{key} {value}" for key, value in values.items()))
    if chosen.json:
        write_json(chosen.json, {"rows": rows, "provenance": provenance("openmm", "numpy")})


if __name__ == "__main__":
    main()
