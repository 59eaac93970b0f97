"""How long a whole evaluation takes, and in what memory: `jamun evaluate` of 100,000 samples against 100,000 frames.

    python benchmarks/evaluation.py --json benchmarks/results/evaluation.json
    python benchmarks/evaluation.py --frames 10000 --sequence WF

Both trajectories are stitched from stretches of one short implicit-solvent simulation of the peptide, with noise of
1 pm, so their torsions jump and stay as those of MD do; what they say of each other is of no interest here. Memory is
the largest that the processes of the command held together.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import psutil

from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import write_json
from jamun.io.files import MdFiles
from jamun.io.provenance import provenance
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.run import Peptide, simulate_to_files

SIMULATION = SimulateSettings(
    solvent="implicit",
    ensemble="NVT",
    equilibration=[],
    timestep=4.0,
    hydrogen_mass=3.0,
    production=500.0,
    frame_interval=0.2,
    platform="Reference",
)
STRETCH, CHAINS = 100, 100


def simulated(sequence: str, folder: Path) -> mdtraj.Trajectory:
    """Heavy atoms of a short simulation of the peptide."""
    peptide = parse_sequence(sequence)
    pdb = folder / f"{peptide.name}.pdb"
    build_to_files(peptide, "capped", 7.0, pdb, folder / "built.json")
    files = MdFiles.in_folder(folder)
    simulate_to_files(Peptide(peptide.name, pdb, SIMULATION, folder / "work", files), threads=1)
    trajectory = mdtraj.load(files.trajectory, top=files.topology)
    return trajectory.atom_slice(trajectory.topology.select("element != H"))


def stitched(source: mdtraj.Trajectory, frames: int, seed: int) -> np.ndarray:
    """Positions (frames, atoms, 3): stretches of the source in random order, with noise of 1 pm."""
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, source.n_frames - STRETCH, -(-frames // STRETCH))
    chosen = (starts[:, None] + np.arange(STRETCH)).ravel()[:frames]
    return source.xyz[chosen] + generator.normal(0.0, 1e-3, (frames, source.n_atoms, 3)).astype(np.float32)


def write(positions: np.ndarray, path: Path, chains: int) -> None:
    """An XTC whose frames take turns between `chains` chains, as the sampler writes them; one is MD."""
    number = np.arange(len(positions))
    with mdtraj.formats.XTCTrajectoryFile(str(path), "w") as stream:
        steps = number % chains if chains > 1 else number
        stream.write(positions, time=(number // chains + 1).astype(np.float32), step=steps.astype(np.int32))


def run(command: list[str]) -> dict[str, Any]:
    """Seconds and the largest memory in MB of a command and its children. Raises CalledProcessError."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watched, largest = psutil.Process(child.pid), 0

    def watch() -> None:
        nonlocal largest
        while child.poll() is None:
            try:
                family = [watched, *watched.children(recursive=True)]
                largest = max(largest, sum(member.memory_info().rss for member in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = child.communicate()
    watcher.join()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return {"seconds": time.perf_counter() - begun, "peak_mb": largest / 1e6, "table": output.splitlines()}


def main() -> None:
    """Make both trajectories, evaluate them, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequence", default="AW", help="peptide, capped")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each trajectory")
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = simulated(arguments.sequence, folder)
        reference, samples, topology = folder / "reference.xtc", folder / "samples.xtc", folder / "topology.pdb"
        source[0].save_pdb(str(topology))
        write(stitched(source, arguments.frames, 1), reference, 1)
        write(stitched(source, arguments.frames, 2), samples, CHAINS)
        command = [sys.executable, "-c", "from jamun.cli import main; main()", "evaluate"]
        for option, path in (("reference", reference), ("samples", samples), ("topology", topology)):
            command += [f"--{option}", str(path)]
        measured = run([*command, "--out", str(folder / "out")])
    print(f"{measured['seconds']:.1f} s, {measured['peak_mb']:.0f} MB")
    if arguments.json:
        made_by = provenance("mdtraj", "numpy", "scipy", "deeptime", "POT")
        about = {"sequence": arguments.sequence, "frames": arguments.frames, "chains": CHAINS}
        write_json(arguments.json, about | measured | {"provenance": made_by})


if __name__ == "__main__":
    main()
