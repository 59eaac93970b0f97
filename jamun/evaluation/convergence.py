"""Distances against numbers of frames and wall clock: to all of the MD, and to MD that neither ensemble contains."""

from typing import Any

import numpy as np

from jamun.evaluation.pair import Ensemble
from jamun.evaluation.runs import replica_slices
from jamun.evaluation.torsion_histograms import Binning, Counts

# The shortest piece of a trajectory that a curve shows.
_FEWEST_FRAMES = 10


def _lengths(frames: int, points: int) -> np.ndarray:
    """Numbers of frames, evenly spaced in their logarithm, up to all of them."""
    return np.unique(np.round(np.geomspace(min(_FEWEST_FRAMES, frames), frames, points)).astype(int))


def _curves(
    binning: Binning, ensemble: Ensemble, references: list[Counts], lengths: np.ndarray
) -> dict[str, np.ndarray]:
    """JS of the first n frames, n of `lengths` (N,), the mean over the references: (N,) for each group of torsions."""
    curves: dict[str, list[float]] = {}
    for length in lengths:
        first = binning.count(ensemble.chosen(slice(length)))
        means = [binning.means(binning.distances(first, reference)) for reference in references]
        for group in means[0]:
            curves.setdefault(group, []).append(float(np.mean([one[group] for one in means])))
    return {group: np.array(values) for group, values in curves.items()}


def _in_time(lengths: np.ndarray, curves: dict[str, np.ndarray], each: float | None) -> dict[str, list[float | None]]:
    """Curves as they are published, with their numbers of frames and seconds of wall clock, null where unknown."""
    seconds = [float(n * each) if each else None for n in lengths]
    return {"frames": lengths.tolist(), "seconds": seconds} | {
        group: values.tolist() for group, values in curves.items()
    }


def convergence(binning: Binning, ensemble: Ensemble, reference: Counts, points: int) -> dict[str, list[float | None]]:
    """JS to the reference of the first n frames, n growing to all of them in `points` steps at most.

    Returns lists of `frames`, `seconds` of wall clock and a distance for each group of torsions.
    """
    lengths = _lengths(len(ensemble), points)
    curves = _curves(binning, ensemble, [reference], lengths)
    return _in_time(lengths, curves, ensemble.clock.seconds_per_frame)


def independent_convergence(binning: Binning, reference: Ensemble, samples: Ensemble, points: int) -> dict[str, Any]:
    """Convergence of samples and of MD against MD that is part of neither.

    Each replica in turn grows frame by frame, and the others are what it and the samples are held against; curves are
    means over these turns. So MD does not end at 0 but at the distance of replicas, and a model that is right ends
    there too.

    Returns `samples` and `md`, each as of ``convergence``; null with a `reason` where there are no two replicas.
    """
    parts, reason = replica_slices(reference.chains)
    if not parts:
        return {"replicas": 0, "reason": reason, "samples": None, "md": None}
    frames = np.arange(len(reference))
    in_parts = np.concatenate([frames[part] for part in parts])
    others = [binning.count(reference.chosen(np.setdiff1d(in_parts, frames[part]))) for part in parts]
    lengths = _lengths(min(part.stop - part.start for part in parts), points)
    turns = [
        _curves(binning, reference.chosen(part), [other], lengths) for part, other in zip(parts, others, strict=True)
    ]
    md = {group: np.mean([turn[group] for turn in turns], axis=0) for group in turns[0]}
    drawn = _lengths(len(samples), points)
    return {
        "replicas": len(parts),
        "reason": None,
        "samples": _in_time(drawn, _curves(binning, samples, others, drawn), samples.clock.seconds_per_frame),
        "md": _in_time(lengths, md, reference.clock.seconds_per_frame),
    }
