"""Frames of the peptides of configs/chains.yaml, for the features of their training: MD with lowered barriers, and of
pairs samples of the model `implicit`:

    python studies/longer_chains/md.py --processes 2
    snakemake samples --configfile configs/chains.yaml

Short MD stays in the basins where it starts, and a model learns these populations. So barriers of phi, psi and chi1 are
lowered to 2 kT, as `jamun populations` does it (jamun/populations/barriers.py). Training gets the bias with the frames,
and weighs each residue by the bias of its neighbourhood (jamun/data/featurize.py). One bias for each kind of residue
serves all peptides: it is taken from hot runs of many of them, and then from runs with the first bias. D residues have
the bias of the mirror image.

The model `implicit` learned pairs from 3.3 us of plain MD with this force field. Of its own training pairs, its samples
have better populations than MD that a core makes in as much time.

Test peptides get more and longer runs. Their frames are drawn anew by their weights exp(V / kT), V being the energy of
the bias. Samples are compared with these, and the two halves of their runs tell the error.

It writes `results/chains_md/`; a stopped one goes on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import openmm
import pandas as pd
from tqdm import tqdm

from jamun.config import load
from jamun.config.configuration import Configuration
from jamun.config.sampling import SamplingSettings
from jamun.config.simulate import SimulateSettings
from jamun.data.weights import effective_share
from jamun.io.atomic import atomic_path, read_json, read_npz, write_json, write_text
from jamun.io.files import SamplingFiles
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.io.shipped import sampling_in, shipped_model
from jamun.io.signals import end_with
from jamun.model.score import NetworkScore
from jamun.peptides.bias import Bias, local_energies
from jamun.peptides.build import build_to_files
from jamun.peptides.checks import mirrored_residues
from jamun.peptides.sequences import Peptide
from jamun.peptides.splits import resolve_splits
from jamun.peptides.torsions import Torsion, compute_torsions, torsions_of
from jamun.peptides.writing import save_structure
from jamun.populations.barriers import biased_system, free_energies, lowering
from jamun.populations.residues import PeptideRuns
from jamun.populations.short_md import RunSettings, ShortRun, implicit_settings, read_run, run_short
from jamun.populations.steps import TORSIONS
from jamun.sampling.run import sample_to_files
from jamun.simulate.system import make_member

CONFIGURATION = Path("configs/chains.yaml")
OUT = Path("results/chains_md")
HEIGHT = 2.0  # kT, of what is left of a barrier
HOT = 600.0  # K
INTERVAL = 0.2  # ps, between frames
STRIDE = 2  # of the frames that training gets: those next to each other are nearly the same
# Of each stage: runs of each peptide, their length in ps, and the ps before it that are left out. The last stage leaves
# out the 40 ps in which a residue forgets on which side of phi it started.
STAGES = {"hot": (2, 8.0, 4.0), "first": (2, 8.0, 4.0), "last": (1, 120.0, 40.0)}
# Runs of the last stage of test peptides, by their residues.
OF_TEST, RUNS_OF_TEST = (200.0, 40.0), {2: 40, 4: 15, 5: 10, 8: 10}
# The bias is taken from so many of the training peptides, and from the validation peptides.
FOR_BIAS = 300
# Which model's training pairs are sampled by it, and how.
SAMPLED_BY, SAMPLING = "implicit", {"samples": 300, "chains": 25, "burn_in": 200, "reject": ["inverted", "broken"]}
# Settings of MD, as those of configs/chains_gpu.yaml.
SIMULATE = {"forcefield": "amber99sbildn", "temperature": 300.0, "friction": 1.0, "timestep": 4.0, "hydrogen_mass": 3.0}

# A kind of torsion of a kind of residue: phi, psi or chi1; name; whether proline follows.
Kind = tuple[str, str, bool]


@dataclass(frozen=True)
class Member:
    """A peptide, and where its files lie.

    peptide: its residues and name.
    split: train, validation or test.
    sampled: whether its frames are samples of a model.
    """

    peptide: Peptide
    split: str
    sampled: bool = False

    @property
    def pdb(self) -> Path:
        return OUT / "peptides" / f"{self.peptide.name}.pdb"

    def stage(self, stage: str) -> tuple[int, float, float]:
        """Runs of one stage, their length, and what is left out before it."""
        if stage != "last" or self.split != "test":
            return STAGES[stage]
        return RUNS_OF_TEST[len(self.peptide.residues)], *OF_TEST

    @property
    def samples(self) -> SamplingFiles:
        """Files of its samples."""
        return SamplingFiles.in_folder(OUT / "samples" / self.peptide.name)

    def runs(self, stage: str) -> list[Path]:
        """Files of the runs of one stage."""
        number, _, _ = self.stage(stage)
        return [OUT / "runs" / f"{self.peptide.name}_{stage}_{place}.npz" for place in range(number)]

    def heavy(self) -> mdtraj.Trajectory:
        """Its heavy atoms, as built."""
        built = mdtraj.load(str(self.pdb))
        return built.atom_slice(built.topology.select("element != H"))


def _slow(topology: mdtraj.Topology, angles: np.ndarray) -> list[int]:
    """Which of the torsions of a peptide are slow, by frames (F, K) of it in radians."""
    torsions, _ = torsions_of(topology)
    steps = PeptideRuns("", torsions, [angles], INTERVAL).steps
    slow = {(step.residue.place, TORSIONS[step.name]) for step in steps}
    return [place for place, torsion in enumerate(torsions) if (torsion.residue, torsion.kind) in slow]


def _kinds(topology: mdtraj.Topology, torsions: list[Torsion]) -> list[Kind]:
    """Of each torsion."""
    names = [residue.name for residue in topology.residues]
    first = int(names[0] == "ACE")
    after = [*names[1:], ""]
    return [(one.kind, one.residue_name, after[one.residue - 1 + first] == "PRO") for one in torsions]


def _bias(series: Mapping[Kind, np.ndarray], structure: mdtraj.Trajectory) -> Bias:
    """The bias of one peptide, by the coefficients of each kind of torsion."""
    mirrored = mirrored_residues(structure.topology, structure.xyz)
    found, coefficients = [], []
    torsions, _ = torsions_of(structure.topology)
    for torsion, kind in zip(torsions, _kinds(structure.topology, torsions), strict=True):
        if kind in series:
            found.append(torsion)
            coefficients.append(np.conj(series[kind]) if torsion.residue in mirrored else series[kind])
    return Bias(found, np.array(coefficients))


def simulate(member: Member, stage: str, series: Mapping[Kind, np.ndarray], settings: SimulateSettings) -> None:
    """The runs of one peptide in one stage, each a file; without a bias where `series` is empty."""
    runs = member.runs(stage)
    if all(run.exists() for run in runs):
        return
    structure = member.heavy()
    bias = _bias(series, structure) if series else None
    _, length, warm_up = member.stage(stage)
    at = settings.model_copy(update={"temperature": HOT}) if stage == "hot" else settings
    for place, path in enumerate(runs):
        if path.exists():
            continue
        made = make_member(member.pdb, settings, f"random {place + 1}")
        heavy = made.restrained_atoms
        system = made.system
        if bias is not None:
            torsions, atoms = torsions_of(structure.topology)
            own = heavy[atoms[[torsions.index(one) for one in bias.torsions]]]
            system = biased_system(system, bias, own, settings.temperature)
        steps = round(INTERVAL * 1e3 / settings.timestep)
        how = RunSettings(
            system=openmm.XmlSerializer.serialize(system),
            simulate=at,
            steps_per_frame=steps,
            warm_up=round(warm_up / INTERVAL),
            frames=round(length / INTERVAL),
            atoms=heavy,
            platform="Reference",
            properties={},
        )
        run_short(ShortRun(path, made.positions, derived_seed(0, member.peptide.name, stage, place)), how)


def profiles(
    members: Iterable[Member], stage: str, series: Mapping[Kind, np.ndarray], hotter: float
) -> dict[Kind, np.ndarray]:
    """Free energy (G,) in kT of each kind of torsion, by the runs of one stage, which were made with this bias."""
    found: dict[Kind, list[np.ndarray]] = {}
    for member in members:
        structure = member.heavy()
        frames = mdtraj.Trajectory(np.concatenate([read_run(run) for run in member.runs(stage)]), structure.topology)
        torsions, angles = compute_torsions(frames)
        mirrored = mirrored_residues(structure.topology, structure.xyz)
        kinds = _kinds(structure.topology, torsions)
        for place in _slow(structure.topology, angles):
            sign = -1 if torsions[place].residue in mirrored else 1
            found.setdefault(kinds[place], []).append(sign * angles[:, place])
    result = {}
    for kind, angles_of in sorted(found.items()):
        column = np.concatenate(angles_of)[:, None]
        bias = Bias([Torsion(kind[0], 1, kind[1])], series[kind][None]) if kind in series else None
        result[kind] = free_energies(column, hotter, bias)[0]
    return result


def _lowering(found: Mapping[Kind, np.ndarray]) -> dict[Kind, np.ndarray]:
    """Coefficients of the bias of each kind of torsion, by its free energy."""
    kinds = list(found)
    bias = lowering([Torsion(kind[0], 1, kind[1]) for kind in kinds], np.array(list(found.values())), HEIGHT)
    return dict(zip(kinds, bias.coefficients, strict=True))


def drawn(weights: np.ndarray, seed: int) -> np.ndarray:
    """Indices of as many frames as there are weights (F,), each about as often as it weighs: systematic resampling,
    which rounds the expected number of each up or down."""
    places = (np.arange(len(weights)) + np.random.default_rng(seed).random()) / len(weights)
    found: np.ndarray = np.searchsorted(np.cumsum(weights) / weights.sum(), places)
    return np.minimum(found, len(weights) - 1)


def publish(member: Member, series: Mapping[Kind, np.ndarray]) -> dict[str, Any]:
    """Frames of the last stage, a file for each run: of test peptides by weight, of others with their bias. Returns
    what the record holds of them."""
    structure = member.heavy()
    bias = _bias(series, structure)
    runs = [read_run(run) for run in member.runs("last")]
    joined = mdtraj.Trajectory(np.concatenate(runs), structure.topology)
    torsions, angles = compute_torsions(joined)
    weights = np.exp(bias.energy(torsions, angles))
    biased = member.split != "test"
    stride = STRIDE if biased else 1
    own_seed = derived_seed(0, member.peptide.name, "frames")
    frames = np.arange(0, len(joined), stride) if biased else drawn(weights, own_seed)
    folder = OUT / "md" / member.peptide.name
    folder.mkdir(parents=True, exist_ok=True)
    for place, run in enumerate(np.split(frames, np.searchsorted(frames, np.cumsum([len(run) for run in runs])[:-1]))):
        chosen = mdtraj.Trajectory(joined.xyz[run], structure.topology, time=INTERVAL * stride * np.arange(len(run)))
        with atomic_path(folder / f"run_{place}.xtc") as temporary:
            chosen.save_xtc(str(temporary))
    save_structure(structure, folder / "topology.pdb")
    if biased:
        write_json(folder / "bias.json", {"bias": bias.told})
    made = [(stage, run) for stage in STAGES for run in member.runs(stage) if run.exists()]
    near = np.exp(local_energies(bias, joined)).T
    return {
        "peptide": member.peptide.name,
        "split": member.split,
        "biased": biased,
        "runs": len(runs),
        "frames": len(frames),
        "frame_interval_ps": INTERVAL * stride,
        "effective_share": effective_share(weights),
        "effective_share_of_residues": float(np.mean([effective_share(own) for own in near])),
        "ns": sum(len(read_run(run)) * INTERVAL + member.stage(stage)[2] for stage, run in made) * 1e-3,
        "seconds": sum(float(read_npz(run)["seconds"]) for _, run in made),
    }


def sample(member: Member) -> None:
    """Samples of one peptide, unless they are there."""
    if not member.samples.record.exists():
        weights = shipped_model(SAMPLED_BY).weights
        settings = SamplingSettings(**sampling_in(str(weights)) | SAMPLING)
        name = member.peptide.name
        sample_to_files(NetworkScore.read(weights), [member.pdb], name, settings, member.samples, threads=1)


def publish_samples(member: Member) -> dict[str, Any]:
    """The accepted samples, as one run. Returns what the record holds of them."""
    files, folder = member.samples, OUT / "md" / member.peptide.name
    folder.mkdir(parents=True, exist_ok=True)
    drawn = mdtraj.load(str(files.samples), top=str(files.topology))[read_npz(files.flags)["accepted"]]
    drawn.time = INTERVAL * np.arange(len(drawn))
    with atomic_path(folder / "run_0.xtc") as temporary:
        drawn.save_xtc(str(temporary))
    save_structure(drawn[0], folder / "topology.pdb")
    return {
        "peptide": member.peptide.name,
        "split": member.split,
        "biased": False,
        "runs": 1,
        "frames": len(drawn),
        "frame_interval_ps": INTERVAL,
        "ns": 0.0,
        "seconds": float(read_json(files.record)["seconds"]),
    }


def members_of(settings: Configuration) -> list[Member]:
    """All peptides of the configuration, training peptides first, since they are needed first."""
    splits = resolve_splits(settings.peptides, Path())
    known = shipped_model(SAMPLED_BY).card["data"]["peptides"]["train"]["sequences"]
    return [
        Member(peptide, split, split == "train" and peptide.name in known)
        for split in ("train", "validation", "test")
        for peptide in splits[split]
    ]


def _each(pool: ProcessPoolExecutor, name: str, function: Any, members: list[Member], *more: Any) -> None:
    """Call a function of every member in the pool."""
    waiting = [pool.submit(function, member, *more) for member in members]
    for future in tqdm(waiting, desc=name, unit="peptide"):
        future.result()


def build(member: Member, settings: Configuration) -> None:
    """The PDB of one peptide."""
    if not member.pdb.exists():
        record = member.pdb.with_suffix(".json")
        build_to_files(member.peptide, settings.peptides.form, settings.peptides.ph, member.pdb, record)


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--splits", nargs="*", default=["train", "validation", "test"])
    options = parser.parse_args()
    settings = load(CONFIGURATION)
    every = members_of(settings)
    members = [member for member in every if member.split in options.splits]
    known = every[:FOR_BIAS] + [member for member in every if member.split == "validation"]
    for folder in ("peptides", "runs", "md"):
        (OUT / folder).mkdir(parents=True, exist_ok=True)
    simulate_settings = implicit_settings(SIMULATE)
    with ProcessPoolExecutor(
        options.processes, get_context("fork"), initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        _each(pool, "build", build, list(dict.fromkeys([*known, *members])), settings)
        series: dict[Kind, np.ndarray] = {}
        lowest: dict[Kind, np.ndarray] = {}
        for stage, hotter in (("hot", HOT / SIMULATE["temperature"]), ("first", 1.0)):
            _each(pool, stage, simulate, known, stage, series, simulate_settings)
            file = OUT / f"bias_{stage}.json"
            if not file.exists():
                for kind, own in profiles(known, stage, series, hotter).items():
                    lowest[kind] = np.minimum(lowest.get(kind, np.inf), own)
                rows = [
                    {"kind": kind[0], "residue": kind[1], "before_proline": kind[2], "free_energy": own}
                    for kind, own in lowest.items()
                ]
                write_json(file, rows)
            lowest = {
                (row["kind"], row["residue"], row["before_proline"]): np.array(row["free_energy"])
                for row in read_json(file)
            }
            series = _lowering(lowest)
        simulated = [member for member in members if not member.sampled]
        _each(pool, "last", simulate, simulated, "last", series, simulate_settings)
        _each(pool, "samples", sample, [member for member in members if member.sampled])
    records = [
        publish_samples(member) if member.sampled else publish(member, series)
        for member in tqdm(members, desc="publish", unit="peptide")
    ]
    imported = [
        {
            "peptide": record["peptide"],
            "topology": f"md/{record['peptide']}/topology.pdb",
            "trajectory": ";".join(f"md/{record['peptide']}/run_{place}.xtc" for place in range(record["runs"])),
            "frame_interval_ps": record["frame_interval_ps"],
            "bias": f"md/{record['peptide']}/bias.json" if record["biased"] else "",
        }
        for record in records
    ]
    write_text(OUT / "table.csv", pd.DataFrame(imported).to_csv(index=False))
    write_json(OUT / "md.json", {"peptides": records, "provenance": provenance("openmm", "mdtraj", "numpy")})


if __name__ == "__main__":
    main()
