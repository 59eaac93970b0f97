"""Jensen-Shannon distances between samples and reference MD, the MD's distances to itself, and their course with
numbers of frames and wall clock: to all of the MD, and to MD that neither ensemble contains."""

from typing import Any

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.bootstrap import mean_of_pairs
from jamun.evaluation.pair import Ensemble, Pair, Result, of_accepted
from jamun.evaluation.runs import replica_pairs, replica_slices
from jamun.evaluation.torsion_histograms import GROUPS, Binning, Counts

# Pairs of replicas whose distances are averaged, at most: all pairs of five.
MOST_PAIRS = 10
# The shortest piece of a trajectory that a curve shows.
_FEWEST_FRAMES = 10


def _replicas(binning: Binning, reference: Ensemble) -> dict[str, Any]:
    """Mean distances between replicas of the MD with intervals, or nulls and the reason."""
    parts, reason = replica_slices(reference.chains)
    if not parts:
        return {"frames": None, "pairs": 0, "reason": reason} | dict.fromkeys(GROUPS)
    counts = {part.start: binning.count_blocks(reference.chosen(part)) for part in parts}
    found = [
        binning.estimated_means(counts[first.start], counts[second.start])
        for first, second in replica_pairs(parts, MOST_PAIRS)
    ]
    shortest = min(part.stop - part.start for part in parts)
    means = {group: mean_of_pairs([one[group] for one in found]) for group in GROUPS}
    return {"frames": shortest, "pairs": len(found)} | means


def _baselines(
    binning: Binning, reference: Ensemble, whole: Counts, cut: int | None, no_cut: str | None
) -> dict[str, Any]:
    """Distances of the MD to itself, and of MD cut short to all of it."""
    frames = len(reference)
    half, tenth = frames // 2, max(1, frames // 10)

    def first(length: int) -> dict[str, Any]:
        counts = binning.count_blocks(reference.chosen(slice(length)))
        return {"frames": length} | binning.estimated_means(counts, whole)

    nothing = dict.fromkeys(GROUPS)
    halves = [binning.count_blocks(reference.chosen(part)) for part in (slice(half), slice(half, None))]
    return {
        "md_halves": {"frames": half} | binning.estimated_means(*halves),
        "md_replicas": _replicas(binning, reference),
        "md_equal_wall_clock": first(cut) if cut is not None else {"frames": None, "reason": no_cut} | nothing,
        "md_tenth": first(tenth),
    }


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


def analyse(pair: Pair, settings: EvaluationSettings) -> Result:
    """Compare two ensembles by their torsions.

    Intervals are 95 % block bootstraps over chains or stretches of both ensembles at once. Returns the entries of the
    result (definitions: docs/evaluation.md), and the histograms for the figures.
    """
    reference, samples = pair.reference, pair.samples
    binning = Binning.of(reference, settings)
    reference_blocks, sample_blocks = binning.count_blocks(reference), binning.count_blocks(samples)
    counts = {"reference": reference_blocks.total(), "samples": sample_blocks.total()}
    cut, no_cut = pair.frames_at_equal_wall_clock()
    equal = None if cut is None else binning.count(reference.chosen(slice(cut)))
    points = settings.convergence_points
    result = binning.estimated(sample_blocks, reference_blocks, equal) | {
        "baselines": _baselines(binning, reference, reference_blocks, cut, no_cut),
        "convergence": {
            "samples": convergence(binning, samples, counts["reference"], points),
            "md": convergence(binning, reference, counts["reference"], points),
        },
        "convergence_independent": independent_convergence(binning, reference, samples, points),
        **of_accepted(
            samples,
            pair.accepted,
            lambda kept: binning.estimated(binning.count_blocks(samples.chosen(kept)), reference_blocks),
        ),
        "notes": [
            *pair.clock_notes,
            *([f"No MD at equal wall clock: {no_cut}."] if no_cut else []),
            *pair.loss_notes,
        ],
    }
    if equal is None:
        equal = Counts(np.zeros_like(counts["reference"].torsions), np.zeros_like(counts["reference"].pairs))
    counts["equal"] = equal
    arrays = {f"torsion_{name}": one.torsions for name, one in counts.items()}
    return result, binning.edges() | arrays | {f"ramachandran_{name}": one.pairs for name, one in counts.items()}
