"""Distances between sets of frames of one molecule, along slow components and in torsions, and the MD's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.evaluation import DynamicsSettings
from jamun.evaluation.bootstrap import FEWEST_FRAMES, mean_of_pairs, missing
from jamun.evaluation.pair import Ensemble, Files, read_reference
from jamun.evaluation.runs import Points, Runs, cut_into_runs, replica_pairs, replica_slices
from jamun.evaluation.tica import Projection, TICAError, component_js, fit_tica
from jamun.evaluation.transport import euclidean_cost, torsion_cost, transport_distance
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.peptides.torsions import without_omega

DISTANCES = ("tica_0", "tica_01", "torsion_w2", "tica_w2")
NO_TORSION = "the molecule has none of these"
# Pairs of replicas whose distances are averaged, at most: transport takes seconds a pair.
_MOST_PAIRS = 3
# Subsamples of each pair for its interval, at least.
_FEWEST_REPEATS = 3


@dataclass(frozen=True)
class Segment:
    """Some frames of an ensemble.

    torsions: all but omega (F, K), radians.
    components: slow components (F, d) of the MD; None where there is no TICA.
    """

    torsions: Points
    components: Points | None

    @property
    def runs(self) -> Runs:
        """The runs of the frames."""
        return self.torsions.runs


@dataclass(frozen=True)
class SlowMotions:
    """An ensemble along the slow components of the reference MD.

    ensemble: the frames.
    torsions: (F, K) all but omega, radians.
    projection: TICA of the MD; None where there is none.
    no_tica: why there is none.
    components: (F, d) of the frames; None likewise.
    """

    ensemble: Ensemble
    torsions: np.ndarray
    projection: Projection | None
    no_tica: str | None
    components: np.ndarray | None

    @classmethod
    def of_md(cls, md: Ensemble, settings: DynamicsSettings) -> "SlowMotions":
        """The MD, along its own components."""
        kept = md.angles[:, without_omega(md.torsions)]
        replicas = [kept[md.chains == replica] for replica in np.unique(md.chains)]
        try:
            projection = fit_tica(replicas, settings.tica_lag, settings.minimum_frames)
        except TICAError as error:
            return cls(md, kept, None, str(error), None)
        return cls(md, kept, projection, None, projection(kept))

    def of_samples(self, samples: Ensemble) -> "SlowMotions":
        """Samples along the components of this MD."""
        kept = samples.angles[:, without_omega(samples.torsions)]
        components = None if self.projection is None else self.projection(kept)
        return SlowMotions(samples, kept, self.projection, self.no_tica, components)

    def segment(self, frames: slice | np.ndarray = slice(None)) -> Segment:
        """The chosen frames."""
        runs = cut_into_runs(self.ensemble.chains[frames])
        weights = None if self.ensemble.weights is None else self.ensemble.weights[frames]
        components = None if self.components is None else Points(self.components[frames], runs, weights)
        return Segment(Points(self.torsions[frames], runs, weights), components)

    def between(self, first: slice, second: slice, settings: DynamicsSettings) -> dict[str, Any]:
        """The distances of two segments."""
        return distances(self.segment(first), self.segment(second), self.no_tica, settings)

    def beginning(
        self, frames: int | None, no_frames: str | None, settings: DynamicsSettings, others: slice = slice(None)
    ) -> dict[str, Any]:
        """The distances of the first `frames` frames to all or to `others`; missing where they are too few, or None."""
        reason = no_frames or f"{frames} frames are fewer than {FEWEST_FRAMES}"
        if frames is None or frames < FEWEST_FRAMES:
            return {"frames": frames, "reason": reason} | {key: missing(reason) for key in DISTANCES}
        return {"frames": frames} | self.between(slice(frames), others, settings)


def distances(first: Segment, second: Segment, no_tica: str | None, settings: DynamicsSettings) -> dict[str, Any]:
    """The four distances between two segments of one molecule along the same components; `no_tica` says why there are
    none.

    Returns DISTANCES with their intervals: JS along TIC 0 and over TIC 0 and 1, W2 in torsions (radians) and over TIC
    0 and 1.
    """
    count = min(first.runs.blocks, second.runs.blocks)
    slow = first.components, second.components
    result: dict[str, Any] = {key: missing(f"no TICA: {no_tica}", count) for key in DISTANCES}
    result["torsion_w2"] = missing(NO_TORSION, count)
    if slow[0] is not None and slow[1] is not None:
        for name, axes, bins in (("tica_0", 1, settings.tica_bins), ("tica_01", 2, settings.tica_map_bins)):
            if slow[0].values.shape[1] < axes:
                result[name] = missing("TICA has a single component", count)
            else:
                result[name] = component_js(slow[0].axes(axes), slow[1].axes(axes), bins)[0]
        result["tica_w2"] = transport_distance(slow[0].axes(2), slow[1].axes(2), euclidean_cost, settings)
    if first.torsions.values.shape[1]:
        result["torsion_w2"] = transport_distance(first.torsions, second.torsions, torsion_cost, settings)
    return result


def md_distances(md: SlowMotions, settings: DynamicsSettings) -> dict[str, Any]:
    """The MD's distances to itself: its halves and its replicas to each other, its first tenth to all of it.

    They are what the distances of samples are read against (docs/evaluation.md), and the same for every model.
    """
    frames = len(md.ensemble)
    half = frames // 2
    halves = md.beginning(half, None, settings, slice(half, None))
    result = {"md_halves": halves, "md_tenth": md.beginning(max(1, frames // 10), None, settings)}
    replicas, no_replicas = replica_slices(md.ensemble.chains)
    if not replicas:
        nothing = {key: missing(no_replicas or "") for key in DISTANCES}
        return result | {"md_replicas": {"frames": None, "pairs": 0, "reason": no_replicas} | nothing}
    pairs = replica_pairs(replicas, _MOST_PAIRS)
    # The pairs share the subsamples: their mean takes no more of them than one distance.
    repeats = max(_FEWEST_REPEATS, -(-settings.transport_repeats // len(pairs)))
    shared = settings.model_copy(update={"transport_repeats": repeats})
    found = [
        # Of two replicas of one length the halves are the replicas.
        halves if (first, second) == (slice(0, half), slice(half, frames)) else md.between(first, second, shared)
        for first, second in pairs
    ]
    shortest = min(part.stop - part.start for part in replicas)
    means = {key: mean_of_pairs([one[key] for one in found]) for key in DISTANCES}
    return result | {"md_replicas": {"frames": shortest, "pairs": len(pairs)} | means}


def md_distances_to_file(
    reference: Files, dataset: str, peptide: str, settings: DynamicsSettings, result: Path
) -> None:
    """Write md_distances of one peptide's MD as JSON.

    Raises EvaluationError for files that cannot be read or do not fit each other.
    """
    md, _ = read_reference(reference)
    head = {"dataset": dataset, "peptide": peptide, "settings": settings.model_dump()}
    found = {"baselines": md_distances(SlowMotions.of_md(md, settings), settings)}
    write_json(result, head | found | {"provenance": provenance("mdtraj", "numpy", "scipy", "deeptime", "POT")})
