"""Finished results of a small study: comparisons and summary by evaluation's own functions, the rest in its form."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from jamun.config.evaluation import EvaluationSettings
from jamun.config.network import NetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.training import TrainingSettings
from jamun.evaluation.comparison import analyse
from jamun.evaluation.pair import Clock, Ensemble, Pair
from jamun.evaluation.runs import replica_of_frames
from jamun.evaluation.summary import summarize_to_files
from jamun.io.atomic import write_json, write_npz
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.peptides.torsions import Torsion

# Asn-Ala is called NA, which tables like to take for a missing value.
TEST = {"AW": "AW", "NA": "NA"}
TRAIN, VALIDATION = ("AA", "GS", "SG"), ("SA",)
NETWORK = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=4, radial_width=8)
SETTINGS = EvaluationSettings(convergence_points=6)
FRAMES = 2000
MD_SECONDS = 20.0
PROVENANCE = {"jamun": "0.1.0+test", "processor": "a processor"}
# Centres of phi and psi of three states, radians: beta, alpha-R, alpha-L.
STATES = np.deg2rad([(-120.0, 140.0), (-70.0, -35.0), (58.0, 40.0)])
TORSIONS = [Torsion(kind, place, name) for place, name in ((1, "ALA"), (2, "TRP")) for kind in ("phi", "psi")]
TORSIONS.append(Torsion("chi1", 2, "TRP"))


def angles(frames: int, seed: int, shares=(0.6, 0.3, 0.1), mirror: bool = False) -> np.ndarray:
    """Angles (F, 5) in radians of independent frames in three states; with `mirror` every second frame is the image."""
    generator = np.random.default_rng(seed)
    columns = []
    for _ in range(2):
        state = generator.choice(3, frames, p=shares)
        columns += [STATES[state, 0], STATES[state, 1]]
    columns.append(generator.choice(np.deg2rad([-65.0, 60.0]), frames))
    found = np.stack(columns, 1) + 0.25 * generator.normal(size=(frames, 5))
    if mirror:
        found[::2] *= -1
    return (found + np.pi) % (2 * np.pi) - np.pi


def estimate(value, width=0.1, count=10, **more):
    """An estimate as evaluation writes it."""
    if value is None:
        return {"value": None, "low": None, "high": None, "count": 0, "reason": "none"} | more
    return {"value": value, "low": value * (1 - width), "high": value * (1 + width), "count": count} | more


@cache
def compared(shares, mirror, replicas, seed):
    """A comparison of samples of these shares with MD of one or two replicas."""
    md = angles(FRAMES, 10 + seed)
    bounds = np.linspace(0, FRAMES, replicas + 1).astype(int).tolist()
    drawn = angles(1500, 20 + seed, shares, mirror)
    chains = np.repeat(np.arange(10), 150)
    pair = Pair(
        Ensemble(TORSIONS, md, replica_of_frames(bounds), Clock(MD_SECONDS, MD_SECONDS / FRAMES)),
        Ensemble(TORSIONS, drawn, chains, Clock(3.0, 3.0 / len(drawn))),
    )
    return analyse(pair, SETTINGS), bounds


def physicality(peptide, model, inverted=0.0, broken=0.002, visited=True):
    """Physicality of one peptide: two residues of two basins, of which the last may not be visited."""
    shares = {"bond_outlier": broken, "inverted": inverted, "clash": 0.001, "physical": 1 - broken - inverted}
    with_md = {"md": estimate(0.0005), "md_halves": [0.0005, 0.0005], "md_replicas": None}
    basins = [
        {
            "index": place + 1,
            "phi": float(STATES[place, 0]),
            "psi": float(STATES[place, 1]),
            "free_energy_kcal_mol": float(place),
            "md": estimate(0.8 - 0.6 * place),
            "samples": estimate(0.9 - 0.9 * place if not visited else 0.7 - 0.4 * place),
            "visited": visited or place == 0,
        }
        for place in range(2)
    ]
    term = {
        "label": "Ala1 N–CA",
        "type": "backbone",
        "w1": estimate(0.002),
        "md": {"mean": estimate(0.146), "sd": estimate(0.003)},
        "samples": {"mean": estimate(0.147), "sd": estimate(0.005)},
    }
    raw = {
        "shares": {name: estimate(value) | with_md for name, value in shares.items()},
        "bonds": {"terms": [term]},
        "centres": [{"label": "Ala1 CA", "sign": 1, "inverted": estimate(inverted) | with_md}],
        "basins": {
            "coverage": estimate(1.0 if visited else 0.5, md_halves=[1.0, 0.75], md_replicas=None),
            "residues": [{"residue": 1, "residue_name": "ALA", "basins": basins}],
        },
    }
    return {"peptide": peptide, "model": model, "settings": {"basin_energy": 4.0}, "raw": raw, "accepted": None}


def dynamics(peptide, model, speed_up):
    """Slow motions of one peptide."""
    distances = {name: estimate(0.2) for name in ("tica_0", "tica_01", "torsion_w2", "tica_w2")}
    floors = {name: {key: estimate(0.05) for key in distances} for name in ("md_halves", "md_replicas")}
    ess = {"speed_up": estimate(speed_up)}
    return {"peptide": peptide, "model": model, "distances": distances, "baselines": floors, "ess": ess}


def write_benchmark(path: Path, seconds, cpu) -> None:
    """A benchmark file of Snakemake; `cpu` "-" where it could not be measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    path.write_text(f"{head}\n{seconds}\t0:00:01\t-\t-\t-\t-\t-\t-\t-\t{cpu}\n")


def write_md(folder: Path, name: str, production: float, bounds: list[int]) -> None:
    """Record of a peptide's MD: settings as they are resolved, one thread."""
    settings = {"solvent": "implicit", "forcefield": "amber99sbildn", "temperature": 300.0, "seed": 0}
    write_json(
        folder / "md.json",
        {
            "peptide": name,
            "settings": settings | {"production": production},
            "platform": "Reference",
            "threads": 1,
            "resumptions": 1,
            "production": {"frames": bounds[-1], "frame_interval_ps": 1.0, "seconds": MD_SECONDS},
            "boundaries": bounds,
            "provenance": PROVENANCE,
        },
    )


def write_model(folder: Path, **changes) -> str:
    """Checkpoint and record of a model; the checkpoint's SHA-256."""
    training = TrainingSettings(**{"max_steps": 100} | changes)
    torch.manual_seed(0)
    denoiser = Denoiser(NETWORK, 0.3)
    save_denoiser(folder / "checkpoint.ckpt", denoiser, NETWORK, training, {"best_validation_loss": 0.2})
    record = {
        "network": NETWORK.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "parameters": 6405,
        "loss": "mean over atoms of |xhat - x|^2 / (3 sigma^2)",
        "threads": 2,
        "steps": 100,
        "best_step": 90,
        "best_validation_loss": 0.21,
        "seconds": 100.0,
        "provenance": PROVENANCE,
    }
    write_json(folder / "training.json", record)
    return hashlib.sha256((folder / "checkpoint.ckpt").read_bytes()).hexdigest()


def write_figure(path: Path, width: int = 400) -> None:
    """A picture with smooth colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.linspace(0, 255, width).astype(np.uint8)
    Image.fromarray(np.stack([np.tile(shades, (60, 1))] * 3, -1)).save(path)


def write_study(root: Path, models=("default",), replicas=2, shares=(0.6, 0.3, 0.1), **physical) -> Path:
    """A finished study below `root`: results/study and logs/study; the folder of results.

    Samples of the first model are in states of these `shares`, MD in 0.6, 0.3 and 0.1; other models draw mirror images.
    """
    results, logs = root / "results" / "study", root / "logs" / "study"
    names = {**dict.fromkeys(TRAIN, "train"), **dict.fromkeys(VALIDATION, "validation"), **dict.fromkeys(TEST, "test")}
    for name, split in names.items():
        write_json(results / "peptides" / f"{name}.json", {"sequence": name, "form": "capped"})
        bounds = np.linspace(0, FRAMES, replicas + 1).astype(int).tolist()
        write_md(results / "md" / name, name, FRAMES / replicas, bounds)
        write_benchmark(logs / "simulate" / f"{name}.tsv", 3600.0, 1800.0)
        if split != "test":
            (results / "features" / split).mkdir(parents=True, exist_ok=True)
            (results / "features" / split / f"{name}.h5").touch()
    files = []
    for model in models:
        digest = write_model(results / "models" / model, **({} if model == models[0] else {"peptides": 2}))
        evaluation = results / "evaluation" / model
        for seed, peptide in enumerate(TEST):
            (found, arrays), bounds = compared(shares, model != models[0], replicas, seed)
            head = {"dataset": "study", "model": model, "peptide": peptide, "notes": [], "provenance": PROVENANCE}
            ensembles = {"reference": {"frames": FRAMES}, "samples": {"frames": 1500, "seconds": 3.0}}
            write_json(evaluation / f"{peptide}.json", head | ensembles | found)
            write_npz(evaluation / f"{peptide}.npz", arrays)
            states = (np.arange(FRAMES) % 5).astype(np.int16)
            write_json(evaluation / "msm" / f"{peptide}.json", {"js": estimate(0.1), "reason": None})
            write_npz(evaluation / "msm" / f"{peptide}.npz", {"macrostate_reference": states})
            write_json(evaluation / "dynamics" / f"{peptide}.json", dynamics(peptide, model, 30.0))
            write_json(evaluation / "physicality" / f"{peptide}.json", physicality(peptide, model, **physical))
            sampling = {
                "samples": {"generated": 1500},
                "chains": 10,
                "chains_stopped": {"count": 0},
                "device": "cpu",
                "threads": 2,
                "seconds": 3.0,
                "settings": SamplingSettings(samples=1500, friction=0.5).model_dump(mode="json"),
                "checkpoint": {"file": "checkpoint.ckpt", "sha256": digest},
            }
            write_json(results / "samples" / model / peptide / "sampling.json", sampling)
            write_figure(results / "figures" / model / "ramachandran" / f"{peptide}.png")
            files.append(evaluation / f"{peptide}.json")
    summarize_to_files(files, results / "evaluation" / "summary.csv")
    write_figure(results / "figures" / "summary.png", 3000)
    write_benchmark(logs / "train" / "default.tsv", 7200.0, 14400.0)
    write_benchmark(logs / "summarize.tsv", 0.2, "-")
    return results


def ablation_table() -> pd.DataFrame:
    """A table of the ablation: the plain settings and one variant, two peptides and the mean of each."""
    rows = []
    for variant, differs, js in (("plain", "", 0.1), ("friction-3", "friction 3", 0.14)):
        for place, peptide in enumerate((*TEST, "mean")):
            rows.append(
                {
                    "variant": variant,
                    "peptide": peptide,
                    "differs": differs,
                    "samples": 1000,
                    "js_backbone": js + 0.01 * place,
                    "js_backbone_change": js - 0.1,
                    "ess_per_second": 50.0,
                }
            )
    return pd.DataFrame(rows)
