"""Are samples molecules, and do they reach what the MD reaches: bonds, angles, chirality, clashes, basins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.physicality import PhysicalitySettings
from jamun.evaluation.basins import cover, find_basins
from jamun.evaluation.bootstrap import (
    REFERENCE_SEED,
    SAMPLES_SEED,
    binned,
    block_sums,
    centred,
    ratio,
    wasserstein,
)
from jamun.evaluation.ensembles import Ensemble, load_pair, none_rejected, read_flags
from jamun.evaluation.estimates import missing
from jamun.evaluation.geometry import Measured, Terms, find_terms, flaws, measure, physical
from jamun.evaluation.js import BLOCKS, JS_MAX, block_weights, blocks_of_chains, js_distance, pair_histograms
from jamun.evaluation.runs import replica_pairs, replica_slices
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import Torsion, compute_torsions, phi_psi_pairs

# Histograms (low, high, bins, bins joined to one for JS). Fine bins make W1 exact enough, JS needs fuller ones.
BOND_BINS = (0.04, 0.28, 480, 4)
ANGLE_BINS = (0.0, np.pi, 360, 2)
OMEGA_BINS = (-np.pi, np.pi, 100, 1)
NEAREST_BINS = (0.0, 0.6, 300, 5)
VOLUME_BINS = (-0.004, 0.004, 160, 1)
# Of the MD's frames, so many have a nearer contact than the distance that `nearer_than_md` is about.
CONTACT_QUANTILE = 1e-4
# Pairs of replicas whose distances are averaged, at most: all pairs of five.
_MOST_PAIRS = 10
# The temperature of MD whose record names none.
ASSUMED_TEMPERATURE = 300.0
DEFINITIONS = {
    "broken": "a bond differs from its mean length in the MD by more than bond_tolerance",
    "bent": "an angle differs from its mean in the MD by more than angle_tolerance",
    "cis": "a peptide bond has |omega| below pi/2",
    "inverted": "a stereocentre's v1.(v2 x v3) has not the sign of its mean in the MD",
    "clash": "heavy atoms more than three bonds apart are nearer than clash_distance",
    "nearer_than_md": "they are nearer than in all but 0.01 % of the MD's frames",
    "physical": "neither broken, inverted nor clash",
    "w1": "1-Wasserstein distance of a distribution in the samples and in the MD, nm or radians",
    "js": "Jensen-Shannon distance, natural logarithm",
    "basins": "cells within basin_energy of the minimum of -kT ln p over phi, psi in the MD, grouped by watershed",
    "md_halves": "the same of the MD's first half against its second; of a share, both halves' own",
    "md_replicas": "the same of the MD's replicas, the mean over pairs; of a share, each replica's own",
    "interval": "low, high: 95 %, block bootstrap over chains or stretches of frames",
}


@dataclass(frozen=True)
class Side:
    """One ensemble, measured: `measured` of F frames, their angles phi, psi (F, K) and the block (F,) of each."""

    measured: Measured
    angles: np.ndarray
    blocks: np.ndarray
    number: int
    seed: int

    @classmethod
    def of(cls, ensemble: Ensemble, terms: Terms, angles: np.ndarray, seed: int) -> Side:
        """Measure an ensemble."""
        blocks = blocks_of_chains(ensemble.chains)
        return cls(measure(ensemble.trajectory.xyz, terms), angles, blocks, int(blocks.max()) + 1, seed)

    def __len__(self) -> int:
        return len(self.blocks)

    def chosen(self, frames: np.ndarray | slice) -> Side:
        """Some of the frames; blocks keep their numbers."""
        return Side(self.measured.chosen(frames), self.angles[frames], self.blocks[frames], self.number, self.seed)

    def halves(self) -> tuple[Side, Side]:
        """First and second half of the frames."""
        return self.chosen(slice(0, len(self) // 2)), self.chosen(slice(len(self) // 2, None))

    def weights(self) -> np.ndarray:
        """How often each resample draws each block."""
        return block_weights(self.number, self.seed)

    def share(self, flags: np.ndarray) -> dict[str, Any]:
        """Share of frames, or mean of numbers (F,), with its interval."""
        frames = np.bincount(self.blocks, minlength=self.number)
        return ratio(block_sums(flags, self.blocks, self.number), frames, self.seed)

    def spread(self, values: np.ndarray) -> dict[str, Any]:
        """Standard deviation of numbers (F,), with its interval."""
        if len(self) == 0:
            return missing("no frames")
        centre = float(values.mean(dtype=float))
        off = values.astype(float) - centre
        frames = np.bincount(self.blocks, minlength=self.number)
        sums = np.stack(
            [frames, block_sums(off, self.blocks, self.number), block_sums(off**2, self.blocks, self.number)]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            count, first, second = (self.weights() @ sums.T).T
            resampled = np.sqrt(np.maximum(second / count - (first / count) ** 2, 0))
        return centred(float(values.std(dtype=float)), resampled, len(self), len(self))


@dataclass(frozen=True)
class Reference:
    """The MD, its halves, its replicas (none where there are no two), and what samples are held against: means of bonds
    (B,) and angles (A,), signs of the stereocentres (S,), and the distance of the nearest contacts, nm."""

    side: Side
    halves: tuple[Side, Side]
    replicas: tuple[Side, ...]
    bond_means: np.ndarray
    angle_means: np.ndarray
    signs: np.ndarray
    contact: float

    @classmethod
    def of(cls, side: Side, replicas: list[slice]) -> Reference:
        """Take the means and signs of the MD, whose replicas lie in these frames."""
        measured = side.measured
        return cls(
            side,
            side.halves(),
            tuple(side.chosen(frames) for frames in replicas),
            measured.bonds.mean(0, dtype=float),
            measured.angles.mean(0, dtype=float),
            np.where(measured.volumes.mean(0, dtype=float) < 0, -1.0, 1.0),
            float(np.quantile(measured.nearest, CONTACT_QUANTILE, method="lower")),
        )

    def flags(self, measured: Measured, settings: PhysicalitySettings) -> dict[str, np.ndarray]:
        """What is wrong with each frame, (F,) each (DEFINITIONS)."""
        flags = flaws(measured, self.bond_means, self.angle_means, self.signs, settings)
        return flags | {"nearer_than_md": measured.nearest < self.contact, "physical": physical(flags)}


@dataclass(frozen=True)
class _Distances:
    """W1 and JS of K distributions, with resamples (R, K) and the distances of halves and of replicas (K,), these NaN
    where there are no two."""

    values: dict[str, np.ndarray]
    resampled: dict[str, np.ndarray]
    halves: dict[str, np.ndarray]
    replicas: dict[str, np.ndarray]
    frames: int

    def of(self, name: str, place: int) -> dict[str, Any]:
        """One distribution's distance."""
        entry = self._entry(name, self.values[name][place], self.resampled[name][:, place], 1)
        return entry | self._pieces(name, slice(place, place + 1))

    def mean(self, name: str) -> dict[str, Any]:
        """The mean over all of them."""
        count = len(self.values[name])
        if not count:
            return missing("the molecule has none of these")
        entry = self._entry(name, self.values[name].mean(), self.resampled[name].mean(1), count)
        return entry | self._pieces(name, slice(None))

    def _pieces(self, name: str, chosen: slice) -> dict[str, float | None]:
        means = {f"md_{pieces}": float(getattr(self, pieces)[name][chosen].mean()) for pieces in ("halves", "replicas")}
        return {pieces: value if np.isfinite(value) else None for pieces, value in means.items()}

    def _entry(self, name: str, value: float, resampled: np.ndarray, count: int) -> dict[str, Any]:
        if self.frames < BLOCKS:
            return missing(f"only {self.frames} frames; a distribution needs {BLOCKS}", count)
        return centred(float(value), resampled, count, self.frames, JS_MAX if name == "js" else np.inf)


def _distances(
    reference: Reference, samples: Side, field: str, bins: tuple[float, float, int, int]
) -> tuple[_Distances, dict[str, np.ndarray]]:
    """Distances of the distributions of one kind of term, and its histograms (K, bins) of both ensembles."""
    low, high, number, joined = bins
    width = (high - low) / number

    def counts(side: Side, whole: bool = False) -> np.ndarray:
        values = getattr(side.measured, field)
        values = values[:, None] if values.ndim == 1 else values
        blocks = np.zeros_like(side.blocks) if whole else side.blocks
        return binned(values, low, high, number, blocks, 1 if whole else side.number)

    def both(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
        joint = [one.reshape(*one.shape[:-1], number // joined, joined).sum(-1) for one in (first, second)]
        return {"w1": wasserstein(first, second, width), "js": js_distance(*joint)}

    own, theirs = counts(reference.side), counts(samples)
    halves = [counts(half, whole=True)[0] for half in reference.halves]
    pieces = [counts(replica, whole=True)[0] for replica in reference.replicas]
    columns = own.shape[1]
    between = {name: np.full(columns, np.nan) for name in ("w1", "js")}
    if pieces:
        pairs = [both(pieces[one], pieces[two]) for one, two in replica_pairs(list(range(len(pieces))), _MOST_PAIRS)]
        between = {name: np.mean([pair[name] for pair in pairs], axis=0) for name in between}
    drawn, drawn_reference = samples.weights(), reference.side.weights()
    resampled = {name: np.empty((len(drawn), columns)) for name in ("w1", "js")}
    for column in range(columns):
        one, two = drawn @ theirs[:, column], drawn_reference @ own[:, column]
        for name, values in both(one, two).items():
            resampled[name][:, column] = values
    own, theirs = own.sum(0), theirs.sum(0)
    frames = min(len(reference.side), len(samples))
    return _Distances(both(theirs, own), resampled, both(*halves), between, frames), {
        "reference": own,
        "samples": theirs,
    }


def _terms(reference: Reference, samples: Side, field: str, labels: list[str], types: list[str], bins) -> tuple:
    """Means, spreads and distances of bonds or angles, and their histograms."""
    distances, arrays = _distances(reference, samples, field, bins)
    rows = []
    for place, (label, kind) in enumerate(zip(labels, types, strict=True)):
        sides = {"md": reference.side, "samples": samples}
        values = {name: getattr(side.measured, field)[:, place] for name, side in sides.items()}
        rows.append(
            {"label": label, "type": kind}
            | {
                name: {"mean": side.share(values[name]), "sd": side.spread(values[name])}
                for name, side in sides.items()
            }
            | {name: distances.of(name, place) for name in ("w1", "js")}
        )
    return {"w1": distances.mean("w1"), "js": distances.mean("js"), "terms": rows}, arrays


def _with_md(reference: Reference, samples: Side, of: Any) -> dict[str, Any]:
    """A share or mean of the samples, with that of the MD and of its halves; `of` gives values (F,) of frames."""
    return samples.share(of(samples.measured)) | {
        "md": reference.side.share(of(reference.side.measured)),
        "md_halves": [float(np.mean(of(half.measured))) if len(half) else None for half in reference.halves],
        "md_replicas": [float(np.mean(of(replica.measured))) for replica in reference.replicas] or None,
    }


def _omegas(reference: Reference, samples: Side, labels: list[str]) -> tuple[list[dict[str, Any]], dict]:
    distances, arrays = _distances(reference, samples, "omegas", OMEGA_BINS)
    rows = [
        {
            "label": label,
            "deviation": _with_md(reference, samples, lambda m, k=place: np.pi - np.abs(m.omegas[:, k])),
            "cis": _with_md(reference, samples, lambda m, k=place: np.abs(m.omegas[:, k]) < np.pi / 2),
            "js": distances.of("js", place),
        }
        for place, label in enumerate(labels)
    ]
    return rows, arrays


def _contacts(reference: Reference, samples: Side, terms: Terms) -> tuple[dict[str, Any], dict]:
    distances, arrays = _distances(reference, samples, "nearest", NEAREST_BINS)
    nearest = {"md": reference.side.measured.nearest, "samples": samples.measured.nearest}
    reason = "no heavy atoms are more than three bonds apart"
    return {
        "pairs": len(terms.contacts),
        "minimum": {name: float(values.min()) if len(values) else None for name, values in nearest.items()},
        "md_nearest": reference.contact,
        "w1": distances.of("w1", 0) if len(terms.contacts) else missing(reason),
        "js": distances.of("js", 0) if len(terms.contacts) else missing(reason),
    }, arrays


def _maps(side: Side, pairs: np.ndarray, bins: int) -> np.ndarray:
    """Counts (blocks, P, bins, bins) of phi and psi."""
    maps = np.zeros((side.number, len(pairs), bins, bins), dtype=np.int64)
    for block in range(side.number):
        maps[block] = pair_histograms(side.angles[side.blocks == block], pairs, bins)
    return maps


def assess(
    reference: Reference,
    samples: Side,
    terms: Terms,
    torsions: list[Torsion],
    temperature: float,
    settings: PhysicalitySettings,
    bins: int,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Hold samples against the MD.

    Parameters: both ensembles measured by the same `terms`; `torsions` (K) that their angles are of; the MD's
    temperature, K; bins along phi and psi of the maps. Returns what goes into the result's JSON (definitions:
    docs/evaluation.md) and the histograms for the figures, `reference` and `samples` of each kind.
    """
    bonds, bond_arrays = _terms(reference, samples, "bonds", terms.bond_labels, terms.bond_types, BOND_BINS)
    angles, angle_arrays = _terms(reference, samples, "angles", terms.angle_labels, terms.angle_types, ANGLE_BINS)
    omegas, omega_arrays = _omegas(reference, samples, terms.omega_labels)
    contacts, nearest_arrays = _contacts(reference, samples, terms)
    volume_arrays = {
        name: binned(side.measured.volumes * reference.signs, *VOLUME_BINS[:3], np.zeros_like(side.blocks), 1)[0]
        for name, side in {"reference": reference.side, "samples": samples}.items()
    }
    sides = {"samples": samples, "md": reference.side, "first": reference.halves[0], "second": reference.halves[1]}
    flags = {name: reference.flags(side.measured, settings) for name, side in sides.items()}
    of_replicas = [reference.flags(replica.measured, settings) for replica in reference.replicas]
    shares = {
        name: samples.share(flags["samples"][name])
        | {
            "md": reference.side.share(flags["md"][name]),
            "md_halves": [float(flags[half][name].mean()) for half in ("first", "second")],
            "md_replicas": [float(one[name].mean()) for one in of_replicas] or None,
        }
        for name in flags["samples"]
    }
    centres = [
        {
            "label": label,
            "sign": int(reference.signs[place]),
            "inverted": _with_md(reference, samples, lambda m, k=place: m.volumes[:, k] * reference.signs[k] <= 0),
        }
        for place, label in enumerate(terms.centre_labels)
    ]
    pairs = np.array(phi_psi_pairs(torsions), dtype=np.int64).reshape(-1, 2)
    maps = _maps(reference.side, pairs, bins)
    drawn = _maps(samples, pairs, bins)
    halves = np.stack([pair_histograms(half.angles, pairs, bins) for half in reference.halves])
    replicas = np.zeros((len(reference.replicas), len(pairs), bins, bins), dtype=np.int64)
    for number, replica in enumerate(reference.replicas):
        replicas[number] = pair_histograms(replica.angles, pairs, bins)
    basins = [find_basins(counts, temperature, settings) for counts in maps.sum(0)]
    coverage, residues = cover(maps, drawn, halves, replicas, basins)
    for residue, (phi, _) in zip(residues, pairs, strict=True):
        residue |= torsions[phi].residue_entry
    result = {
        "frames": len(samples),
        "shares": shares,
        "bonds": bonds,
        "angles": angles,
        "omegas": omegas,
        "centres": centres,
        "contacts": contacts,
        "basins": coverage | {"residues": residues},
    }
    arrays = {
        f"{kind}_{name}": counts
        for kind, both in {
            "bond": bond_arrays,
            "angle": angle_arrays,
            "omega": omega_arrays,
            "nearest": nearest_arrays,
            "volume": volume_arrays,
            "ramachandran": {"reference": maps.sum(0), "samples": drawn.sum(0)},
        }.items()
        for name, counts in both.items()
    }
    arrays["basin_labels"] = np.array([found.labels for found in basins], np.int16).reshape(-1, bins, bins)
    return result, arrays


def edges(bins: int) -> dict[str, np.ndarray]:
    """Edges of every histogram."""
    kinds = {
        "bond": BOND_BINS,
        "angle": ANGLE_BINS,
        "omega": OMEGA_BINS,
        "nearest": NEAREST_BINS,
        "volume": VOLUME_BINS,
    }
    found = {f"{kind}_edges": np.linspace(low, high, number + 1) for kind, (low, high, number, _) in kinds.items()}
    return found | {"ramachandran_edges": np.linspace(-np.pi, np.pi, bins + 1)}


def physicality(
    reference: Ensemble,
    samples: Ensemble,
    accepted: np.ndarray | None,
    temperature: float | None,
    settings: PhysicalitySettings,
    bins: int,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Raw and, where `accepted` (F,) leaves some frames out, accepted samples against the MD: (result, arrays).

    `temperature` in K, None where it is not known. Arrays of the accepted samples end in `_accepted`. Raises
    MoleculeError for a topology without bonds.
    """
    notes = []
    terms = find_terms(reference.trajectory)
    if terms.dropped:
        notes.append(
            f"Not bonds, though the topology has them: {', '.join(terms.dropped)} (longer than 0.25 nm in the MD)."
        )
    if temperature is None:
        notes.append(f"The temperature of the MD is not known; basins are those at {ASSUMED_TEMPERATURE:g} K.")
        temperature = ASSUMED_TEMPERATURE
    torsions, reference_angles = compute_torsions(reference.trajectory)
    _, sample_angles = compute_torsions(samples.trajectory)
    replicas, one_replica = replica_slices(reference.chains)
    held = Reference.of(Side.of(reference, terms, reference_angles, REFERENCE_SEED), replicas)
    drawn = Side.of(samples, terms, sample_angles, SAMPLES_SEED)
    rest = (terms, torsions, temperature, settings, bins)
    raw, arrays = assess(held, drawn, *rest)
    after, reason = None, none_rejected(accepted)
    if reason is None:
        after, more = assess(held, drawn.chosen(accepted), *rest)
        arrays |= {
            name.removesuffix("samples") + "accepted": counts
            for name, counts in more.items()
            if name.endswith("_samples")
        }
    result = {
        "temperature_k": temperature,
        "settings": settings.model_dump(mode="json") | {"ramachandran_bins": bins},
        "definitions": DEFINITIONS,
        "seed": {"samples": SAMPLES_SEED, "reference": REFERENCE_SEED},
        "raw": raw,
        "accepted": after,
        "accepted_reason": reason,
        "md_replicas": {"replicas": len(replicas), "reason": one_replica},
        "notes": notes,
    }
    return result, arrays | edges(bins)


def physicality_to_files(
    reference: Path,
    reference_topology: Path,
    md_record: Path,
    samples: Path,
    samples_topology: Path,
    sampling_record: Path,
    dataset: str,
    model: str,
    peptide: str,
    settings: PhysicalitySettings,
    bins: int,
    result: Path,
    arrays: Path,
) -> None:
    """Hold one peptide's samples against its MD and publish result (JSON) and histograms (NPZ).

    A file flags.npz beside the samples, if there is one, tells which samples the sampler accepted. Raises
    EvaluationError for files that are not two ensembles of one molecule.
    """
    md, sampling = read_json(md_record), read_json(sampling_record)
    first, second = load_pair(reference, reference_topology, md["boundaries"], samples, samples_topology)
    flags = read_flags(samples, second.n_frames)
    found, histograms = physicality(
        first, second, None if flags is None else flags["accepted"], md["settings"].get("temperature"), settings, bins
    )
    head = {
        "dataset": dataset,
        "model": model,
        "peptide": peptide,
        "reference": {"file": str(reference), "frames": first.n_frames, "replicas": len(md["boundaries"]) - 1},
        "samples": {
            "file": str(samples),
            "frames": second.n_frames,
            "chains": sampling["chains"],
            "flags": None if flags is None else {name: int(values.sum()) for name, values in flags.items()},
        },
    }
    write_npz(arrays, histograms)
    write_json(result, head | found | {"provenance": provenance("mdtraj", "numpy", "scipy")})
