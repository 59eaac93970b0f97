"""The denoiser's speed and memory, beside the same network in plain e3nn with weights made for every edge.

    python benchmarks/denoiser.py --json result.json                     # on the processor, 2 threads
    python benchmarks/denoiser.py --device cuda --compile --json h200.json

Both sides run in one process with the same weights, so that ratios hold on a busy machine too; the peak of a matrix
product is measured beside them. Memory is that of a process of its own for each side.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "model"))

from e3nn import o3
from e3nn_oracle import PerEdgeNetwork
from toy import ensemble, molecule, random_conditioning

from jamun.config.network import NetworkSettings
from jamun.config.training import TrainingSettings
from jamun.data.store import FeatureFile, write_features
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.model.acceleration import accelerated
from jamun.model.batches import Batch, TrainingBatches
from jamun.model.conditioning import Conditioning
from jamun.model.denoiser import Denoiser
from jamun.model.products import product
from jamun.model.training_module import DenoiserTraining

SQUARED, SIGMA = 0.3, 0.04
SHIPPED = NetworkSettings(hidden_irreps="96x0e + 24x1e", n_convolutions=5, n_radial=32, radial_width=16)
DEMO = NetworkSettings(hidden_irreps="32x0e + 8x1e", n_convolutions=3, n_radial=16, radial_width=32)


def timed(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Seconds of the fastest of `repeats` calls."""
    best = float("inf")
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def network(settings: NetworkSettings, device: torch.device) -> Denoiser:
    """A denoiser with random weights whose output is not zero."""
    torch.manual_seed(0)
    denoiser = Denoiser(settings, SQUARED)
    with torch.no_grad():
        denoiser.gain.fill_(1.0)
    return denoiser.to(device)


def problem(graphs: int, atoms: int, device: torch.device) -> tuple[torch.Tensor, Conditioning]:
    """Noisy positions and conditioning."""
    torch.manual_seed(1)
    return 0.3 * torch.randn(graphs, atoms, 3, device=device), random_conditioning(graphs, atoms).to(device)


def cuequivariance_product(inputs: o3.Irreps, harmonics: o3.Irreps, outputs: o3.Irreps) -> torch.nn.Module:
    """The same tensor product by NVIDIA's cuEquivariance (pip install cuequivariance-torch and its kernels)."""
    import cuequivariance
    import cuequivariance_torch

    return cuequivariance_torch.FullyConnectedTensorProduct(
        *(cuequivariance.Irreps("O3", str(irreps)) for irreps in (inputs, harmonics, outputs)),
        layout=cuequivariance.mul_ir,
        shared_weights=False,
        internal_weights=False,
        method=None if torch.cuda.is_available() else "naive",
    )


class Side:
    """Forward, and forward + backward, of one of the forms."""

    def __init__(self, name: str, denoiser: Denoiser, bf16: bool, compiled: bool) -> None:
        self.denoiser = denoiser
        self.device = denoiser.gain.device
        products = {"e3nn": None, "cuequivariance": cuequivariance_product}
        self.call: Callable[..., torch.Tensor] = (
            PerEdgeNetwork(denoiser, products[name]) if name in products else denoiser
        )
        if compiled and name not in products:
            self.call = accelerated(denoiser, "default", self.device)
        self.bf16 = bf16

    def _mode(self) -> contextlib.AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def forward(self, y: torch.Tensor, conditioning: Any) -> torch.Tensor:
        with torch.no_grad(), self._mode():
            return self.call(y, SIGMA, conditioning)

    def backward(self, y: torch.Tensor, conditioning: Any) -> None:
        self.denoiser.zero_grad()
        with self._mode():
            loss = self.call(y, SIGMA, conditioning).square().sum()
        loss.backward()


def comparison(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Both forms on 8 graphs of 32 atoms."""
    graphs, atoms = options.graphs, options.atoms
    denoiser = network(NetworkSettings(), device)
    dense = Side("dense", denoiser, options.bf16, options.compile)
    plain = Side("e3nn", denoiser, options.bf16, False)
    y, conditioning = problem(graphs, atoms, device)
    small = problem(1, 4, device)
    for _ in range(3):
        dense.forward(y, conditioning), dense.backward(y, conditioning)
        plain.forward(*small), plain.backward(*small)  # compiles e3nn's kernels
    size = 2048 if device.type == "cpu" else 8192
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16 if options.bf16 else torch.float32)
    ours, theirs = dense.forward(y, conditioning), plain.forward(y, conditioning)
    error = ((ours - theirs).norm() / theirs.norm()).item()

    def block(repeats: int) -> dict[str, float]:
        return {
            "peak": 2 * size**3 / timed(lambda: product(matrix, matrix), device, repeats),
            "forward": timed(lambda: dense.forward(y, conditioning), device, repeats),
            "backward": timed(lambda: dense.backward(y, conditioning), device, repeats),
        }

    before = block(10)
    e3nn_forward = timed(lambda: plain.forward(y, conditioning), device, 2)
    e3nn_backward = timed(lambda: plain.backward(y, conditioning), device, 1)
    other = {}
    if options.cuequivariance:
        third = Side("cuequivariance", denoiser, options.bf16, False)
        third.forward(*small), third.backward(*small)
        other = {
            "cuequivariance_forward_ms_a_graph": 1e3
            * timed(lambda: third.forward(y, conditioning), device, 2)
            / graphs,
            "cuequivariance_forward_backward_ms_a_graph": 1e3
            * timed(lambda: third.backward(y, conditioning), device, 1)
            / graphs,
        }
    after = block(10)
    peak = max(before["peak"], after["peak"])
    forward, backward = (min(before[key], after[key]) for key in ("forward", "backward"))
    flops = graphs * denoiser.flops(atoms)
    return {
        "graphs": graphs,
        "atoms": atoms,
        "parameters": sum(parameter.numel() for parameter in denoiser.parameters()),
        "relative_difference": error,
        "matmul_peak_gflops": peak / 1e9,
        "gflop_a_graph_forward": flops / graphs / 1e9,
        "forward_ms_a_graph": 1e3 * forward / graphs,
        "forward_backward_ms_a_graph": 1e3 * backward / graphs,
        "e3nn_forward_ms_a_graph": 1e3 * e3nn_forward / graphs,
        "e3nn_forward_backward_ms_a_graph": 1e3 * e3nn_backward / graphs,
        "forward_ratio": e3nn_forward / forward,
        "forward_backward_ratio": e3nn_backward / backward,
        "forward_share_of_peak": flops / forward / peak,
        "forward_backward_share_of_peak": 3 * flops / backward / peak,
        **other,
    }


def demo_training(options: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Forward + backward of the demo's network on a batch of the demo's size, in both forms."""
    denoiser = network(DEMO, device)
    y, conditioning = problem(32, 22, device)
    milliseconds = {}
    for name in ("dense", "e3nn"):
        side = Side(name, denoiser, options.bf16, options.compile)
        side.backward(y, conditioning), side.backward(y, conditioning)
        milliseconds[name] = 1e3 * timed(lambda side=side: side.backward(y, conditioning), device, 5)
    return {
        "dense_ms_a_step": milliseconds["dense"],
        "e3nn_ms_a_step": milliseconds["e3nn"],
        "ratio": milliseconds["e3nn"] / milliseconds["dense"],
    }


def profile(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Where the time of forward + backward goes, by operator: share of the total, and what its products reach."""
    side = Side("dense", network(NetworkSettings(), device), options.bf16, False)
    y, conditioning = problem(options.graphs, options.atoms, device)
    for _ in range(3):
        side.backward(y, conditioning)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities, record_shapes=True, with_flops=True) as profiler:
        for _ in range(5):
            side.backward(y, conditioning)
    key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, key))
    total = sum(getattr(event, key) for event in events)
    rows = []
    for event in events[:10]:
        microseconds = getattr(event, key)
        row = {"operator": event.key, "share": microseconds / total, "calls": event.count // 5}
        if event.flops:
            row["gflops"] = event.flops / microseconds / 1e3
        rows.append(row)
    return rows


def growth(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Milliseconds a graph against atoms, and against graphs."""
    side = Side("dense", network(NetworkSettings(), device), options.bf16, False)
    rows = []
    for graphs, atoms in ((8, 16), (8, 32), (4, 64), (2, 128), (1, 256), (1, 32), (16, 32), (64, 32)):
        y, conditioning = problem(graphs, atoms, device)
        side.forward(y, conditioning), side.backward(y, conditioning)
        forward = timed(lambda y=y, c=conditioning: side.forward(y, c), device, 4)
        backward = timed(lambda y=y, c=conditioning: side.backward(y, c), device, 2)
        rows.append(
            {
                "graphs": graphs,
                "atoms": atoms,
                "forward_ms_a_graph": 1e3 * forward / graphs,
                "forward_backward_ms_a_graph": 1e3 * backward / graphs,
            }
        )
    return rows


def sampling(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Milliseconds a chain of one evaluation of a walk, 25 atoms, in both precisions in turns, and the operations that
    the sums need over those of a product of large float32 matrices."""
    rows = []
    batches = (15, 50, 100) if device.type == "cpu" else (640,)
    matrix = torch.randn(1024, 1024, device=device)
    for name, settings in (("public", NetworkSettings()), ("shipped", SHIPPED), ("demo", DEMO)):
        denoiser = network(settings, device)
        for chains in batches:
            y = 0.3 * torch.randn(chains, 25, 3, device=device)
            calls = {}
            for precision in ("float32", "bfloat16"):
                side = Side("dense", denoiser, precision == "bfloat16", options.compile)
                with torch.no_grad(), side._mode():
                    prepared = denoiser.prepare(random_conditioning(1, 25).to(device))
                calls[precision] = lambda side=side, y=y, p=prepared: side.forward(y, p)
                calls[precision](), calls[precision]()
            seconds = dict.fromkeys(calls, float("inf"))
            peak = 0.0
            for _ in range(5):
                peak = max(peak, 2 * 1024**3 / timed(lambda: product(matrix, matrix), device, 2))
                for precision, call in calls.items():
                    seconds[precision] = min(seconds[precision], timed(call, device, 2))
            rows.append(
                {"network": name, "chains": chains, "atoms": 25, "matmul_peak_gflops": peak / 1e9}
                | {f"{precision}_ms_a_chain": 1e3 * value / chains for precision, value in seconds.items()}
                | {
                    f"{precision}_share_of_peak": chains * denoiser.flops(25) / value / peak
                    for precision, value in seconds.items()
                }
            )
    return rows


def cuda_graphs(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Kernels launched one by one against recorded ones: a training step of the study's network (noise, gradient, Adam)
    on 256 graphs of 27 atoms, and the forward pass of a walk of 22 atoms. Needs a GPU."""
    rows = []
    settings = NetworkSettings(
        hidden_irreps="96x0e + 24x1e", n_convolutions=5, radial_basis="bessel", n_radial=32, radial_width=16
    )
    batch = Batch(0.3 * torch.randn(256, 27, 3), random_conditioning(256, 27), 0).to(device)
    for mode in ("off", "cuda_graphs"):
        training = TrainingSettings(
            sigma_range=[0.01, 0.06], compile=mode, precision="tf32" if options.tf32 else "float32"
        )
        module = DenoiserTraining(settings, training, SQUARED).to(device)
        optimizer = module.configure_optimizers()["optimizer"]

        def step(module: DenoiserTraining = module, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            module.training_step(batch, 0)["loss"].backward()
            torch.nn.utils.clip_grad_norm_(module.denoiser.parameters(), 1.0)
            optimizer.step()

        step(), step()
        rows.append({"what": "training step", "graphs": 256, "mode": mode, "ms": 1e3 * timed(step, device, 20)})
    denoiser = network(settings, device)
    with torch.no_grad():
        prepared = denoiser.prepare(random_conditioning(1, 22).to(device))
        for chains in (50, 640):
            y = 0.3 * torch.randn(chains, 22, 3, device=device)
            for mode in ("off", "cuda_graphs"):
                call = accelerated(denoiser, mode, device)
                call(y, SIGMA, prepared), call(y, SIGMA, prepared)
                seconds = timed(lambda call=call, y=y: call(y, SIGMA, prepared), device, 20)
                rows.append({"what": "walk", "chains": chains, "mode": mode, "ms": 1e3 * seconds})
    return rows


def loading(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Batches a second read from a store, against those that training uses; memory of reading 10^4 and 10^7 frames."""
    result: dict[str, Any] = {}
    kind = molecule(["ALA"] * 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "AAA.h5"
        write_features(path, "AAA", kind, [ensemble(kind.n_atoms, 10_000, 0)], 10_000, [0, 10_000], 1.0)
        batches = TrainingBatches([FeatureFile(path)], 32, 0)
        seconds = timed(lambda: [batches[number] for number in range(100)], torch.device("cpu"), 3) / 100
        result["batches_a_second"] = 1 / seconds
        for name, settings in (("public", NetworkSettings()), ("demo", DEMO)):
            module = DenoiserTraining(settings, TrainingSettings(), SQUARED).to(device)
            batch = batches[0].to(device)

            def step(module: DenoiserTraining = module, batch: Any = batch) -> None:
                module.training_step(batch, 0)["loss"].backward()

            step()
            result[f"{name}_training_batches_a_second"] = 1 / timed(step, device, 2)
            result[f"{name}_ratio"] = result["batches_a_second"] / result[f"{name}_training_batches_a_second"]
    result["reading_peak_mb"] = {
        str(frames): measured_memory("reading", options, frames) for frames in (10**4, 10**5, 10**6, 10**7)
    }
    return result


def read_sparse(frames: int) -> None:
    """Read 1000 random batches of a store of this many frames (a file with holes: it takes no room)."""
    kind = molecule(["ALA"] * 3)
    block = ensemble(kind.n_atoms, 1000, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "AAA.h5"
        write_features(path, "AAA", kind, [block], 1000, [0, 1000], 1.0)
        file = FeatureFile(path)
        file._shape = (frames, *file._shape[1:])
        with open(path, "r+b") as handle:
            handle.truncate(file._offset + frames * block[0].nbytes)
        batches = TrainingBatches([file], 32, 0)
        for number in range(1000):
            batches[number]


def measured_memory(what: str, options: argparse.Namespace, frames: int = 0) -> float:
    """Peak resident memory in MB of this script doing `what` in a process of its own."""
    command = [sys.executable, __file__, "--only-memory", what, "--frames", str(frames), "--device", options.device]
    command += ["--graphs", str(options.graphs), "--atoms", str(options.atoms), "--threads", str(options.threads)]
    command += ["--bf16"] if options.bf16 else []
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(finished.stdout.split()[-1])


def memory_of(what: str, options: argparse.Namespace, device: torch.device) -> float:
    """What `measured_memory` runs; on a GPU the peak of its allocator counts."""
    if what == "reading":
        read_sparse(options.frames)
    else:
        denoiser = network(NetworkSettings(), device)
        y, conditioning = problem(options.graphs, options.atoms, device)
        side = Side("e3nn" if what == "e3nn" else "dense", denoiser, options.bf16, False)
        if what != "nothing":
            side.backward(y, conditioning)
    if device.type == "cuda" and what != "reading":
        return torch.cuda.max_memory_allocated() / 1e6
    # Not ru_maxrss: a new process inherits it from the one that started it, whose peak then hides its own.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1e3
    raise RuntimeError("/proc/self/status has no VmHWM")


def memory(options: argparse.Namespace) -> dict[str, float]:
    """Peaks of forward + backward, and without a pass (libraries, weights)."""
    nothing, dense, plain = (measured_memory(what, options) for what in ("nothing", "dense", "e3nn"))
    return {
        "idle_mb": nothing,
        "dense_mb": dense,
        "e3nn_mb": plain,
        "ratio": plain / dense,
        "ratio_above_idle": (plain - nothing) / max(dense - nothing, 1e-9),
    }


def table(result: dict[str, Any]) -> str:
    """The result for reading."""
    lines = []
    for name, part in result.items():
        rows = part if isinstance(part, list) else [part]
        if name == "provenance" or not rows:
            continue
        lines.append(f"\n{name}")
        for row in rows:
            cells = (
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
            lines.extend([f"  {cell}" for cell in cells] if len(rows) == 1 else ["  " + ", ".join(cells)])
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    parser.add_argument("--bf16", action="store_true", help="bfloat16 matrix products (autocast)")
    parser.add_argument("--tf32", action="store_true", help="TF32 matrix products on a GPU")
    parser.add_argument("--compile", action="store_true", help="torch.compile for the dense form")
    parser.add_argument("--graphs", type=int, default=8, help="graphs in the comparison")
    parser.add_argument("--atoms", type=int, default=32, help="atoms of each graph in the comparison")
    parser.add_argument("--cuequivariance", action="store_true", help="cuEquivariance's tensor product as a third side")
    parts = ("comparison", "demo_training", "memory", "growth", "sampling", "loading", "profile")
    choices = (*parts, "cuda_graphs")
    parser.add_argument("--parts", nargs="+", choices=choices, default=list(parts), help="which measurements to make")
    parser.add_argument("--json", type=Path, help="file for the result")
    parser.add_argument("--only-memory", help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    device = torch.device(options.device)
    if options.only_memory:
        print(memory_of(options.only_memory, options, device))
        return
    makers: dict[str, Callable[[], Any]] = {
        "comparison": lambda: comparison(options, device),
        "demo_training": lambda: demo_training(options, device),
        "memory": lambda: memory(options),
        "growth": lambda: growth(options, device),
        "sampling": lambda: sampling(options, device),
        "loading": lambda: loading(options, device),
        "profile": lambda: profile(options, device),
        "cuda_graphs": lambda: cuda_graphs(options, device),
    }
    result: dict[str, Any] = {
        "machine": {
            "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "cpu",
            "threads": options.threads,
            "precision": "bf16" if options.bf16 else "tf32" if options.tf32 else "float32",
            "compiled": options.compile,
        }
    }
    print(table(result))
    result["provenance"] = provenance("torch", "e3nn", "numpy")
    for part in options.parts:
        result[part] = makers[part]()
        print(table({part: result[part]}), flush=True)
        if options.json:  # after each part: an interrupted run keeps what it measured
            write_json(options.json, result)


if __name__ == "__main__":
    main()
