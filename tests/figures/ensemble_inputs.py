"""MD and samples of a capped Ala-Met as trajectories, turned and moved at random."""

from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import heavy_atoms
from jamun.evaluation.alignment import aligned_to_files
from jamun.evaluation.pair import Files
from jamun.io.atomic import write_json
from jamun.peptides.build import build_peptide
from jamun.peptides.sequences import parse_sequence

RESULT = {"peptide": "AM", "model": "default", "reference": {"frames": 90}, "samples": {"frames": 60}}


def _turned(positions: np.ndarray, frames: int, noise: float, seed: int) -> np.ndarray:
    """Positions (frames, N, 3) in nm: `positions` (N, 3) with noise, each turned and moved."""
    rng = np.random.default_rng(seed)
    turned = []
    for _ in range(frames):
        rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        rotation[0] *= np.sign(np.linalg.det(rotation))
        turned.append((positions + noise * rng.standard_normal(positions.shape)) @ rotation.T + rng.standard_normal(3))
    return np.array(turned, dtype=np.float32)


def make_trajectories(folder: Path) -> dict[str, Path]:
    """90 frames of MD with hydrogens in two replicas, and 60 samples of heavy atoms; paths by argument's name."""
    topology, positions, _ = build_peptide(parse_sequence("AM"), "capped", 7.0)
    whole = mdtraj.Topology.from_openmm(topology)
    kept = heavy_atoms(whole)
    md = mdtraj.Trajectory(_turned(positions, 90, 0.01, 1), whole)
    samples = mdtraj.Trajectory(_turned(positions[kept], 60, 0.02, 2), whole.subset(kept))
    paths = {
        name: folder / file
        for name, file in (
            ("reference", "md.xtc"),
            ("reference_topology", "md.pdb"),
            ("md_record", "md.json"),
            ("samples", "samples.xtc"),
            ("samples_topology", "samples.pdb"),
        )
    }
    md.save_xtc(str(paths["reference"]))
    md[0].save_pdb(str(paths["reference_topology"]))
    samples.save_xtc(str(paths["samples"]))
    samples[0].save_pdb(str(paths["samples_topology"]))
    production = {"seconds": None, "seconds_per_frame": None, "frame_interval_ps": 1.0}
    write_json(paths["md_record"], {"boundaries": [0, 40, 90], "production": production})
    return paths


def make_ensemble(folder: Path, frames: int) -> tuple[Path, Path, Path]:
    """Superposed PDBs of MD and samples, and the comparison's JSON."""
    paths = folder / "ensemble/md.pdb", folder / "ensemble/samples.pdb", folder / "result.json"
    made = make_trajectories(folder)
    md = Files(*(made[name] for name in ("reference", "reference_topology", "md_record")))
    aligned_to_files(md, Files(made["samples"], made["samples_topology"]), frames, paths[0], paths[1])
    write_json(paths[2], RESULT)
    return paths
