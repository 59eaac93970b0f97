"""Distances between sets of frames of one molecule, along slow components and in torsions, and the MD's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.dynamics import DynamicsSettings
from jamun.evaluation.ensembles import load_reference
from jamun.evaluation.estimates import FEWEST_FRAMES, mean_of_pairs, missing
from jamun.evaluation.runs import Runs, cut_into_runs, replica_pairs, replica_slices
from jamun.evaluation.tica import Projection, TICAError, component_js, fit_tica
from jamun.evaluation.transport import euclidean_cost, torsion_cost, transport_distance
from jamun.io.atomic import read_json, write_json
from jamun.io.provenance import provenance
from jamun.peptides.torsions import Torsion, compute_torsions, without_omega

DISTANCES = ("tica_0", "tica_01", "torsion_w2", "tica_w2")
NO_TORSION = "the molecule has none of these"
# Pairs of replicas whose distances are averaged, at most: transport takes seconds a pair.
_MOST_PAIRS = 3
# Subsamples of each pair for its interval, at least.
_FEWEST_REPEATS = 3


@dataclass(frozen=True)
class Part:
    """Frames to compare: torsions but omega (F, K), slow components (F, d) or None, and their runs."""

    torsions: np.ndarray
    components: np.ndarray | None
    runs: Runs

    @classmethod
    def of(
        cls,
        torsions: np.ndarray,
        components: np.ndarray | None,
        chains: np.ndarray,
        frames: slice | np.ndarray = slice(None),
    ) -> Part:
        """The chosen frames of an ensemble with the chain or replica of each frame (F,)."""
        chosen = None if components is None else components[frames]
        return cls(torsions[frames], chosen, cut_into_runs(chains[frames]))


def distances(first: Part, second: Part, no_tica: str | None, settings: DynamicsSettings) -> dict[str, Any]:
    """The four distances between two sets of frames of one molecule."""
    count = min(first.runs.blocks, second.runs.blocks)
    options = settings.transport_frames, settings.transport_repeats, settings.seed
    result: dict[str, Any] = dict.fromkeys(DISTANCES)
    for name, axes, bins in (("tica_0", 1, settings.tica_bins), ("tica_01", 2, settings.tica_map_bins)):
        if first.components is None or second.components is None:
            result[name] = missing(f"no TICA: {no_tica}", count)
        elif first.components.shape[1] < axes:
            result[name] = missing("TICA has a single component", count)
        else:
            parts = first.components[:, :axes], first.runs, second.components[:, :axes], second.runs
            result[name] = component_js(*parts, bins)[0]
    if first.torsions.shape[1] == 0:
        result["torsion_w2"] = missing(NO_TORSION, count)
    else:
        result["torsion_w2"] = transport_distance(
            first.torsions, first.runs, second.torsions, second.runs, torsion_cost, *options
        )
    if first.components is None or second.components is None:
        result["tica_w2"] = missing(f"no TICA: {no_tica}", count)
    else:
        result["tica_w2"] = transport_distance(
            first.components[:, :2], first.runs, second.components[:, :2], second.runs, euclidean_cost, *options
        )
    return result


@dataclass(frozen=True)
class SlowMD:
    """Reference MD along its slow components: torsions but omega (F, K), the replica of each frame (F,), the TICA of
    these torsions or, in words, why there is none."""

    torsions: np.ndarray
    chains: np.ndarray
    projection: Projection | None
    no_tica: str | None
    components: np.ndarray | None

    @classmethod
    def of(cls, angles: np.ndarray, chains: np.ndarray, torsions: list[Torsion], settings: DynamicsSettings) -> SlowMD:
        """Of angles (F, K) in radians of `torsions` (K), omega among them or not."""
        kept = angles[:, without_omega(torsions)]
        replicas = [kept[chains == replica] for replica in np.unique(chains)]
        try:
            projection = fit_tica(replicas, settings.tica_lag, settings.minimum_frames)
        except TICAError as error:
            return cls(kept, chains, None, str(error), None)
        return cls(kept, chains, projection, None, projection(kept))

    def part(self, frames: slice = slice(None)) -> Part:
        """The chosen frames."""
        return Part.of(self.torsions, self.components, self.chains, frames)

    def between(self, first: slice, second: slice, settings: DynamicsSettings) -> dict[str, Any]:
        """The distances of two pieces."""
        return distances(self.part(first), self.part(second), self.no_tica, settings)

    def piece(
        self, frames: int | None, first: slice, second: slice, no_piece: str | None, settings: DynamicsSettings
    ) -> dict[str, Any]:
        """The distances of two pieces, the shorter of `frames` frames: none where they are too few, or where there are
        none for the reason `no_piece`."""
        if frames is not None and frames >= FEWEST_FRAMES:
            return {"frames": frames} | self.between(first, second, settings)
        reason = no_piece if frames is None else f"{frames} frames are fewer than {FEWEST_FRAMES}"
        return {"frames": frames, "reason": reason} | {key: missing(reason or "") for key in DISTANCES}


def md_distances(md: SlowMD, settings: DynamicsSettings) -> dict[str, Any]:
    """The distances of pieces of the MD: its halves and its replicas from each other, its first tenth from all of it.

    They are what the distances of samples are read against (docs/evaluation.md), and the same for every model.
    """
    frames = len(md.torsions)
    half, tenth = frames // 2, max(1, frames // 10)
    halves = md.piece(half, slice(half), slice(half, None), None, settings)
    result = {"md_halves": halves, "md_tenth": md.piece(tenth, slice(tenth), slice(None), None, settings)}
    replicas, no_replicas = replica_slices(md.chains)
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
    trajectory: Path, topology: Path, record: Path, dataset: str, peptide: str, settings: DynamicsSettings, result: Path
) -> None:
    """Write md_distances of one peptide's MD (XTC, PDB, and the JSON that tells its replicas) as JSON.

    Raises EvaluationError for files that cannot be read or do not fit each other.
    """
    md = load_reference(trajectory, topology, read_json(record)["boundaries"])
    torsions, angles = compute_torsions(md.trajectory)
    head = {"dataset": dataset, "peptide": peptide, "settings": settings.model_dump()}
    found = {"baselines": md_distances(SlowMD.of(angles, md.chains, torsions, settings), settings)}
    write_json(result, head | found | {"provenance": provenance("mdtraj", "numpy", "scipy", "deeptime", "POT")})
