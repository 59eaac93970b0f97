"""One peptide in a box of water of its own against the same peptide several times in one box (`simulate.batched`).

    python benchmarks/boxes.py single --out runs --ns 2.4
    python benchmarks/boxes.py batched --out runs --ns 0.6 --replicas 4
    python benchmarks/boxes.py compare --out runs --json benchmarks/results/boxes.json

Internal distributions have to be the same: a tether at one atom and other peptides beyond `padding` change none of
them. Both go on where they were stopped, and further with a larger `--ns`. Compared are means and standard deviations
of the energies of the peptide by itself, of sizes and of torsions, with standard errors by blocks of 150 ps; beside
them the density of the water and the temperature.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import openmm
import pandas as pd
from openmm import app, unit

from jamun.config.simulate import EquilibrationStage, SimulateSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.files import MdFiles
from jamun.io.provenance import provenance
from jamun.peptides.build import build_to_files, force_field
from jamun.peptides.sequences import CAPS, parse_sequence
from jamun.populations.basins import HELICAL_PSI
from jamun.simulate.batched import simulate_batched_to_files
from jamun.simulate.run import Peptide, simulate_to_files

SEQUENCE = "A"
BLOCK = 150.0  # ps


def settings(ns: float, replicas: int, batched: bool) -> SimulateSettings:
    """The same of both but for the box; 4 fs with heavy hydrogens."""
    stages = [("NVT", 5.0, True), ("NPT", 50.0, False), ("NVT", 20.0, False)]
    return SimulateSettings(
        timestep=4.0,
        hydrogen_mass=3.0,
        ensemble="NVT",
        equilibration=[
            EquilibrationStage(ensemble=ensemble, duration=duration, restrained=held)
            for ensemble, duration, held in stages
        ],
        production=1000 * ns,
        frame_interval=0.4,
        batched=batched,
        replicas=replicas,
        platform="CPU",
    )


def simulate(kind: str, out: Path, ns: float, replicas: int) -> None:
    """Run or extend the MD of one kind."""
    pdb = out / f"{SEQUENCE}.pdb"
    if not pdb.exists():
        out.mkdir(parents=True, exist_ok=True)
        build_to_files(parse_sequence(SEQUENCE), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    folder = out / kind
    folder.mkdir(exist_ok=True)
    own = settings(ns, replicas, kind == "batched")
    peptide = Peptide(SEQUENCE, pdb, own, folder / "work", MdFiles.in_folder(folder))
    if kind == "batched":
        simulate_batched_to_files([peptide], 1)
    else:
        simulate_to_files(peptide, 1)


def energies(frames: mdtraj.Trajectory) -> dict[str, np.ndarray]:
    """Of the peptide by itself, kJ/mol: bonds, angles and torsions, and what its atoms do to each other."""
    topology = frames.topology.to_openmm()
    system = force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    groups = {"HarmonicBondForce": 1, "HarmonicAngleForce": 2, "PeriodicTorsionForce": 3, "NonbondedForce": 4}
    for force in system.getForces():
        force.setForceGroup(groups.get(type(force).__name__, 0))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    found: dict[str, list[float]] = {name: [] for name in groups}
    for positions in frames.xyz:
        context.setPositions(positions)
        for name, group in groups.items():
            energy = context.getState(getEnergy=True, groups={group}).getPotentialEnergy()
            found[name].append(energy.value_in_unit(unit.kilojoule_per_mole))
    words = dict(zip(groups, ("bonds", "angles", "torsions", "nonbonded"), strict=True))
    return {f"energy of {words[name]}, kJ/mol": np.array(values) for name, values in found.items()}


def observed(folder: Path) -> tuple[dict[str, np.ndarray], int, float]:
    """Of each frame what is compared; frames in a block; ns in all."""
    frames = mdtraj.load(str(folder / "trajectory.xtc"), top=str(folder / "topology.pdb"))
    record = read_json(folder / "md.json")
    phi, psi = (np.degrees(compute(frames)[1][:, 0]) for compute in (mdtraj.compute_phi, mdtraj.compute_psi))
    ends = [atom.index for atom in frames.topology.atoms if atom.name in ("CH3", "C") and atom.residue.name in CAPS]
    found = energies(frames) | {
        "radius of gyration, nm": mdtraj.compute_rg(frames),
        "length, nm": np.linalg.norm(frames.xyz[:, ends[0]] - frames.xyz[:, ends[-1]], axis=1),
        "phi < -100 degrees": ((phi < -100) | (phi > 120)).astype(float),
        "psi helical": ((psi > HELICAL_PSI[0]) & (psi < HELICAL_PSI[1])).astype(float),
        "cos(phi)": np.cos(np.radians(phi)),
        "cos(psi)": np.cos(np.radians(psi)),
    }
    interval = record["settings"]["frame_interval"]
    return found, round(BLOCK / interval), len(frames) * interval * 1e-3


def moments(values: np.ndarray, block: int) -> dict[str, float]:
    """Mean and standard deviation with their standard errors by blocks."""
    blocks = values[: len(values) // block * block].reshape(-1, block)
    mean = float(values.mean())
    about = np.square(blocks - mean).mean(1)
    count = np.sqrt(len(blocks))
    deviation = float(np.sqrt(about.mean()))
    return {
        "mean": mean,
        "mean_error": float(blocks.mean(1).std(ddof=1) / count),
        "deviation": deviation,
        "deviation_error": float(about.std(ddof=1) / count / (2 * deviation)),
    }


def compare(out: Path) -> dict[str, Any]:
    """All quantities of both kinds, and by how many standard errors they differ."""
    kinds = {kind: observed(out / kind) for kind in ("single", "batched")}
    rows = []
    for name in kinds["single"][0]:
        one, other = (moments(found[name], block) for found, block, _ in kinds.values())
        apart = {
            what: (other[what] - one[what]) / float(np.hypot(one[f"{what}_error"], other[f"{what}_error"]))
            for what in ("mean", "deviation")
        }
        rows.append({"quantity": name, "single": one, "batched": other, "apart": apart})
    told = {}
    for kind, (_, _, ns) in kinds.items():
        state = pd.read_csv(out / kind / "state.csv")
        record = read_json(out / kind / "md.json")
        told[kind] = {
            "ns": ns,
            "replicas": record["settings"]["replicas"],
            "particles": record["n_atoms"],
            "temperature_k": float(state["temperature_k"].mean()),
            "density_g_ml": float(state["density_g_ml"].mean()),
        }
    return {"sequence": SEQUENCE, "runs": told, "rows": rows}


def main() -> None:
    """Run one kind, or compare both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["single", "batched", "compare"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ns", type=float, default=2.4, help="of each replica")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.what != "compare":
        simulate(options.what, options.out, options.ns, options.replicas)
        return
    found = compare(options.out)
    print(found["runs"])
    for row in found["rows"]:
        shown = [f"{row[kind]['mean']:.4g} ± {row[kind]['mean_error']:.2g}" for kind in ("single", "batched")]
        wide = [f"{row[kind]['deviation']:.4g} ± {row[kind]['deviation_error']:.2g}" for kind in ("single", "batched")]
        apart = [f"{row['apart'][what]:+.1f}" for what in ("mean", "deviation")]
        print("|", " | ".join([row["quantity"], *shown, apart[0], *wide, apart[1]]), "|")
    if options.json is not None:
        write_json(options.json, found | {"provenance": provenance("openmm", "mdtraj", "numpy")})


if __name__ == "__main__":
    main()
