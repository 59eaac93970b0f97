"""Jensen-Shannon distances between samples and reference MD, their baselines and their course in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.ensembles import load_pair, none_rejected, read_flags
from jamun.evaluation.estimates import mean_of_pairs
from jamun.evaluation.independent import convergence, in_time, independent_convergence, lengths_in_time
from jamun.evaluation.js import (
    block_weights,
    blocks_of_chains,
    histograms,
    interval,
    js_distance,
    pair_histograms,
)
from jamun.evaluation.runs import replica_pairs, replica_slices
from jamun.evaluation.wall_clock import compared_ensembles, loss_notes, wall_clock_notes
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import Torsion, compute_torsions, phi_psi_pairs

GROUPS = ("backbone", "side_chain", "all", "ramachandran")
# Pairs of replicas whose distances are averaged, at most: all pairs of five.
_MOST_PAIRS = 10


@dataclass(frozen=True)
class Counts:
    """Histograms of a set of frames: torsions (..., K, bins) and phi/psi pairs (..., P, bins, bins)."""

    torsions: np.ndarray
    pairs: np.ndarray

    def total(self) -> Counts:
        """Sums over blocks (first axis)."""
        return Counts(self.torsions.sum(0), self.pairs.sum(0))

    def weighted(self, weights: np.ndarray) -> Counts:
        """Sums over blocks (first axis) with weights (R, blocks): (R, K, bins) and (R, P, bins, bins)."""
        return Counts(np.tensordot(weights, self.torsions, 1), np.tensordot(weights, self.pairs, 1))


@dataclass(frozen=True)
class Binning:
    """How angles become histograms."""

    torsions: list[Torsion]
    pairs: np.ndarray
    torsion_bins: int
    pair_bins: int

    @classmethod
    def of(cls, torsions: list[Torsion], settings: EvaluationSettings) -> Binning:
        """That of the settings, for a molecule's torsions (K)."""
        pairs = np.array(phi_psi_pairs(torsions), dtype=np.int64).reshape(-1, 2)
        return cls(torsions, pairs, settings.torsion_bins, settings.ramachandran_bins)

    def count(self, angles: np.ndarray) -> Counts:
        """Histograms of angles (F, K)."""
        return Counts(histograms(angles, self.torsion_bins), pair_histograms(angles, self.pairs, self.pair_bins))

    def count_blocks(self, angles: np.ndarray, chains: np.ndarray) -> Counts:
        """Histograms by block of the chains (F,): a leading axis of blocks."""
        blocks = blocks_of_chains(chains)
        parts = [self.count(angles[blocks == block]) for block in range(blocks.max() + 1)]
        return Counts(np.stack([p.torsions for p in parts]), np.stack([p.pairs for p in parts]))

    def distances(self, first: Counts, second: Counts) -> dict[str, np.ndarray]:
        """JS of each torsion (..., K) and pair (..., P)."""
        return {
            "torsions": js_distance(first.torsions, second.torsions),
            "pairs": js_distance(first.pairs, second.pairs, dims=2),
        }

    def means(self, distances: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Means over groups of torsions, by group; NaN for a group without members."""
        kinds = np.array([torsion.group for torsion in self.torsions])
        chosen = {
            "backbone": distances["torsions"][..., kinds == "backbone"],
            "side_chain": distances["torsions"][..., kinds == "side_chain"],
            "all": distances["torsions"][..., kinds != "omega"],
            "ramachandran": distances["pairs"],
        }
        return {
            group: values.mean(-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
            for group, values in chosen.items()
        }

    def members(self, group: str) -> int:
        """How many torsions or pairs a mean is over."""
        if group == "ramachandran":
            return len(self.pairs)
        if group == "all":
            return sum(torsion.group != "omega" for torsion in self.torsions)
        return sum(torsion.group == group for torsion in self.torsions)


def distances(
    binning: Binning, reference: Counts, samples: Counts, equal: dict[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """Distances of samples to the reference MD, both counted by block, with intervals: of each torsion and pair
    (`torsions`, `ramachandran`) and their means over groups (`js`). `equal` are those of MD at equal wall clock, which
    stand beside each torsion and pair, null where there are none."""
    value = binning.distances(samples.total(), reference.total())
    resampled = binning.distances(
        samples.weighted(block_weights(len(samples.torsions), 1)),
        reference.weighted(block_weights(len(reference.torsions), 2)),
    )
    means, resampled_means = binning.means(value), binning.means(resampled)

    def entry(kind: str, place: int) -> dict[str, Any]:
        return {
            "js": interval(value[kind][place], resampled[kind][:, place], 1),
            "js_md_equal_wall_clock": float(equal[kind][place]) if equal else None,
        }

    return {
        "torsions": [torsion.entry | entry("torsions", k) for k, torsion in enumerate(binning.torsions)],
        "ramachandran": [
            binning.torsions[phi].residue_entry | entry("pairs", k) for k, (phi, _) in enumerate(binning.pairs)
        ],
        "js": {group: interval(means[group], resampled_means[group], binning.members(group)) for group in GROUPS},
    }


def _point(binning: Binning, first: Counts, second: Counts, frames: int) -> dict[str, Any]:
    """Mean distances of two sets of frames, counted by block, with intervals."""
    means = binning.means(binning.distances(first.total(), second.total()))
    resampled = binning.means(
        binning.distances(
            first.weighted(block_weights(len(first.torsions), 1)),
            second.weighted(block_weights(len(second.torsions), 2)),
        )
    )
    return {"frames": frames} | {
        group: interval(float(value), resampled[group], binning.members(group)) for group, value in means.items()
    }


def _replicas(binning: Binning, angles: np.ndarray, replicas: np.ndarray) -> dict[str, Any]:
    """Mean distances between replicas (F,) of the MD with intervals, or nulls and the reason."""
    parts, reason = replica_slices(replicas)
    if not parts:
        return {"frames": None, "pairs": 0, "reason": reason} | dict.fromkeys(GROUPS)
    counts = {part.start: binning.count_blocks(angles[part], replicas[part]) for part in parts}
    shortest = min(part.stop - part.start for part in parts)
    points = [
        _point(binning, counts[first.start], counts[second.start], shortest)
        for first, second in replica_pairs(parts, _MOST_PAIRS)
    ]
    means = {group: mean_of_pairs([point[group] for point in points]) for group in GROUPS}
    return {"frames": shortest, "pairs": len(points)} | means


def _convergence(
    binning: Binning, angles: np.ndarray, reference: Counts, seconds_per_frame: float | None, points: int
) -> dict[str, list[float | None]]:
    """JS to the reference of the first n frames, n growing."""
    lengths = lengths_in_time(len(angles), points)
    return in_time(lengths, convergence(binning, angles, [reference], lengths), seconds_per_frame)


def frames_at_equal_wall_clock(
    md_seconds_per_frame: float | None, md_frames: int, sampling_seconds: float | None
) -> tuple[int | None, str | None]:
    """MD frames that the sampler's wall clock buys, or None and the reason."""
    if not md_seconds_per_frame or not sampling_seconds:
        return None, "the wall clock of the MD or of the sampling is not recorded"
    frames = int(sampling_seconds / md_seconds_per_frame)
    if frames < 1:
        return None, "the sampler took less wall clock than one MD frame"
    if frames >= md_frames:
        return None, f"the sampler took the wall clock of {frames:,} MD frames, more than the {md_frames:,} there are"
    return frames, None


def compare(
    reference_angles: np.ndarray,
    reference_chains: np.ndarray,
    sample_angles: np.ndarray,
    sample_chains: np.ndarray,
    torsions: list[Torsion],
    settings: EvaluationSettings,
    md_seconds_per_frame: float | None = None,
    sampling_seconds: float | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Compare two ensembles by their torsions.

    Parameters: angles (F, K) in radians on (-pi, pi) with the chain of each frame (F,), of the reference MD and of the
    samples; `torsions` (K); seconds of wall clock a frame of MD, and of all sampling, for the cuts at equal wall clock.
    Returns what goes into the result's JSON (definitions: docs/evaluation.md) and the histograms for the figures.
    Intervals are 95 % block bootstraps over chains or stretches of both ensembles at once.
    """
    binning = Binning.of(torsions, settings)
    reference_blocks = binning.count_blocks(reference_angles, reference_chains)
    sample_blocks = binning.count_blocks(sample_angles, sample_chains)
    reference, samples = reference_blocks.total(), sample_blocks.total()

    frames = len(reference_angles)
    cut, reason = frames_at_equal_wall_clock(md_seconds_per_frame, frames, sampling_seconds)
    equal = binning.count(reference_angles[:cut]) if cut is not None else None
    equal_values = binning.distances(equal, reference) if equal is not None else None
    half, tenth = frames // 2, max(1, frames // 10)

    def piece(start: int, stop: int) -> Counts:
        return binning.count_blocks(reference_angles[start:stop], reference_chains[start:stop])

    baselines = {
        "md_halves": _point(binning, piece(0, half), piece(half, frames), half),
        "md_replicas": _replicas(binning, reference_angles, reference_chains),
        "md_equal_wall_clock": _point(binning, piece(0, cut), reference_blocks, cut)
        if cut is not None
        else {"frames": None, "reason": reason} | dict.fromkeys(GROUPS),
        "md_tenth": _point(binning, piece(0, tenth), reference_blocks, tenth),
    }
    result = distances(binning, reference_blocks, sample_blocks, equal_values) | {
        "baselines": baselines,
        "convergence": {
            "samples": _convergence(
                binning,
                sample_angles,
                reference,
                sampling_seconds / len(sample_angles) if sampling_seconds else None,
                settings.convergence_points,
            ),
            "md": _convergence(binning, reference_angles, reference, md_seconds_per_frame, settings.convergence_points),
        },
        "convergence_independent": independent_convergence(
            binning,
            reference_angles,
            reference_chains,
            sample_angles,
            md_seconds_per_frame,
            sampling_seconds,
            settings.convergence_points,
        ),
    }
    arrays = {
        "torsion_edges": np.linspace(-np.pi, np.pi, settings.torsion_bins + 1),
        "torsion_reference": reference.torsions,
        "torsion_equal": equal.torsions if equal is not None else np.zeros_like(reference.torsions),
        "torsion_samples": samples.torsions,
        "ramachandran_edges": np.linspace(-np.pi, np.pi, settings.ramachandran_bins + 1),
        "ramachandran_reference": reference.pairs,
        "ramachandran_equal": equal.pairs if equal is not None else np.zeros_like(reference.pairs),
        "ramachandran_samples": samples.pairs,
    }
    return result, arrays


def compare_accepted(
    accepted: np.ndarray | None,
    reference_angles: np.ndarray,
    reference_chains: np.ndarray,
    sample_angles: np.ndarray,
    sample_chains: np.ndarray,
    torsions: list[Torsion],
    settings: EvaluationSettings,
) -> dict[str, Any]:
    """JS distances of the samples that the sampler accepted: entries `accepted` and `accepted_reason`.

    `accepted` (F,) bool, or None where the sampler judged none; other parameters as for ``compare``.
    """
    reason = none_rejected(accepted)
    if reason is not None:
        return {"accepted": None, "accepted_reason": reason}
    binning = Binning.of(torsions, settings)
    found = distances(
        binning,
        binning.count_blocks(reference_angles, reference_chains),
        binning.count_blocks(sample_angles[accepted], sample_chains[accepted]),
    )
    return {"accepted": {"frames": int(accepted.sum()), **found}, "accepted_reason": None}


def compare_to_files(
    reference: Path,
    reference_topology: Path,
    md_record: Path,
    samples: Path,
    samples_topology: Path,
    sampling_record: Path,
    dataset: str,
    model: str,
    peptide: str,
    settings: EvaluationSettings,
    result: Path,
    arrays: Path,
) -> None:
    """Compare one peptide's samples with its MD and publish result (JSON) and histograms (NPZ).

    Raises EvaluationError for files that are not two ensembles of one molecule.
    """
    md, sampling = read_json(md_record), read_json(sampling_record)
    first, second = load_pair(reference, reference_topology, md["boundaries"], samples, samples_topology)
    torsions, reference_angles = compute_torsions(first.trajectory)
    _, sample_angles = compute_torsions(second.trajectory)
    compared, histogram_arrays = compare(
        reference_angles,
        first.chains,
        sample_angles,
        second.chains,
        torsions,
        settings,
        md["production"]["seconds_per_frame"],
        sampling["seconds"],
    )
    flags = read_flags(samples, second.n_frames)
    compared |= compare_accepted(
        None if flags is None else flags["accepted"],
        reference_angles,
        first.chains,
        sample_angles,
        second.chains,
        torsions,
        settings,
    )
    notes = wall_clock_notes(md, sampling)
    notes += loss_notes(compared["baselines"]["md_equal_wall_clock"].get("reason"), sampling)
    write_npz(arrays, histogram_arrays)
    write_json(
        result,
        {
            "dataset": dataset,
            "model": model,
            "peptide": peptide,
        }
        | compared_ensembles(reference, samples, (first, second), md, sampling)
        | compared
        | {"notes": notes, "provenance": provenance("mdtraj", "numpy", "scipy")},
    )
