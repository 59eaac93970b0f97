"""The force field and the protocol against an independent simulation: phi and psi of ACE-ALA-NME in explicit water.

    python benchmarks/alanine.py --folder work/alanine --production 20 --json alanine.json

Runs MD of the capped alanine (amber99sb-ILDN, TIP3P, 300 K, 1 bar) in --folder; the same command goes on, and --analyse
counts what is there so far. Populations of phi > 0, alpha-R (phi < 0, -120 < psi < 50 degrees) and the rest, beta/PPII,
beside those of the 100 ns of ff99SB-ILDN in explicit water that cgnet's authors published: 2.4, 25 and 72 %. Standard
errors count independent frames, N over the statistical inefficiency of each population's indicator.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.simulate import EquilibrationStage, SimulateSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.files import MdFiles
from jamun.io.provenance import provenance
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.run import Peptide, simulate_to_files

# cgnet's 100 ns.
PUBLISHED = {"phi > 0": 0.024, "alpha-R": 0.25, "beta/PPII": 0.72}


def settings(nanoseconds: float) -> SimulateSettings:
    """A box wide enough for a cutoff of 0.8 nm around one residue."""
    return SimulateSettings(
        padding=1.3,
        box="dodecahedron",
        cutoff=0.8,
        switch_distance=0.0,
        timestep=4.0,
        hydrogen_mass=3.0,
        equilibration=[
            EquilibrationStage(ensemble="NVT", duration=10.0, restrained=True),
            EquilibrationStage(ensemble="NPT", duration=20.0, restrained=True),
            EquilibrationStage(ensemble="NVT", duration=20.0),
        ],
        production=1000.0 * nanoseconds,
        frame_interval=1.0,
    )


def inefficiency(indicator: np.ndarray) -> float:
    """1 + 2 sum of the autocorrelation of `indicator` (F,) up to its first zero: frames for one independent one."""
    centred = indicator - indicator.mean()
    if not centred.any():
        return float("nan")
    size = 2 * len(centred)
    spectrum = np.abs(np.fft.rfft(centred, size)) ** 2
    covariance = np.fft.irfft(spectrum, size)[: len(centred)] / np.arange(len(centred), 0, -1)
    correlation = covariance / covariance[0]
    end = int(np.argmax(correlation <= 0)) if (correlation <= 0).any() else len(correlation)
    return float(1 + 2 * correlation[1:end].sum())


def populations(trajectory: mdtraj.Trajectory) -> list[dict[str, Any]]:
    """Share of each region with its standard error."""
    phi, psi = (np.rad2deg(compute(trajectory)[1][:, 0]) for compute in (mdtraj.compute_phi, mdtraj.compute_psi))
    left = phi > 0
    alpha = ~left & (psi > -120) & (psi < 50)
    rows = []
    for name, members in (("phi > 0", left), ("alpha-R", alpha), ("beta/PPII", ~left & ~alpha)):
        share, g = float(members.mean()), inefficiency(members.astype(float))
        independent = len(members) / g
        rows.append(
            {
                "region": name,
                "share": share,
                "standard_error": float(np.sqrt(share * (1 - share) / independent)) if np.isfinite(g) else None,
                "independent_frames": independent,
                "published": PUBLISHED[name],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("work/alanine"))
    parser.add_argument("--production", type=float, default=20.0, help="ns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--analyse", action="store_true", help="count what is there, without simulating")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = options.folder
    files = MdFiles.in_folder(folder)
    pdb, unfinished = folder / "A.pdb", folder / "work" / "replica_1" / "trajectory.xtc"
    if not options.analyse:
        folder.mkdir(parents=True, exist_ok=True)
        if not pdb.exists():
            build_to_files(parse_sequence("A"), "capped", 7.0, pdb, folder / "A.json")
        peptide = Peptide("A", pdb, settings(options.production), folder / "work", files)
        simulate_to_files(peptide, threads=options.threads)
    trajectory = mdtraj.load(str(unfinished if options.analyse else files.trajectory), top=str(pdb))
    rows = populations(trajectory)
    for row in rows:
        error = "?" if row["standard_error"] is None else f"{row['standard_error']:.3f}"
        print(f"{row['region']:10} {row['share']:.3f} +- {error}  (published {row['published']:.3f})")
    if options.json:
        record = {"ns": trajectory.n_frames * 1e-3, "populations": rows, "provenance": provenance("openmm", "mdtraj")}
        if not options.analyse:
            record["md"] = read_json(folder / "md.json")["production"]
        write_json(options.json, record)


if __name__ == "__main__":
    main()
