"""What an evaluation costs as chains grow: all pairs of atoms against lists of neighbours, in one process, one thread.

    python benchmarks/longer_chains.py --json result.json

Helices of alanine, and the globules that as many atoms make at the density of a folded protein, each with noise.
The network is of the size of the shipped ones, with a cutoff and random weights. Memory is of a process of its own.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mdtraj
import torch

from jamun.config.network import NetworkSettings
from jamun.data.molecule import Molecule
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.model import denoiser as form
from jamun.model.conditioning import Conditioning
from jamun.model.denoiser import Denoiser
from jamun.model.geometry import neighbour_lists
from jamun.model.network import preconditioning

SETTINGS = NetworkSettings(
    hidden_irreps="96x0e + 24x1e", n_convolutions=5, n_radial=32, radial_width=16, cutoff="0.9 nm"
)
SQUARED = 0.3  # nm^2
# Atoms in a nm^3 of a folded protein, hydrogens not counted: 1.35 g/cm^3 at 13.9 g/mol each.
DENSITY = 58.0
FORMS = {"dense": (10**9, 0.0), "lists": (0, 1.0)}


def helix(residues: int) -> tuple[torch.Tensor, Molecule]:
    """Positions (1, N, 3) in nm and the molecule of alanines, without hydrogens."""
    import pymol2

    with pymol2.PyMOL() as pymol, tempfile.TemporaryDirectory() as folder:
        pymol.cmd.feedback("disable", "all", "everything")
        pymol.cmd.fab("A" * residues, "peptide", hydro=0, ss=1)
        pymol.cmd.save(f"{folder}/helix.pdb")
        read = mdtraj.load(f"{folder}/helix.pdb")
    return torch.from_numpy(read.xyz.copy()), Molecule.from_topology(read.topology)


def globule(atoms: int) -> torch.Tensor:
    """Positions (1, N, 3) in nm of atoms spread over a ball of DENSITY: of neighbours there are as many as in a folded
    protein, which is all that time and memory depend on."""
    radius = (3 * atoms / (4 * math.pi * DENSITY)) ** (1 / 3)
    directions = torch.randn(1, atoms, 3)
    return radius * torch.rand(1, atoms, 1) ** (1 / 3) * directions / directions.norm(dim=-1, keepdim=True)


class Problem:
    """A chain of so many residues in one of two shapes, at noise level `sigma` (nm)."""

    def __init__(self, shape: str, residues: int, sigma: float) -> None:
        torch.manual_seed(0)
        self.sigma = sigma
        self.network = Denoiser(SETTINGS, SQUARED)
        with torch.no_grad():
            self.network.gain.fill_(1.0)
        clean, molecule = helix(residues)
        self.atoms = molecule.n_atoms
        clean = clean if shape == "helix" else globule(self.atoms)
        self.y = clean + sigma * torch.randn(clean.shape)
        self.conditioning = Conditioning.from_molecule(molecule)
        with torch.no_grad():
            self.prepared = self.network.prepare(self.conditioning)

    def neighbours(self) -> tuple[int, float]:
        """The most that an atom has, and the mean."""
        c_in = preconditioning(torch.tensor(self.sigma), SQUARED)[0]
        lists = neighbour_lists(c_in * self.y, self.prepared.edge_weight, float(self.network.cutoff))
        others = (lists != torch.arange(self.atoms)[None, :, None]).sum(2)
        return int(others.max()), float(others.float().mean())

    def evaluate(self, name: str) -> torch.Tensor:
        form.MOST_ATOMS_DENSE, form.MOST_NEIGHBOURS = FORMS[name]
        with torch.no_grad():
            return self.network(self.y, self.sigma, self.prepared)

    def train(self, name: str) -> None:
        form.MOST_ATOMS_DENSE, form.MOST_NEIGHBOURS = FORMS[name]
        self.network(self.y, self.sigma, self.conditioning).square().sum().backward()

    def search(self) -> None:
        self.neighbours()


def fastest(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """ms of this process's own time, the least of `repeats` rounds in which the calls take turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], 1000 * (time.process_time() - start))
    return best


def peak_mb() -> float:
    """Memory of this process at most, MB, since this was last called."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return next(float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:"))


def measured_mb(what: str, shape: str, residues: int, sigma: float) -> float:
    """Peak of a process that makes one evaluation in the form `what`, over what it had before."""
    command = [sys.executable, __file__, "--peak-of", what, "--shapes", shape, "--residues", str(residues)]
    done = subprocess.run([*command, "--sigma", str(sigma)], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def row(shape: str, residues: int, sigma: float, repeats: int) -> dict[str, Any]:
    """All numbers of one molecule."""
    problem = Problem(shape, residues, sigma)
    apart = (problem.evaluate("lists") - problem.evaluate("dense")).abs().max()
    most, mean = problem.neighbours()
    calls: dict[str, Callable[[], object]] = {"search_ms": problem.search}
    for name in FORMS:
        calls[f"{name}_ms"] = partial(problem.evaluate, name)
        calls[f"{name}_gradient_ms"] = partial(problem.train, name)
    numbers: dict[str, Any] = {"shape": shape, "residues": residues, "atoms": problem.atoms, "sigma_nm": sigma}
    numbers |= {"most_neighbours": most, "mean_neighbours": round(mean, 1), "largest_difference_nm": float(apart)}
    numbers |= {name: round(value, 2) for name, value in fastest(calls, repeats).items()}
    numbers |= {f"{name}_mb": round(measured_mb(name, shape, residues, sigma), 1) for name in FORMS}
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residues", type=int, nargs="+", default=[2, 4, 8, 13, 20, 26, 50, 102])
    parser.add_argument("--shapes", nargs="+", choices=["helix", "globule"], default=["helix", "globule"])
    parser.add_argument("--sigma", type=float, default=0.08, help="noise level, nm")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak-of", choices=list(FORMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak_of:
        problem = Problem(options.shapes[0], options.residues[0], options.sigma)
        peak_mb()
        before = peak_mb()
        problem.evaluate(options.peak_of)
        print(peak_mb() - before)
        return
    rows = []
    for shape in options.shapes:
        for residues in options.residues:
            rows.append(row(shape, residues, options.sigma, options.repeats))
            print(rows[-1], flush=True)
    if options.json:
        write_json(
            options.json, {"network": SETTINGS.model_dump(mode="json"), "rows": rows} | {"provenance": provenance()}
        )


if __name__ == "__main__":
    main()
