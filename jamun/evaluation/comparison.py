"""Jensen-Shannon distances between samples and reference MD, the MD's distances to itself, and their course in time."""

from typing import Any

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.bootstrap import mean_of_pairs
from jamun.evaluation.convergence import convergence, independent_convergence
from jamun.evaluation.pair import Ensemble, Pair, Result
from jamun.evaluation.runs import replica_pairs, replica_slices
from jamun.evaluation.torsion_histograms import GROUPS, Binning, Counts

# Pairs of replicas whose distances are averaged, at most: all pairs of five.
MOST_PAIRS = 10


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
    kept, not_told = pair.told_apart()
    accepted = None
    if kept is not None:
        counted = binning.count_blocks(samples.chosen(kept))
        accepted = {"frames": int(kept.sum())} | binning.estimated(counted, reference_blocks)
    points = settings.convergence_points
    result = binning.estimated(sample_blocks, reference_blocks, equal) | {
        "baselines": _baselines(binning, reference, reference_blocks, cut, no_cut),
        "convergence": {
            "samples": convergence(binning, samples, counts["reference"], points),
            "md": convergence(binning, reference, counts["reference"], points),
        },
        "convergence_independent": independent_convergence(binning, reference, samples, points),
        "accepted": accepted,
        "accepted_reason": not_told,
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
