"""The speed of molecular dynamics: production against bare OpenMM, and how many simulations share a machine best.

    python benchmarks/simulation.py --json simulation.json                       # both, on this machine's processor
    python benchmarks/simulation.py --parts sharing --platform CUDA --jobs 1 2 4 8 --json gpu.json

Production is what `jamun simulate` times: integration, frames, energies, checks and saved states. The bare loop makes
the same number of steps of the same system and does nothing else. Rounds of both alternate, and the median of their
ratios counts, so that it holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import openmm

from jamun.config import load
from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.files import MdFiles
from jamun.io.provenance import provenance
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.engine import Engine
from jamun.simulate.platform import choose
from jamun.simulate.protocol import production_stage
from jamun.simulate.run import Peptide, simulate_to_files
from jamun.simulate.system import make_system

ROOT = Path(__file__).resolve().parents[1]
# Production of a round, ps: long enough that the save at its end, due once a minute, counts little.
CASES = {"demo (explicit, 4 fs)": ("config.yaml", 16.0), "paper (explicit, 2 fs)": ("configs/paper.yaml", 8.0)}
CASES["study (implicit)"] = ("configs/implicit_cpu.yaml", 1000.0)
# Steps before the clock starts: kernels are compiled and neighbour lists settle.
_WARM_UP = 200


def short(settings: SimulateSettings, production: float, platform: str) -> SimulateSettings:
    """The same settings with next to no equilibration, a production of `production` ps, and a platform."""
    implicit = settings.solvent == "implicit"
    return SimulateSettings(
        **settings.model_dump()
        | {
            "equilibration": [{"ensemble": "NVT" if implicit else "NPT", "duration": 1.0}],
            "production": max(production, settings.frame_interval),
            "replicas": 1,
            "starts": ["built"],
            "platform": platform,
        }
    )


def build(folder: Path, sequence: str) -> Path:
    """The capped peptide's PDB."""
    pdb = folder / f"{sequence}.pdb"
    build_to_files(parse_sequence(sequence), "capped", 7.0, pdb, folder / f"{sequence}.json")
    return pdb


def production_seconds(pdb: Path, settings: SimulateSettings, threads: int, folder: Path) -> float:
    """Seconds that the production took, by its record."""
    files = MdFiles.in_folder(folder)
    simulate_to_files(Peptide(pdb.stem, pdb, settings, folder / "w", files), threads=threads)
    return float(read_json(files.record)["production"]["seconds"])


def bare_context(pdb: Path, settings: SimulateSettings, threads: int) -> openmm.Context:
    """A context of the production's system, warm."""
    platform, properties = choose(settings, threads)
    system = make_system(pdb, settings)
    engine = Engine(system, settings, 0, platform, properties, pdb.stem)
    context = engine.context(production_stage(settings), engine.minimised())
    context.getIntegrator().step(_WARM_UP)
    context.getState(positions=True)
    return context


def timed_steps(context: openmm.Context, steps: int) -> float:
    """Seconds of the bare loop; reading the state waits for what a GPU still does."""
    began = time.perf_counter()
    context.getIntegrator().step(steps)
    context.getState(positions=True)
    return time.perf_counter() - began


def overhead(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Production against the bare loop, for each shipped configuration at its own reporting interval."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        pdb = build(Path(temporary), options.sequence)
        for name, (file, production) in CASES.items():
            settings = short(load(ROOT / file).simulate, production * options.length, options.platform)
            steps = settings.n_frames * settings.steps_per_frame
            context = bare_context(pdb, settings, options.threads)
            ratios, rates = [], []
            for number in range(options.rounds):
                before = timed_steps(context, steps // 2)
                with tempfile.TemporaryDirectory(dir=temporary) as folder:
                    ours = production_seconds(pdb, settings, options.threads, Path(folder))
                bare = before + timed_steps(context, steps - steps // 2)
                ratios.append(bare / ours)
                rates.append(steps / bare)
                print(f"{name}, round {number + 1}: {ratios[-1]:.3f} of the bare loop's speed", flush=True)
            rows.append(
                {
                    "case": name,
                    "particles": context.getSystem().getNumParticles(),
                    "platform": context.getPlatform().getName(),
                    "frame_interval_ps": settings.frame_interval,
                    "steps_a_round": steps,
                    "bare_steps_a_second": statistics.median(rates),
                    "share_of_bare": statistics.median(ratios),
                    "least": min(ratios),
                    "greatest": max(ratios),
                }
            )
    return rows


def work(options: argparse.Namespace) -> None:
    """One of several simulations at a time: prints its steps and seconds."""
    settings = short(load(ROOT / "config.yaml").simulate, 1.0, options.platform)
    context = bare_context(options.pdb, settings, options.threads)
    Path(options.ready).touch()
    while not Path(options.go).exists():
        time.sleep(0.01)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < options.seconds:
        timed_steps(context, 100)
        steps += 100
    print(steps, time.perf_counter() - began)


def sharing(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Simulations of the demo's system at a time, each in a process of its own: what they make together.

    On a processor the cores are split evenly among them; on a GPU all share it.
    """
    rows = []
    timestep = load(ROOT / "config.yaml").simulate.timestep
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pdb = build(folder, options.sequence)
        for round_, jobs in enumerate(options.jobs * 2):
            threads = max(1, options.threads // jobs) if options.platform != "CUDA" else 1
            go = folder / f"go_{round_}"
            processes = []
            for number in range(jobs):
                ready = folder / f"ready_{round_}_{number}"
                command = [sys.executable, __file__, "--worker", "--pdb", str(pdb), "--ready", str(ready)]
                command += ["--go", str(go), "--threads", str(threads), "--platform", options.platform]
                environment = os.environ | {"OPENMM_CPU_THREADS": str(threads)}
                command += ["--seconds", str(options.seconds)]
                processes.append((ready, subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)))
            while not all(ready.exists() for ready, _ in processes):
                if any(process.poll() for _, process in processes):
                    raise SystemExit("a simulation ended before it began; see above")
                time.sleep(0.05)
            go.touch()
            rate = 0.0
            for _, process in processes:
                steps, seconds = process.communicate()[0].split()
                rate += float(steps) / float(seconds)
            rows.append(
                {"jobs": jobs, "threads_each": threads, "steps_a_second": rate, "ns_a_day": rate * timestep * 0.0864}
            )
            print(", ".join(f"{key} {value:.4g}" for key, value in rows[-1].items()), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("overhead", "sharing"), default=["overhead", "sharing"])
    parser.add_argument("--platform", default="auto", choices=("auto", "CUDA", "OpenCL", "CPU", "Reference"))
    parser.add_argument("--threads", type=int, default=2, help="processor threads in all")
    parser.add_argument("--sequence", default="AA", help="the capped peptide")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of both loops")
    parser.add_argument("--length", type=float, default=1.0, help="factor on the production of a round")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="simulations at a time")
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds that simulations at a time run")
    parser.add_argument("--json", type=Path, help="file for the result")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    for hidden in ("--pdb", "--ready", "--go"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    result: dict[str, Any] = {"threads": options.threads, "provenance": provenance("openmm")}
    for part in options.parts:
        result[part] = {"overhead": overhead, "sharing": sharing}[part](options)
        if options.json:  # after each part: an interrupted run keeps what it measured
            write_json(options.json, result)
    for row in result.get("overhead", []):
        print(
            ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )


if __name__ == "__main__":
    main()
