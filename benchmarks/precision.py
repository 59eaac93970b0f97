"""What narrower matrix products cost a trained model in accuracy: the denoiser's error, and its samples' JS distances.

    python benchmarks/precision.py --checkpoint results/capped_demo/models/default/checkpoint.ckpt \\
        --pdb results/capped_demo/peptides/AW.pdb --md results/capped_demo/md/AW --json precision.json

On noisy frames of MD: |xhat - xhat_float32| an atom, over sigma. On samples of the same seed: the mean JS distance of
all torsions to MD, and to float32 samples; a second float32 run with another seed is the floor of both. A GPU computes
tf32 itself; on a processor its rounding of operands to 10 bits is imitated, which is exact but slow.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from jamun.config.sampling import SamplingSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.evaluation.js import histograms, js_distance
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.model.acceleration import matmul_precision
from jamun.model.checkpoint import LoadedDenoiser, load_denoiser
from jamun.model.conditioning import Conditioning
from jamun.peptides.torsions import compute_torsions
from jamun.sampling.noise import ChainNoise
from jamun.sampling.run import read_start
from jamun.sampling.walk import Chains, Dynamics, jump_is_due

BINS = 100
# Bits of a float32 mantissa that TF32 drops.
_DROPPED = 13
_PRODUCTS = {torch.ops.aten.mm.default, torch.ops.aten.bmm.default, torch.ops.aten.addmm.default}


def tf32_rounded(x: torch.Tensor) -> torch.Tensor:
    """float32 rounded to the nearest TF32 value, ties to even."""
    if x.dtype != torch.float32:
        return x
    bits = x.contiguous().view(torch.int32)
    half = (1 << (_DROPPED - 1)) - 1 + ((bits >> _DROPPED) & 1)
    return ((bits + half) & ~((1 << _DROPPED) - 1)).view(torch.float32)


class RoundedProducts(TorchDispatchMode):
    """Matrix products whose operands are rounded as a GPU's TF32 units round them."""

    def __torch_dispatch__(self, function: Any, types: Any, arguments: tuple = (), options: dict | None = None) -> Any:
        if function in _PRODUCTS:
            arguments = tuple(tf32_rounded(a) if isinstance(a, torch.Tensor) else a for a in arguments)
        return function(*arguments, **(options or {}))


def arithmetic(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """The context of one precision."""
    if precision == "tf32" and device.type == "cpu":
        return RoundedProducts()
    return matmul_precision(precision, device)


class Peptide:
    """A trained denoiser and the peptide it is measured on."""

    def __init__(self, loaded: LoadedDenoiser, pdb: Path, md: Path, device: torch.device) -> None:
        self.denoiser, self.sigma, self.device = loaded.denoiser, loaded.sigma, device
        self.structure = read_start(pdb)
        conditioning = Conditioning.from_molecule(Molecule.from_topology(self.structure.topology)).to(device)
        with torch.no_grad():
            self.prepared = self.denoiser.prepare(conditioning)
        frames = mdtraj.load(str(md / "trajectory.xtc"), top=str(md / "topology.pdb"))
        self.md = frames.atom_slice(heavy_atoms(frames.topology))

    def noisy(self, count: int) -> torch.Tensor:
        """Noisy frames, spread over the MD: (count, atoms, 3) nm."""
        rows = np.linspace(0, self.md.n_frames - 1, count).astype(int)
        clean = torch.from_numpy(self.md.xyz[rows]).float()
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        return (clean - clean.mean(1, keepdim=True) + self.sigma * noise).to(self.device)

    def torsions(self, positions: np.ndarray) -> np.ndarray:
        """Counts (torsions, bins) of all torsions but omega."""
        torsions, angles = compute_torsions(mdtraj.Trajectory(positions, self.structure.topology))
        return histograms(angles[:, [torsion.group != "omega" for torsion in torsions]], BINS)

    def samples(self, precision: str, settings: SamplingSettings, seed: int) -> tuple[np.ndarray, float]:
        """Torsion counts of the samples, and milliseconds a sample."""
        parts: list[np.ndarray] = []
        with torch.no_grad(), arithmetic(precision, self.device):
            start = torch.as_tensor(self.structure.xyz[0], dtype=torch.float32, device=self.device)
            dynamics = Dynamics.from_settings(
                lambda y: self.denoiser(y, self.sigma, self.prepared), self.sigma, settings
            )
            noise = ChainNoise(seed, range(settings.chains), start.shape[0], start.dtype, start.device)
            chains = Chains(dynamics, noise, start.expand(settings.chains, *start.shape))
            began, step = time.perf_counter(), 0
            while sum(map(len, parts)) < settings.samples:
                chains.step()
                step += 1
                if jump_is_due(step, settings):
                    parts.append(chains.walk.state.xhat[chains.alive].cpu().numpy())
            seconds = time.perf_counter() - began
        frames = np.concatenate(parts)
        return self.torsions(frames), 1e3 * seconds / len(frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained model")
    parser.add_argument("--pdb", type=Path, required=True, help="start of the samples")
    parser.add_argument("--md", type=Path, required=True, help="folder of the peptide's MD")
    parser.add_argument("--samples", type=int, default=20000)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    peptide = Peptide(load_denoiser(options.checkpoint, device), options.pdb, options.md, device)
    settings = SamplingSettings(samples=options.samples, chains=options.chains)
    y = peptide.noisy(256)
    with torch.no_grad():
        exact = peptide.denoiser(y, peptide.sigma, peptide.prepared)
    md = peptide.torsions(peptide.md.xyz)
    rows, float32 = [], None
    for name, precision, seed in (
        ("float32", "float32", 1),
        ("float32, another seed", "float32", 2),
        ("tf32" if device.type == "cuda" else "tf32 (imitated)", "tf32", 1),
        ("bfloat16", "bfloat16", 1),
    ):
        with torch.no_grad(), arithmetic(precision, device):
            error = (peptide.denoiser(y, peptide.sigma, peptide.prepared) - exact).norm(dim=-1) / peptide.sigma
        counts, milliseconds = peptide.samples(precision, settings, seed)
        float32 = counts if float32 is None else float32
        rows.append(
            {
                "precision": name,
                "rms_error_over_sigma": float(error.square().mean().sqrt()),
                "largest_error_over_sigma": float(error.max()),
                "js_to_md": float(js_distance(counts, md).mean()),
                "js_to_float32": float(js_distance(counts, float32).mean()),
                "ms_a_sample": milliseconds,
            }
        )
        print(", ".join(f"{key} {value:.4g}" if key != "precision" else name for key, value in rows[-1].items()))
    if options.json:
        result = {"rows": rows, "samples": options.samples, "device": str(device), "provenance": provenance("torch")}
        write_json(options.json, result)


if __name__ == "__main__":
    main()
