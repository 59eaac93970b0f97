"""Are samples molecules, and do they reach what the MD reaches: bonds, angles, chirality, clashes, basins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.config.physicality import PhysicalitySettings
from jamun.evaluation.basins import cover, find_basins
from jamun.evaluation.bootstrap import (
    BLOCKS,
    REFERENCE_SEED,
    SAMPLES_SEED,
    block_weights,
    centred,
    missing,
    no_distribution,
)
from jamun.evaluation.comparison import MOST_PAIRS
from jamun.evaluation.geometry import Measured, Terms, find_terms, flaws, physical
from jamun.evaluation.js import JS_MAX, js_distance, pair_histograms, w1_distance
from jamun.evaluation.measured import BINS, FIELDS, MeasuredEnsemble, binned
from jamun.evaluation.pair import Ensemble, Pair, Result, of_accepted
from jamun.evaluation.runs import replica_pairs, replica_slices

# Of the MD's frames, so many have a nearer contact than the distance that `nearer_than_md` is about.
CONTACT_QUANTILE = 1e-4
# The temperature of MD whose record names none.
ASSUMED_TEMPERATURE = 300.0
DEFINITIONS = {
    "bond_outlier": "a bond differs from its mean length in the MD by more than bond_tolerance",
    "bent": "an angle differs from its mean in the MD by more than angle_tolerance",
    "cis": "a peptide bond has |omega| below pi/2",
    "inverted": "a stereocentre's v1.(v2 x v3) has not the sign of its mean in the MD",
    "clash": "heavy atoms more than three bonds apart are nearer than clash_distance",
    "nearer_than_md": "they are nearer than in all but 0.01 % of the MD's frames",
    "physical": "none of bond_outlier, inverted and clash",
    "w1": "1-Wasserstein distance of a distribution in the samples and in the MD, nm or radians",
    "js": "Jensen-Shannon distance, natural logarithm",
    "basins": "cells within basin_energy of the minimum of -kT ln p over phi, psi in the MD, grouped by watershed",
    "md_halves": "the same of the MD's first half against its second; of a share, both halves' own",
    "md_replicas": "the same of the MD's replicas, the mean over pairs; of a share, each replica's own",
    "interval": "low, high: 95 %, block bootstrap over chains or stretches of frames",
}


@dataclass(frozen=True)
class Reference:
    """The MD, its pieces, and what samples are held against.

    md: all frames.
    halves: frames of its first and of its second half.
    replicas: frames of its replicas; none where there are no two.
    bonds: (B,) mean lengths, nm.
    angles: (A,) mean angles, radians.
    signs: (S,) of the stereocentres' mean volumes.
    contact: distance of the nearest contacts, nm (CONTACT_QUANTILE).
    """

    md: MeasuredEnsemble
    halves: list[slice]
    replicas: list[slice]
    bonds: np.ndarray
    angles: np.ndarray
    signs: np.ndarray
    contact: float

    @classmethod
    def of(cls, md: MeasuredEnsemble, replicas: list[slice]) -> "Reference":
        """Take the means and signs of the MD, whose replicas lie in these frames."""
        measured, half = md.measured, len(md) // 2
        return cls(
            md,
            [slice(half), slice(half, None)],
            replicas,
            md.mean(measured.bonds),
            md.mean(measured.angles),
            np.where(md.mean(measured.volumes) < 0, -1.0, 1.0),
            _quantile(measured.nearest, CONTACT_QUANTILE, md.frames.weights),
        )

    def flags(self, measured: Measured, settings: PhysicalitySettings) -> dict[str, np.ndarray]:
        """What is wrong with each frame, (F,) each (DEFINITIONS)."""
        flags = flaws(measured, self.bonds, self.angles, self.signs, settings)
        return flags | {"nearer_than_md": measured.nearest < self.contact, "physical": physical(flags)}

    def with_md(self, samples: MeasuredEnsemble, drawn: np.ndarray, own: np.ndarray) -> dict[str, Any]:
        """A share or mean of the samples, with that of the MD and of its pieces: of flags or numbers `drawn` (F,) of
        the samples and `own` of the MD."""
        halves, replicas = (
            [float(self.md.chosen(part).mean(own[part])) if len(own[part]) else None for part in pieces]
            for pieces in (self.halves, self.replicas)
        )
        md = {"md": self.md.share(own), "md_halves": halves, "md_replicas": replicas or None}
        return samples.share(drawn) | md


def _quantile(values: np.ndarray, share: float, weights: np.ndarray | None) -> float:
    """The largest of the values (F,) below which no more than `share` of them lie."""
    if weights is None:
        return float(np.quantile(values, share, method="lower"))
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))


@dataclass(frozen=True)
class _Distances:
    """W1 and JS of K distributions.

    values: (K,) of each.
    resampled: (R, K) of each.
    halves, replicas: (K,) of the MD's pieces; NaN where there are no two.
    frames: those of the smaller ensemble.
    """

    values: dict[str, np.ndarray]
    resampled: dict[str, np.ndarray]
    halves: dict[str, np.ndarray]
    replicas: dict[str, np.ndarray]
    frames: int

    def of(self, name: str, place: int | None = None) -> dict[str, Any]:
        """One distribution's distance, or the mean over all of them."""
        chosen = slice(None) if place is None else slice(place, place + 1)
        count = len(self.values[name][chosen])
        if not count:
            return missing("the molecule has none of these")
        if self.frames < BLOCKS:
            entry = no_distribution(self.frames, count)
        else:
            value, resampled = self.values[name][chosen].mean(), self.resampled[name][:, chosen].mean(1)
            entry = centred(float(value), resampled, count, self.frames, JS_MAX if name == "js" else np.inf)
        for pieces in ("halves", "replicas"):
            own = float(getattr(self, pieces)[name][chosen].mean())
            entry[f"md_{pieces}"] = own if np.isfinite(own) else None
        return entry


def _distances(reference: Reference, samples: MeasuredEnsemble, kind: str) -> tuple[_Distances, dict[str, np.ndarray]]:
    """Distances of the distributions of one kind of term, and its histograms (K, bins) of both ensembles."""
    bins, md = BINS[kind], reference.md
    width = (bins.high - bins.low) / bins.number

    def both(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
        shape = (bins.number // bins.joined, bins.joined)
        joint = [one.reshape(*one.shape[:-1], *shape).sum(-1) for one in (first, second)]
        return {"w1": w1_distance(first, second, width), "js": js_distance(*joint)}

    own, theirs = md.histogram(kind), samples.histogram(kind)
    halves, pieces = (
        [md.histogram(kind, part)[0] for part in parts] for parts in (reference.halves, reference.replicas)
    )
    columns = own.shape[1]
    between = {name: np.full(columns, np.nan) for name in ("w1", "js")}
    if pieces:
        pairs = [both(pieces[one], pieces[two]) for one, two in replica_pairs(list(range(len(pieces))), MOST_PAIRS)]
        between = {name: np.mean([pair[name] for pair in pairs], axis=0) for name in between}
    drawn, drawn_md = (block_weights(one.number, one.seed) for one in (samples, md))
    resampled = {name: np.empty((len(drawn), columns)) for name in ("w1", "js")}
    for column in range(columns):
        for name, values in both(drawn @ theirs[:, column], drawn_md @ own[:, column]).items():
            resampled[name][:, column] = values
    own, theirs = own.sum(0), theirs.sum(0)
    frames = min(len(md), len(samples))
    found = _Distances(both(theirs, own), resampled, both(*halves), between, frames)
    return found, {"reference": own, "samples": theirs}


def _terms(
    reference: Reference, samples: MeasuredEnsemble, kind: str, labels: list[str], types: list[str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Means, spreads and distances of bonds or angles, and their histograms."""
    distances, arrays = _distances(reference, samples, kind)
    rows = []
    for place, (label, of_type) in enumerate(zip(labels, types, strict=True)):
        row: dict[str, Any] = {"label": label, "type": of_type}
        for name, one in (("md", reference.md), ("samples", samples)):
            values = getattr(one.measured, FIELDS[kind])[:, place]
            row[name] = {"mean": one.share(values), "sd": one.spread(values)}
        rows.append(row | {name: distances.of(name, place) for name in ("w1", "js")})
    return {"w1": distances.of("w1"), "js": distances.of("js"), "terms": rows}, arrays


def _omegas(
    reference: Reference, samples: MeasuredEnsemble, labels: list[str]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    distances, arrays = _distances(reference, samples, "omega")
    rows = []
    for place, label in enumerate(labels):
        drawn, own = (np.abs(one.measured.omegas[:, place]) for one in (samples, reference.md))
        rows.append(
            {
                "label": label,
                "deviation": reference.with_md(samples, np.pi - drawn, np.pi - own),
                "cis": reference.with_md(samples, drawn < np.pi / 2, own < np.pi / 2),
                "js": distances.of("js", place),
            }
        )
    return rows, arrays


def _contacts(
    reference: Reference, samples: MeasuredEnsemble, terms: Terms
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    distances, arrays = _distances(reference, samples, "nearest")
    nearest = {"md": reference.md.measured.nearest, "samples": samples.measured.nearest}
    none = missing("no heavy atoms are more than three bonds apart")
    return {
        "pairs": len(terms.contacts),
        "minimum": {name: float(values.min()) if len(values) else None for name, values in nearest.items()},
        "md_nearest": reference.contact,
        "w1": distances.of("w1", 0) if len(terms.contacts) else none,
        "js": distances.of("js", 0) if len(terms.contacts) else none,
    }, arrays


def _basins(
    reference: Reference, samples: MeasuredEnsemble, temperature: float, settings: EvaluationSettings
) -> tuple[dict[str, Any], dict[str, np.ndarray], np.ndarray]:
    """How the samples cover the basins of the MD, both maps over phi and psi, and the basins' labels."""
    md, bins = reference.md, settings.ramachandran_bins
    pairs = md.frames.pairs

    def maps(ensemble: Ensemble, parts: Sequence[slice | np.ndarray]) -> np.ndarray:
        """Counts (parts, P, bins, bins)."""
        chosen = [ensemble.chosen(part) for part in parts]
        counts = [pair_histograms(part.angles, pairs, bins, part.weights) for part in chosen]
        return np.stack(counts) if counts else np.zeros((0, len(pairs), bins, bins), dtype=np.int64)

    own, theirs = (maps(one.frames, [one.blocks == block for block in range(one.number)]) for one in (md, samples))
    halves, replicas = (maps(md.frames, parts) for parts in (reference.halves, reference.replicas))
    seen = pair_histograms(md.frames.angles, pairs, bins)
    basins = [
        find_basins(counts, temperature, settings.physicality, frames)
        for counts, frames in zip(own.sum(0), seen, strict=True)
    ]
    coverage, residues = cover(own, theirs, halves, replicas, basins)
    for residue, (phi, _) in zip(residues, pairs, strict=True):
        residue |= md.frames.torsions[phi].residue_entry
    labels = np.array([found.labels for found in basins], np.int16).reshape(-1, bins, bins)
    return coverage | {"residues": residues}, {"reference": own.sum(0), "samples": theirs.sum(0)}, labels


def _assess(
    reference: Reference, samples: MeasuredEnsemble, terms: Terms, temperature: float, settings: EvaluationSettings
) -> Result:
    """Hold samples against the MD.

    Returns what goes into the result's JSON (definitions: docs/evaluation.md) and the histograms for the figures,
    `reference` and `samples` of each kind.
    """
    md, histograms = reference.md, {}
    bonds, histograms["bond"] = _terms(reference, samples, "bond", terms.bond_labels, terms.bond_types)
    angles, histograms["angle"] = _terms(reference, samples, "angle", terms.angle_labels, terms.angle_types)
    omegas, histograms["omega"] = _omegas(reference, samples, terms.omega_labels)
    contacts, histograms["nearest"] = _contacts(reference, samples, terms)
    volumes = {name: one.measured.volumes * reference.signs for name, one in (("md", md), ("samples", samples))}
    histograms["volume"] = {
        name: binned(values, BINS["volume"], np.zeros(len(one), np.int64), 1, one.frames.weights)[0]
        for name, one, values in (("reference", md, volumes["md"]), ("samples", samples, volumes["samples"]))
    }
    basins, histograms["ramachandran"], labels = _basins(reference, samples, temperature, settings)
    drawn, own = (reference.flags(one.measured, settings.physicality) for one in (samples, md))
    result = {
        "frames": len(samples),
        "shares": {name: reference.with_md(samples, drawn[name], own[name]) for name in drawn},
        "bonds": bonds,
        "angles": angles,
        "omegas": omegas,
        "centres": [
            {
                "label": label,
                "sign": int(reference.signs[k]),
                "inverted": reference.with_md(samples, volumes["samples"][:, k] <= 0, volumes["md"][:, k] <= 0),
            }
            for k, label in enumerate(terms.centre_labels)
        ],
        "contacts": contacts,
        "basins": basins,
    }
    arrays = {f"{kind}_{name}": counts for kind, both in histograms.items() for name, counts in both.items()}
    return result, arrays | {"basin_labels": labels}


def analyse(pair: Pair, settings: EvaluationSettings) -> Result:
    """Hold all samples and, where the sampler rejected some, those that it accepted against the MD.

    Returns the entries of the result (definitions: docs/evaluation.md), and the histograms for the figures; those of
    accepted samples end in `_accepted`. Raises MoleculeError for a topology without bonds.
    """
    notes, temperature = [], pair.temperature
    terms = find_terms(pair.reference.topology, pair.reference.placed())
    if terms.dropped:
        notes.append(
            f"Not bonds, though the topology has them: {', '.join(terms.dropped)} (longer than 0.25 nm in the MD)."
        )
    if temperature is None:
        notes.append(f"The temperature of the MD is not known; basins are those at {ASSUMED_TEMPERATURE:g} K.")
        temperature = ASSUMED_TEMPERATURE
    replicas, one_replica = replica_slices(pair.reference.chains)
    reference = Reference.of(MeasuredEnsemble.of(pair.reference, terms, REFERENCE_SEED), replicas)
    samples = MeasuredEnsemble.of(pair.samples, terms, SAMPLES_SEED)
    raw, arrays = _assess(reference, samples, terms, temperature, settings)

    def of_kept(kept: np.ndarray) -> dict[str, Any]:
        found, more = _assess(reference, samples.chosen(kept), terms, temperature, settings)
        own = {name: counts for name, counts in more.items() if name.endswith("_samples")}
        arrays.update({f"{name.removesuffix('samples')}accepted": counts for name, counts in own.items()})
        return found

    bins = settings.ramachandran_bins
    result = {
        "temperature_k": temperature,
        "settings": settings.physicality.model_dump(mode="json") | {"ramachandran_bins": bins},
        "definitions": DEFINITIONS,
        "seed": {"samples": SAMPLES_SEED, "reference": REFERENCE_SEED},
        "raw": raw,
        **of_accepted(pair.samples, pair.accepted, of_kept),
        "md_replicas": {"replicas": len(replicas), "reason": one_replica},
        "notes": notes,
    }
    arrays |= {f"{kind}_edges": one.edges for kind, one in BINS.items()}
    return result, arrays | {"ramachandran_edges": np.linspace(-np.pi, np.pi, bins + 1)}
