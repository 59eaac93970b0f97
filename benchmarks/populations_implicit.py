"""Populations by short MD from samples, against 213 ns of MD: eight dipeptides in implicit solvent.

    for p in HP GN ET CW IG FA NE DW; do
      jamun populations --sequence $p --budget 10ns --target 0.001 --processes 1 --out runs/${p}_populations
      jamun populations --sequence $p --budget 10ns --target 0.001 --processes 1 --out runs/again/${p}_populations \
        --config again.yaml
      jamun build --sequence $p --out runs/built
      jamun simulate --pdb runs/built/$p.pdb --out runs/md_$p --config plain.yaml
    done
    python benchmarks/populations_implicit.py runs --json benchmarks/results/populations_implicit.json \
      --figure docs/images/populations_implicit.png

again.yaml: populations: {seed: 1}. plain.yaml: simulate: {solvent: implicit, ensemble: NVT, timestep: 4 fs,
hydrogen_mass: 3 amu, equilibration: [{ensemble: NVT, duration: 10 ps}], production: 30 ns, frame_interval: 1 ps}; one
run of each peptide from its built structure.

The reference is the MD of the study `implicit`, 64 replicas of 3.3 ns of each peptide after annealing: the populations
of the basins of phi and psi, with their 95 % intervals, in studies/capped_dipeptides/implicit/data/physicality. Its
frames are not kept. So the borders of the basins are found again. Both sets of runs are measured. Distances of torsions
and of macrostates are to the frames of the other set, weighted to the populations of the reference's basins.
Macrostates are those of the run from the built structure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from jamun.config.evaluation import MSMSettings
from jamun.config.physicality import PhysicalitySettings
from jamun.config.populations import PopulationSettings
from jamun.evaluation.basins import find_basins
from jamun.evaluation.js import histograms, js_distance, pair_histograms
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.msm.model import analyse
from jamun.figures.style import styled
from jamun.io.atomic import read_json, read_npz, write_json
from jamun.io.provenance import provenance
from jamun.peptides.torsions import phi_psi_pairs, without_omega
from jamun.populations.raking import Wanted, rake
from jamun.populations.residues import PeptideRuns, weights_by
from jamun.populations.run import estimate, read_md, read_samples, residue_settings

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "studies" / "capped_dipeptides" / "implicit" / "data" / "physicality"
PEPTIDES = ("HP", "GN", "ET", "CW", "IG", "FA", "NE", "DW")
RUNS = (24, 48, 72)  # of 100 ps, and then all: whole rounds
FIRST_NS = 0.6  # before them
PLAIN_NS = tuple(float(f"{length:.2g}") for length in np.geomspace(1.2, 30, 15))
BINS, MAP_BINS = 100, 50
DRAWS = 60  # of the posterior
FARTHEST = 1.4  # radians, of a basin's minimum from that of the reference


@dataclass(frozen=True)
class Basins:
    """The basins of one residue.

    minima: (K, 2) phi and psi of the reference's, radians.
    populations, low, high: (K,) of the reference, and its 95 % interval.
    labels: (bins, bins) of the map, 0 in no basin, k + 1 in basin k.
    """

    minima: np.ndarray
    populations: np.ndarray
    low: np.ndarray
    high: np.ndarray
    labels: np.ndarray

    def of(self, angles: np.ndarray) -> np.ndarray:
        """The basin (F,) of phi and psi (F, 2) in radians."""
        bins = len(self.labels)
        rows, columns = np.clip(((angles + np.pi) / (2 * np.pi) * bins).astype(int), 0, bins - 1).T
        return self.labels[rows, columns]

    def shares(self, angles: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Shares (K + 1,) of frames in no basin and in each."""
        sums = np.bincount(self.of(angles), weights, minlength=len(self.minima) + 1).astype(float)
        return sums / sums.sum()


@dataclass(frozen=True)
class Peptide:
    """What there is of one peptide.

    made: folder of one set of short runs.
    runs, samples, plain: torsions of the short runs, of the samples that they start from, of the run from the built
        structure.
    basins: of each residue.
    pairs: (P, 2) columns of phi and psi.
    backbone: columns of phi and psi.
    reference: torsions (F, K) of the other set, with weights (F,): their own, and then by the reference's basins.
    of_half: to which half of the runs each of these frames (F,) belongs, every other run.
    """

    made: Path
    runs: PeptideRuns
    samples: PeptideRuns
    plain: np.ndarray
    basins: list[Basins]
    pairs: np.ndarray
    backbone: np.ndarray
    reference: tuple[np.ndarray, np.ndarray]
    of_half: np.ndarray

    def first(self, number: int) -> PeptideRuns:
        """So many of the short runs."""
        runs = self.runs
        return replace(runs, runs=runs.runs[:number], bias=None if runs.bias is None else runs.bias[:number])

    def residues(self) -> list[tuple[np.ndarray, Basins]]:
        """Of each residue, its columns of phi and psi, and its basins."""
        return list(zip(self.pairs, self.basins, strict=True))


def _basins(entry: dict[str, Any], angles: np.ndarray) -> Basins:
    """Those of the reference, with borders found on a map of these angles (F, 2), radians.

    A basin that is found nowhere near one of the reference's, or not at all, has no place on the map.
    """
    told = entry["basins"]
    minima = np.array([[one["phi"], one["psi"]] for one in told])
    populations, low, high = (np.array([one["md"][key] for one in told]) for key in ("value", "low", "high"))
    settings = PhysicalitySettings()
    counts = pair_histograms(angles, np.array([[0, 1]]), MAP_BINS)[0]
    found = find_basins(counts, 300.0, settings)
    labels = np.zeros_like(found.labels)
    for number, place in enumerate(found.minima, start=1):
        away = np.abs((minima - place + np.pi) % (2 * np.pi) - np.pi)
        nearest = int(np.hypot(*away.T).argmin())
        if np.hypot(*away[nearest]) < FARTHEST:
            labels[found.labels == number] = nearest + 1
    return Basins(minima, populations, low, high, labels)


def _by_reference(angles: np.ndarray, weights: np.ndarray, pairs: np.ndarray, basins: list[Basins]) -> np.ndarray:
    """Weights (F,) that give frames, which weigh so much, the populations of the reference's basins, residue by
    residue."""
    wanted = []
    for pair, own in zip(pairs, basins, strict=True):
        target = np.concatenate([[max(0.0, 1 - own.populations.sum())], own.populations])
        wanted.append(Wanted(np.arange(len(angles)), own.of(angles[:, pair]), target / target.sum()))
    return rake(wanted, weights)


def read(name: str, folder: Path, which: int) -> Peptide:
    """All of one peptide, with the first (0) or the second (1) set of runs."""
    plain, sets = folder / f"md_{name}", [folder / f"{name}_populations", folder / "again" / f"{name}_populations"]
    made = sets[which]
    runs, other = (read_md([one / "md.xtc"], one / "topology.pdb").torsions(name) for one in (made, sets[1 - which]))
    reference = np.concatenate(other.runs)
    drawn = made / "samples"
    samples = read_samples(drawn / "samples.xtc", drawn / "topology.pdb", drawn / "flags.npz").torsions(name)
    (of_plain,) = read_md([plain / "trajectory.xtc"], plain / "topology.pdb").torsions(name).runs
    pairs = np.array(phi_psi_pairs(samples.torsions))
    everything, unbiased = np.concatenate([*runs.runs, reference]), np.concatenate([runs.unbiased, other.unbiased])
    entries = read_json(REFERENCE / f"{name}.json")["raw"]["basins"]["residues"]

    def found(weights: np.ndarray) -> list[Basins]:
        chosen = np.random.default_rng(0).choice(len(weights), 200_000, p=weights / weights.sum())
        return [_basins(entry, everything[chosen][:, pair]) for entry, pair in zip(entries, pairs, strict=True)]

    basins = found(unbiased)
    # Once more on a map with the reference's populations, in which rare basins are as deep as there.
    weights = _by_reference(everything, unbiased, pairs, basins)
    basins = found(weights)
    by_itself = read_npz(sets[1 - which] / "weights.npz")["weights"]
    weighed = _by_reference(reference, by_itself, pairs, basins)
    of_half = np.repeat(np.arange(len(other.runs)) % 2, [len(run) for run in other.runs])
    return Peptide(made, runs, samples, of_plain, basins, pairs, np.unique(pairs), (reference, weighed), of_half)


def _scores(peptide: Peptide, angles: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Distances of basins, of the backbone's torsions and the largest error of a basin's population."""
    js, error = [], []
    for pair, own in peptide.residues():
        shares = own.shares(angles[:, pair], weights)
        truth = np.concatenate([[max(0.0, 1 - own.populations.sum())], own.populations])
        js.append(float(js_distance(shares, truth)))
        error.append(np.abs(shares[1:] - own.populations).max())
    of_reference, weighed = peptide.reference
    columns = peptide.backbone
    torsions = js_distance(
        histograms(angles[:, columns], BINS, weights), histograms(of_reference[:, columns], BINS, weighed)
    )
    return {
        "js_basins": float(np.mean(js)),
        "largest_error": float(max(error)),
        "js_backbone": float(np.mean(torsions)),
    }


def macrostates(peptide: Peptide, *ensembles: np.ndarray) -> list[np.ndarray]:
    """The macrostate (F,) of each frame (F, K) of some ensembles, by the Markov model of the plain MD."""
    kept, joined = without_omega(peptide.samples.torsions), np.concatenate(ensembles)
    inputs = MSMInput(
        reference_torsions=peptide.plain[:, kept],
        reference_boundaries=np.array([0, len(peptide.plain)]),
        samples_torsions=joined[:, kept],
        samples_chain=np.zeros(len(joined), dtype=np.int64),
        phi_psi=peptide.pairs,
    )
    # The lag of the study, 10 ps.
    _, arrays = analyse(inputs, MSMSettings(backend="deeptime", tica_lag=10, lag=10).model_dump())
    return np.split(arrays["macrostate_samples"].astype(int), np.cumsum([len(one) for one in ensembles])[:-1])


def js_macrostates(peptide: Peptide, weights: np.ndarray) -> dict[str, float]:
    """Distances of the occupancies of macrostates from those of the reference: of the samples, of the short runs with
    these weights (F,), of the plain MD; and of two halves of the runs of the reference."""
    (reference, weighed), (samples,) = peptide.reference, peptide.samples.runs
    found = macrostates(peptide, reference, np.concatenate(peptide.runs.runs), samples, peptide.plain)
    count = 1 + max(int(states.max()) for states in found)

    def occupied(states: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(states, weights, minlength=count)

    wanted = occupied(found[0], weighed)
    halves = [occupied(found[0], np.where(peptide.of_half == half, weighed, 0.0)) for half in (0, 1)]
    return {
        "js_macrostates": float(js_distance(occupied(found[1], weights), wanted)),
        "of_samples": float(js_distance(occupied(found[2]), wanted)),
        "of_plain": float(js_distance(occupied(found[3]), wanted)),
        "of_halves": float(js_distance(*halves)),
    }


Interval = tuple[float, ...]  # a value and its low and high end


def agree(one: Interval, other: Interval) -> bool:
    """Whether two values differ by no more than both intervals together say, on the sides that face each other."""
    below, above = sorted((one, other))
    return bool(above[0] - below[0] <= np.hypot(below[2] - below[0], above[0] - above[1]))


def weighted(peptide: Peptide, number: int, settings: PopulationSettings) -> dict[str, Any]:
    """Scores of the first runs, weighted; and of all basins the populations with their intervals."""
    runs = peptide.first(number)
    results, lag = estimate(runs, peptide.samples, settings)
    of_residues = residue_settings(settings, lag["lag_ps"])
    angles = np.concatenate(runs.runs)
    weights = np.concatenate(weights_by(runs, results, of_residues))
    drawn = []
    for draw in range(DRAWS):
        posterior = [replace(result, population=result.samples[draw]) for result in results]
        by_draw = np.concatenate(weights_by(runs, posterior, of_residues))
        drawn.append([own.shares(angles[:, pair], by_draw) for pair, own in peptide.residues()])
    rows = []
    for place, (pair, basins) in enumerate(peptide.residues()):
        best = basins.shares(angles[:, pair], weights)
        low, high = np.percentile([one[place] for one in drawn], [2.5, 97.5], axis=0)
        samples = basins.shares(peptide.samples.runs[0][:, pair])
        for k in range(len(basins.minima)):
            reference = tuple(float(value[k]) for value in (basins.populations, basins.low, basins.high))
            mine = tuple(float(value[k + 1]) for value in (best, low, high))
            rows.append(
                {
                    "residue": place + 1,
                    "phi": float(basins.minima[k, 0]),
                    "psi": float(basins.minima[k, 1]),
                    "reference": reference,
                    "samples": float(samples[k + 1]),
                    "population": mine,
                    "covered": mine[1] <= reference[0] <= mine[2],
                    "agrees": agree(reference, mine),
                }
            )
    of_samples = weights_by(peptide.samples, results, of_residues)[0]
    whole = number == len(peptide.runs.runs)  # macrostates take a while
    return _scores(peptide, angles, weights) | {
        "runs": number,
        "lag_ps": lag["lag_ps"],
        "samples": _scores(peptide, peptide.samples.runs[0], of_samples),
        "basins": rows,
        "macrostates": js_macrostates(peptide, weights) if whole else None,
    }


def measured(name: str, folder: Path, which: int) -> dict[str, Any]:
    """One peptide, with one set of runs."""
    peptide = read(name, folder, which)
    told = read_json(peptide.made / "populations.json")
    settings = PopulationSettings(budget=10_000.0)
    total = len(peptide.runs.runs)
    numbers = [*(number for number in RUNS if number < total), total]
    short = [peptide.first(number) for number in numbers]
    # As near as so many frames come with the reference's own populations.
    angles = np.concatenate(short[-1].runs)
    right = _by_reference(angles, short[-1].unbiased, peptide.pairs, peptide.basins)
    return {
        "peptide": name,
        "set": which + 1,
        "seconds_of_samples": read_json(peptide.made / "samples" / "sampling.json")["seconds"],
        "seconds_a_ns": 1000 * told["seconds"] * told["processes"] / told["md_ps"],
        "floor_js_basins": read_json(REFERENCE / f"{name}.json")["raw"]["basins"]["js"]["md_halves"],
        "floor_js_backbone": _scores(peptide, angles, right)["js_backbone"],
        "samples": _scores(peptide, peptide.samples.runs[0]),
        "weighted": [weighted(peptide, number, settings) for number in numbers],
        "average of the runs": [
            _scores(peptide, np.concatenate(runs.runs), runs.unbiased) | {"runs": len(runs.runs)} for runs in short
        ],
        "plain MD": [
            _scores(peptide, peptide.plain[: round(1000 * length)]) | {"ns": length}
            for length in PLAIN_NS
            if round(1000 * length) <= len(peptide.plain)
        ],
    }


def _curves(row: dict[str, Any]) -> dict[str, tuple[np.ndarray, float, list[dict[str, Any]]]]:
    """MD in ns, seconds before it, and scores, of each way of one peptide."""
    short = FIRST_NS + 0.1 * np.array([one["runs"] for one in row["weighted"]])
    before = row["seconds_of_samples"]
    return {
        "plain MD": (np.array([one["ns"] for one in row["plain MD"]]), 0.0, row["plain MD"]),
        "short MD from samples, average": (short, before, row["average of the runs"]),
        "short MD from samples, weighted": (short, before, row["weighted"]),
    }


def plain_needed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each number of runs and each peptide the shortest plain MD, ns, that is as near to the reference, by the
    backbone torsions and as a mean of both sets; None where none of its lengths is."""
    found = []
    for place in range(len(RUNS) + 1):
        needed: dict[str, float | None] = {}
        for name in dict.fromkeys(row["peptide"] for row in rows):
            own = [row for row in rows if row["peptide"] == name]
            wanted = np.mean([row["weighted"][place]["js_backbone"] for row in own])
            plain = np.mean([[one["js_backbone"] for one in row["plain MD"]] for row in own], axis=0)
            near = np.flatnonzero(plain <= wanted)
            needed[name] = float(own[0]["plain MD"][near[0]]["ns"]) if len(near) else None
        ns = round(FIRST_NS + 0.1 * rows[0]["weighted"][place]["runs"], 1)
        middle = float(np.median([np.inf if value is None else value for value in needed.values()]))
        found.append({"ns": ns, "plain_ns": needed, "median_ratio": middle / ns if np.isfinite(middle) else None})
    return found


@styled()
def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Distances against MD and against time, a line a peptide and set, and a thick one of their means."""
    figure, panels = plt.subplots(2, 2, figsize=(10, 8), layout="constrained", sharey=True)
    scores = {"js_basins": "basins of phi and psi", "js_backbone": "backbone torsions"}
    for column, (score, title) in enumerate(scores.items()):
        for number, name in enumerate(_curves(rows[0])):
            lines = []
            for row in rows:
                ns, before, found = _curves(row)[name]
                lines.append((ns, before + ns * row["seconds_a_ns"], [one[score] for one in found]))
            ns, seconds, values = (np.array(part) for part in zip(*lines, strict=True))
            for panel, x, middle in (
                (panels[0, column], ns, ns.mean(0)),
                (panels[1, column], seconds, np.exp(np.log(seconds).mean(0))),
            ):
                panel.plot(x.T, values.T, color=f"C{number}", linewidth=0.7, alpha=0.5)
                panel.plot(middle, values.mean(0), color=f"C{number}", linewidth=2.5, marker="o", label=name)
        samples = np.mean([row["samples"][score] for row in rows])
        floor = np.mean([row[f"floor_{score}"] for row in rows])
        for panel in panels[:, column]:
            panel.axhline(samples, color="black", linestyle="--", label="samples, no MD")
            panel.axhline(floor, color="grey", linestyle=":", label="lowest that can be told")
            panel.set(xscale="log", ylim=(0, None))
            panel.minorticks_off()
        panels[0, column].set(xlabel="MD of a peptide (ns)", title=title)
        panels[0, column].set_xticks([1.2, 2.4, 4.8, 10, 20], ["1.2", "2.4", "4.8", "10", "20"])
        panels[1, column].set(xlabel="wall clock on one core, samples included (s)")
        panels[1, column].set_xticks([50, 100, 200, 400, 800, 1600], ["50", "100", "200", "400", "800", "1600"])
    for panel in panels[:, 0]:
        panel.set_ylabel("JS distance to the reference")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Measure all peptides; print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the runs are")
    parser.add_argument("--peptides", nargs="*", default=PEPTIDES)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.peptides:
        for which in range(2):
            row = measured(name, options.folder, which)
            rows.append(row)
            for method in ("weighted", "average of the runs", "plain MD"):
                shown = (f"{one['js_basins']:.3f}/{one['js_backbone']:.3f}" for one in row[method])
                print(name, which + 1, method, *shown, flush=True)
            for basin in row["weighted"][-1]["basins"]:
                print("  ", {key: np.round(np.array(value, float), 3).tolist() for key, value in basin.items()})
    needed = plain_needed(rows)
    for one in needed:
        print(one)
    if options.figure is not None:
        draw(rows, options.figure)
    if options.json is not None:
        told = {"peptides": rows, "plain_md_needed": needed}
        write_json(options.json, told | {"provenance": provenance("openmm", "mdtraj", "numpy", "scipy")})


if __name__ == "__main__":
    main()
