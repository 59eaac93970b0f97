"""Distances against numbers of frames and wall clock, and the same against MD that neither ensemble contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jamun.evaluation.runs import replica_slices

if TYPE_CHECKING:
    from jamun.evaluation.compare import Binning, Counts

# The shortest piece of a trajectory that a convergence curve shows.
_FEWEST_FRAMES = 10


def lengths_in_time(frames: int, points: int) -> np.ndarray:
    """Numbers of frames, evenly spaced in their logarithm, up to all of them."""
    fewest = min(_FEWEST_FRAMES, frames)
    return np.unique(np.round(np.geomspace(fewest, frames, points)).astype(int))


def convergence(
    binning: Binning, angles: np.ndarray, references: list[Counts], lengths: np.ndarray
) -> dict[str, np.ndarray]:
    """JS to each reference (R,) of the first n frames of angles (F, K), n of `lengths` (N,), the mean over references:
    (N,) for each group of torsions."""
    curves: dict[str, list[float]] = {}
    for length in lengths:
        first = binning.count(angles[:length])
        means = [binning.means(binning.distances(first, reference)) for reference in references]
        for group in means[0]:
            curves.setdefault(group, []).append(float(np.mean([one[group] for one in means])))
    return {group: np.array(values) for group, values in curves.items()}


def in_time(
    lengths: np.ndarray, curves: dict[str, np.ndarray], seconds_per_frame: float | None
) -> dict[str, list[float | None]]:
    """Curves as they are published, with their numbers of frames and seconds of wall clock, null where unknown."""
    seconds = [float(n * seconds_per_frame) if seconds_per_frame else None for n in lengths]
    return {"frames": lengths.tolist(), "seconds": seconds} | {
        group: values.tolist() for group, values in curves.items()
    }


def independent_convergence(
    binning: Binning,
    reference_angles: np.ndarray,
    replicas: np.ndarray,
    sample_angles: np.ndarray,
    md_seconds_per_frame: float | None,
    sampling_seconds: float | None,
    points: int,
) -> dict[str, Any]:
    """Convergence of samples and of MD against MD that is part of neither.

    Each replica in turn grows frame by frame, and the others are what it and the samples are held against; curves are
    means over these turns. So MD does not end at 0 but at the distance of replicas, and a model that is right ends
    there too. Parameters: angles (F, K) and (S, K) in radians, the replica of each MD frame (F,), replicas one after
    another; seconds a frame of MD and of all sampling, None where unknown. Returns `samples` and `md`, each with lists
    of frames, seconds and a distance a group, or null and a `reason` where there are no two replicas.
    """
    parts, reason = replica_slices(replicas)
    if not parts:
        return {"replicas": 0, "reason": reason, "samples": None, "md": None}
    others = [
        binning.count(np.concatenate([reference_angles[other] for other in parts if other != part])) for part in parts
    ]
    lengths = lengths_in_time(min(part.stop - part.start for part in parts), points)
    turns = [
        convergence(binning, reference_angles[part], [other], lengths)
        for part, other in zip(parts, others, strict=True)
    ]
    md = {group: np.mean([turn[group] for turn in turns], axis=0) for group in turns[0]}
    drawn = lengths_in_time(len(sample_angles), points)
    per_sample = sampling_seconds / len(sample_angles) if sampling_seconds else None
    return {
        "replicas": len(parts),
        "reason": None,
        "samples": in_time(drawn, convergence(binning, sample_angles, others, drawn), per_sample),
        "md": in_time(lengths, md, md_seconds_per_frame),
    }
