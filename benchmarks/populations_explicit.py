"""Intervals of populations by short MD in explicit water: do disjoint sets of replicas agree within them?

The eight test peptides of configs/explicit.yaml have 14 to 16 replicas of 2 ns each, too short for plain averages.
Two disjoint sets of a peptide's replicas are weighed, each by itself, with the prior of the other 220 peptides: halves
at random, and sets with opposite starts of one residue's psi (all helical; all extended), as far as replicas have
such starts. Prints how far plain averages and weighted populations of the sets differ, and how often the 95 % interval
of the difference of two posteriors holds 0. Run: python benchmarks/populations_explicit.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config import load
from jamun.peptides.torsions import compute_torsions
from jamun.populations.residues import PeptideRuns, Pool, ResidueSettings, StepResult, step_results

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data" / "explicit_water"
FRAME_INTERVAL = 10.0  # ps
SPLITS, FEWEST = 6, 3
STEPS = ("helical", "phi > 0", "chi1")


def read(name: str) -> PeptideRuns:
    """The replicas of one peptide."""
    folder = DATA / name
    found = [
        compute_torsions(mdtraj.load(str(path), top=str(folder / "topology.pdb")))
        for path in sorted(folder.glob("*.xtc"))
    ]
    return PeptideRuns(name, found[0][0], [angles for _, angles in found], FRAME_INTERVAL)


def opposite(runs: PeptideRuns) -> Iterator[tuple[str, np.ndarray]]:
    """For each residue, which replicas (R,) start helical; where too few do, or too many, none."""
    for step in runs.steps:
        if step.name == "helical":
            begin = np.array([states[0] == 1 for states in step.states])
            if min(begin.sum(), (~begin).sum()) >= FEWEST:
                yield f"{step.residue.name}{step.residue.place}", begin


def estimate(runs: PeptideRuns, chosen: np.ndarray, pool: Pool, settings: ResidueSettings) -> list[StepResult]:
    own = [run for run, kept in zip(runs.runs, chosen, strict=True) if kept]
    return step_results(PeptideRuns(runs.peptide, runs.torsions, own, runs.frame_interval), pool, settings)


def compared(one: list[StepResult], other: list[StepResult]) -> Iterator[tuple[str, float, float, bool]]:
    """Of each state but the first of two: step, differences of plain shares and populations, whether 0 is within."""
    for first, second in zip(one, other, strict=True):
        for state in range(0 if len(first.share) > 2 else 1, len(first.share)):
            # posteriors of disjoint sets are independent: shuffle one, which was drawn by the same seed
            drawn = first.samples[:, state] - np.random.default_rng(0).permutation(second.samples[:, state])
            low, high = np.percentile(drawn, [2.5, 97.5])
            yield (
                first.step,
                float(first.share[state] - second.share[state]),
                float(first.population[state] - second.population[state]),
                bool(low <= 0 <= high),
            )


def row(title: str, found: list[tuple[str, float, float, bool]]) -> None:
    for step in STEPS:
        own = [values for values in found if values[0] == step]
        if own:
            plain, weighted = (np.sqrt(np.mean([values[place] ** 2 for values in own])) for place in (1, 2))
            covered = 100 * np.mean([values[3] for values in own])
            print(f"| {title} | {step} | {len(own)} | {plain:.3f} | {weighted:.3f} | {covered:.0f} % |", flush=True)
    print(f"| {title} | all | {len(found)} | | | {100 * np.mean([values[3] for values in found]):.0f} % |", flush=True)


def main() -> None:
    configuration = load(ROOT / "configs" / "explicit.yaml")
    weights, names = configuration.frame_weights, configuration.peptides.test
    settings = ResidueSettings(weights.lag, weights.strength, n_samples=400)
    others = sorted(path.name for path in DATA.iterdir() if path.is_dir() and path.name not in names)
    pool = Pool.of(map(read, others), settings.lag)
    print(f"Prior: {len(others)} peptides. Lag {settings.lag:g} ps, strength {settings.strength:g}.\n")
    print("| two sets of replicas | step | states | plain averages differ by (rms) | weighted | agree within 95 % |")
    print("|---|---|---|---|---|---|")
    halves: list[Any] = []
    opposed: list[Any] = []
    for name in names:
        runs = read(name)
        generator = np.random.default_rng(1)
        for _ in range(SPLITS):
            chosen = np.arange(len(runs.runs)) % 2 == 0
            generator.shuffle(chosen)
            halves += compared(*(estimate(runs, own, pool, settings) for own in (chosen, ~chosen)))
        for _, begin in opposite(runs):
            opposed += compared(*(estimate(runs, own, pool, settings) for own in (begin, ~begin)))
    row("halves at random", halves)
    row("opposite starts of one psi", opposed)


if __name__ == "__main__":
    main()
