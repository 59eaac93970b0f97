"""Slow motions in validation peptides of the model `implicit`: populations by 10 ns of short MD from samples, against
24 ns of MD of each.

    for p in NP YA LG; do
      jamun populations --sequence $p --budget 10ns --target 0.001 --processes 1 --out runs/${p}_populations
      jamun build --sequence $p --out runs/built
      jamun simulate --pdb runs/built/$p.pdb --out runs/long_$p --config long.yaml
    done
    python benchmarks/populations_slow.py runs --json benchmarks/results/populations_slow.json

With --md benchmarks/results/populations_slow.json what is known of the long MD comes from there, and none is needed.

long.yaml, in which each of three replicas forgets where it was built:

    simulate: {solvent: implicit, ensemble: NVT, timestep: 4 fs, hydrogen_mass: 3 amu, replicas: 3, starts: [alpha,
      beta], production: 8 ns, frame_interval: 1 ps, equilibration: [{ensemble: NVT, duration: 5 ps, restrained: true},
      {ensemble: NVT, duration: 300 ps, temperature: 450 K}, {ensemble: NVT, duration: 200 ps, temperature: 375 K},
      {ensemble: NVT, duration: 200 ps, temperature: 335 K}, {ensemble: NVT, duration: 100 ps}]}

The peptides were chosen in advance: NP has a residue before proline, YA an aromatic chi1, and all show the sign of
phi. The interval of the MD is that of the mean of the halves of its replicas (Student's t). It is told where the MD
enters the state at least four times and stays: a state that is left in 1 ns and entered once in 30 ns has 3 %, and may
well not be there.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from populations_implicit import agree
from scipy import stats

from jamun.config.populations import PopulationSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.provenance import provenance
from jamun.populations.residues import PeptideRuns
from jamun.populations.run import estimate, read_md, read_samples

PEPTIDES = ("NP", "YA", "LG")
# Entries that a state has in MD which can tell of it, and frames (1 ps each) that each lasts.
FEWEST, LASTING = 4, 16
STATES = {"phi > 0": ("phi > 0",), "helical": ("helical",), "chi1": ("gauche+", "trans", "gauche-")}


def long_runs(name: str, folder: Path) -> PeptideRuns:
    """The halves of the replicas of long MD."""
    read = read_samples(folder / "trajectory.xtc", folder / "topology.pdb").torsions(name)
    settings = read_json(folder / "md.json")["settings"]
    halves = np.split(read.runs[0], 2 * settings["replicas"])
    return replace(read, runs=halves, frame_interval=settings["frame_interval"])


def shares(runs: PeptideRuns) -> list[np.ndarray]:
    """Of each slow step, shares (R, S) of the states in each run; not a number where it is never weighed."""
    found = []
    for step in runs.steps:
        weighed = [states[kept] for states, kept in zip(step.states, step.weighed, strict=True)]
        visits = np.array([np.bincount(states, minlength=step.n_states) for states in weighed], float)
        with np.errstate(invalid="ignore"):
            found.append(visits / visits.sum(1, keepdims=True))
    return found


def entries(runs: PeptideRuns) -> list[np.ndarray]:
    """Of each slow step, how often each state (S,) is entered for LASTING frames, over pairs of runs that follow each
    other."""
    joined = [np.concatenate(pair) for pair in zip(runs.runs[::2], runs.runs[1::2], strict=True)]
    found = []
    for step in replace(runs, runs=joined).steps:
        counts = np.zeros(step.n_states, int)
        for states in step.states:
            starts = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1])
            lasting = np.diff(np.append(starts, len(states))) >= LASTING
            counts += np.bincount(states[starts[lasting]], minlength=step.n_states)
        found.append(counts)
    return found


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of values (R,) and its 95 % interval."""
    known = values[np.isfinite(values)]
    half = stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean()), float(max(known.mean() - half, 0.0)), float(min(known.mean() + half, 1.0))


Known = dict[tuple[str, ...], dict[str, Any]]


def of_long_md(name: str, folder: Path) -> Known:
    """What the long MD of one peptide tells of each state: its share with its interval, and how often it is entered."""
    runs = long_runs(name, folder)
    found: Known = {}
    steps = runs.steps
    for step, in_md, entered in zip(steps, shares(runs), entries(runs), strict=True):
        names = STATES[step.name]
        for place, state in enumerate(names, start=step.n_states - len(names)):
            residue = f"{step.residue.name.capitalize()}{step.residue.place}"
            found[name, residue, state] = {"md": mean_interval(in_md[:, place]), "entries": int(entered[place])}
    return found


def measured(name: str, folder: Path, known: Known) -> list[dict[str, Any]]:
    """One peptide: its slow steps, a row a state."""
    made = folder / f"{name}_populations"
    runs = read_md([made / "md.xtc"], made / "topology.pdb").torsions(name)
    drawn = made / "samples"
    samples = read_samples(drawn / "samples.xtc", drawn / "topology.pdb", drawn / "flags.npz").torsions(name)
    results, _ = estimate(runs, samples, PopulationSettings(budget=10_000.0))
    rows = []
    for result, in_samples in zip(results, shares(samples), strict=True):
        names = STATES[result.step]
        for place, state in enumerate(names, start=len(result.population) - len(names)):
            residue = f"{result.residue.capitalize()}{result.place}"
            md = known[name, residue, state]
            mine = tuple(float(part[place]) for part in (result.population, result.low, result.high))
            told = md["entries"] >= FEWEST
            rows.append(
                {
                    "peptide": name,
                    "residue": residue,
                    "state": state,
                    "samples": float(in_samples[0, place]),
                    "n_samples": samples.n_frames,
                    "short_md": float(result.share[place]),
                    "weighted": mine,
                    "agrees": agree(tuple(md["md"]), mine) if told else None,
                }
                | md
            )
    return rows


def logit(share: float) -> float:
    """Free energy of the other states above this one, kT."""
    return float(np.log(share / (1 - share)))


def errors_of_samples(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """For each kind of step, how far off the samples' free energies of states are, kT, and its 95 % interval: root mean
    square over states that the MD tells of to a factor of 3, with its variance and that of counting taken off.
    """
    found = {}
    for step, states in STATES.items():
        squares = []
        for row in rows:
            value, low, high = row["md"]
            known = row["agrees"] is not None and low > 0 and high < 1 and high <= 9 * low
            if row["state"] not in states or not known:
                continue
            share = (row["samples"] * row["n_samples"] + 0.5) / (row["n_samples"] + 1)
            variance = ((logit(high) - logit(low)) / 3.92) ** 2 + 1 / (row["n_samples"] * share * (1 - share))
            squares.append((logit(share) - logit(value)) ** 2 - variance)
        n = len(squares)
        if n:
            mean = max(float(np.mean(squares)), 0.0)
            ends = [float(np.sqrt(n * mean / stats.chi2.ppf(level, n))) for level in (0.975, 0.025)]
            found[step] = {"states": n, "kT": float(np.sqrt(mean)), "interval_kT": ends}
    return found


def main() -> None:
    """Measure all peptides; print a row a state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the runs are")
    parser.add_argument("--peptides", nargs="*", default=PEPTIDES)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--md", type=Path, help="result of an earlier measurement, whose long MD is taken")
    options = parser.parse_args()
    known: Known = {}
    for row in read_json(options.md)["states"] if options.md else ():
        known[row["peptide"], row["residue"], row["state"]] = {key: row[key] for key in ("md", "entries")}
    rows = []
    for name in options.peptides:
        own = known if options.md else of_long_md(name, options.folder / f"long_{name}")
        rows += measured(name, options.folder, own)
    for row in rows:
        three = [f"{part[0]:.1%} ({part[1]:.1%} to {part[2]:.1%})" for part in (row["weighted"], row["md"])]
        names = (row["peptide"], row["residue"], row["state"])
        print("|", *names, f"{row['samples']:.1%}", f"{row['short_md']:.1%}", *three, row["agrees"], sep=" | ")
    errors = errors_of_samples(rows)
    print(errors)
    if options.json is not None:
        told = {"states": rows, "errors_of_samples": errors}
        write_json(options.json, told | {"provenance": provenance("openmm", "mdtraj", "numpy", "scipy")})


if __name__ == "__main__":
    main()
