"""The authors' public network: speed of the contracted form beside the public form, which makes weights for every edge.

    python benchmarks/public_network.py --json benchmarks/results/public_network.json

Eight copies of a molecule of 22 atoms (capped HP), each with noise of its own, float32, random weights of the public
sizes, the same in both; in one process, in turns, so that ratios hold on a busy machine too. The public form here is
tests/model/public_edge_list.py: e3nn's tensor product, PyTorch Geometric's scattered means. Gradients are of the
training's squared error, by all weights. The operations of both, as PyTorch counts them in matrix products, stand
beside the times, and the rate of a large product of two matrices in the same turns.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Threads wait as PyTorch's own do, on cores that do nothing else; the package would have them sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
import mdtraj
import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "model"))

from public_checkpoint import SIGMA, SQUARED, random_weights
from public_edge_list import EdgeListNetwork

from jamun.config.public_network import PublicNetworkSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.model.acceleration import accelerated
from jamun.model.geometry import centre
from jamun.model.products import product
from jamun.model.public.codes import PublicConditioning
from jamun.model.public.layout import from_public
from jamun.model.public.network import PublicDenoiser

GRAPHS = 8
LARGE = 1024  # rows and columns of the large product


def networks() -> dict[str, Callable[..., torch.Tensor]]:
    """Both forms with the same weights."""
    settings = PublicNetworkSettings()
    weights = random_weights(settings)
    contracted = PublicDenoiser(settings, SQUARED)
    contracted.load_state_dict(
        from_public(weights, contracted) | {"mean_squared_distance": contracted.mean_squared_distance}
    )
    call = accelerated(contracted, "off", torch.device("cpu"))
    leaves = {key: value.requires_grad_() for key, value in weights.items()}
    return {"contracted": call, "weights an edge": EdgeListNetwork(settings, SQUARED, leaves)}


def problem() -> tuple[torch.Tensor, torch.Tensor, PublicConditioning]:
    """Clean and noisy positions (graphs, atoms, 3), and what the networks are told."""
    structure = mdtraj.load(f"{sys.path[0]}/public/capped_HP.pdb")
    kept = structure.atom_slice(heavy_atoms(structure.topology))
    told = PublicConditioning.from_molecule(Molecule.from_topology(structure.topology))
    told = told.select(torch.zeros(GRAPHS, dtype=torch.long))
    clean = centre(torch.as_tensor(kept.xyz[:1]).expand(GRAPHS, -1, -1), told.mask)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return clean, clean + SIGMA * noise, told


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall clock and processor time of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def _of_onednn(rows: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    """Operations of rows (..., K) times a weight that is given as (N, K)."""
    return 2 * rows.numel() * weight[0]


def operations(call: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products in a call, in 10^9."""
    with FlopCounterMode(display=False, custom_mapping={torch.ops.mkldnn._linear_pointwise: _of_onednn}) as counter:
        call()
    return counter.get_total_flops() / 1e9


def measured(repeats: int) -> dict[str, Any]:
    """Both forms in turns: the fastest of each, and the ratios of the neighbours in time."""
    clean, y, told = problem()
    forms = networks()

    def forward(network: Callable[..., torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            return network(y, SIGMA, told)

    def backward(network: Callable[..., torch.Tensor]) -> None:
        (network(y, SIGMA, told) - clean).square().sum(-1).mean().backward()

    matrix = torch.randn(LARGE, LARGE)
    found: dict[str, Any] = {}
    values = [forward(network) for network in forms.values()]
    found["largest difference, nm"] = float((values[0] - values[1]).abs().max())
    for what, call in (("forward", forward), ("forward + backward", backward)):
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in forms}
        counts = {name: operations(partial(call, network)) for name, network in forms.items()}
        for network in forms.values():
            call(network)  # the first call is slower
        peak = 0.0
        for _ in range(repeats):
            peak = max(peak, *(2e-9 * LARGE**3 / seconds(lambda: product(matrix, matrix))[0] for _ in range(10)))
            for name, network in forms.items():
                # The contracted form is so much faster that one call alone would meet a lucky or an unlucky moment.
                calls = 10 if name == "contracted" else 1
                runs = [seconds(partial(call, network)) for _ in range(calls)]
                times[name].append(tuple(statistics.median(column) for column in zip(*runs, strict=True)))
        fast, slow = times["contracted"], times["weights an edge"]
        found[what] = {
            "contracted, ms": 1e3 * min(wall for wall, _ in fast),
            "weights an edge, ms": 1e3 * min(wall for wall, _ in slow),
            "ratio": statistics.median(b[0] / a[0] for a, b in zip(fast, slow, strict=True)),
            "contracted, 10^9 operations": counts["contracted"],
            "weights an edge, 10^9 operations": counts["weights an edge"],
            "contracted, 10^9 operations a second": counts["contracted"] / min(wall for wall, _ in fast),
            "large product, 10^9 operations a second": peak,
            "ratio of processor time": statistics.median(b[1] / a[1] for a, b in zip(fast, slow, strict=True)),
        }
    return found


def main() -> None:
    """Measure and print; write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = {
        "graphs": GRAPHS,
        "atoms": problem()[0].shape[1],
        "threads": arguments.threads,
        "processor": platform.processor() or platform.machine(),
        "load": os.getloadavg()[0],
        **measured(arguments.repeats),
        "provenance": provenance("torch", "e3nn", "torch_geometric", "numpy"),
    }
    for what in ("forward", "forward + backward"):
        print(what, {name: round(value, 1) for name, value in result[what].items()})
    print("largest difference", result["largest difference, nm"], "nm")
    if arguments.json is not None:
        write_json(arguments.json, result)


if __name__ == "__main__":
    main()
