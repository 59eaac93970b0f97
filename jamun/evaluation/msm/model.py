"""The Markov state model of one peptide: TICA, k-means, MSM, implied timescales, PCCA+, and occupancies."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from jamun.evaluation.bootstrap import blocks_of_chains, js_of_blocks, missing
from jamun.evaluation.js import pair_histograms
from jamun.evaluation.msm.backend import Backend, MarkovModel, MSMError
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.runs import replica_of_frames
from jamun.evaluation.tica import TICAError, fit_tica

Result = tuple[dict[str, Any], dict[str, np.ndarray]]
# A cluster needs this many frames on average, or transitions between clusters cannot be counted.
FRAMES_PER_CLUSTER = 5
# PCCA+ optimises (macrostates - 1)^2 numbers: 10 take seconds, 15 half a minute, 80 would never end.
MOST_MACROSTATES = 20
# Bins along phi and psi of the maps of the macrostates.
MAP_BINS = 50


def load_backend(name: str) -> Backend:
    """The library called `name`. Raises MSMError, saying what to do, where it is not installed."""
    if name == "deeptime":
        from jamun.evaluation.msm import deeptime_backend

        return deeptime_backend
    try:
        from jamun.evaluation.msm import pyemma_backend
    except ImportError as error:
        raise MSMError(
            f"PyEMMA is not installed for this interpreter ({error}): build its environment with `make pyemma`, or set "
            "evaluation.msm.backend to deeptime, which needs none."
        ) from None
    return pyemma_backend


def _split(values: np.ndarray, boundaries: np.ndarray) -> list[np.ndarray]:
    return [values[start:stop] for start, stop in pairwise(boundaries)]


def _macrostates(model: MarkovModel, wanted: int, notes: list[str]) -> np.ndarray:
    """Macrostate of each active cluster.

    With fewer active clusters than macrostates asked for, or where PCCA+ fails on so many, fewer are made and a note
    says so. Raises MSMError where not even two can be told apart.
    """
    if wanted > MOST_MACROSTATES:
        notes.append(f"{MOST_MACROSTATES} macrostates instead of {wanted}: PCCA+ does not end for many more.")
        wanted = MOST_MACROSTATES
    count = min(wanted, len(model.active) - 1)
    while count >= 2:
        try:
            labels = model.pcca(count)
            break
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            notes.append(f"PCCA+ found no {count} macrostates ({error}).")
            count -= 1
    else:
        raise MSMError(f"the {len(model.active)} connected clusters do not split into macrostates")
    if count < wanted and len(model.active) - 1 < wanted:
        notes.append(f"{count} macrostates instead of {wanted}: only {len(model.active)} clusters are connected.")
    used = len(np.unique(labels))  # PCCA+ can leave a macrostate without a cluster of its own
    if used < count:
        notes.append(f"{used} macrostates have clusters, {count} were asked of PCCA+.")
    return labels


def _relabel(labels: np.ndarray, stationary: np.ndarray) -> np.ndarray:
    """Macrostates numbered without gaps, the most populated first."""
    used = np.unique(labels)
    order = sorted(used, key=lambda label: -stationary[labels == label].sum())
    return np.array([order.index(label) for label in labels])


@dataclass(frozen=True)
class _Occupied:
    """Frames in their macrostates.

    macrostates: (F,) of each frame.
    chains: (F,) chain or replica of each.
    weights: (F,) of each; None where all count alike.
    """

    macrostates: np.ndarray
    chains: np.ndarray
    weights: np.ndarray | None

    def chosen(self, frames: np.ndarray) -> "_Occupied":
        """Some of the frames."""
        return _Occupied(
            self.macrostates[frames], self.chains[frames], None if self.weights is None else self.weights[frames]
        )

    def block_counts(self, count: int) -> np.ndarray:
        """Weighted frames (blocks, count) in each macrostate, by block of the bootstrap."""
        blocks = blocks_of_chains(self.chains)
        number = int(blocks.max()) + 1
        return np.bincount(blocks * count + self.macrostates, self.weights, number * count).reshape(number, count)

    def occupancies(self, count: int) -> np.ndarray:
        """Shares (count,) of the macrostates."""
        counts = np.bincount(self.macrostates, self.weights, minlength=count)
        return counts / counts.sum()

    def js(self, reference: "_Occupied", count: int) -> dict[str, Any]:
        """JS of the occupancies with those of the reference, with its interval."""
        return js_of_blocks(self.block_counts(count), reference.block_counts(count), count)


def _implied_timescales(
    backend: Backend, paths: list[np.ndarray], lags: list[int], notes: list[str], kept: int = 5
) -> dict[str, Any]:
    used, timescales = [], []
    for lag in sorted(set(lags)):
        if max(map(len, paths)) <= 2 * lag:
            notes.append(f"No implied timescales at lag {lag}: the trajectories are too short.")
            continue
        try:
            values = backend.markov(paths, lag).timescales[:kept]
        except MSMError as error:
            notes.append(f"No implied timescales at lag {lag}: {error}.")
            continue
        used.append(lag)
        timescales.append([float(v) if np.isfinite(v) else None for v in values] + [None] * (kept - len(values)))
    return {"lags": used, "timescales": timescales}


def _require_enough(inputs: MSMInput, settings: dict[str, Any]) -> None:
    """Raises MSMError, with the reason, where the data are too few for a model."""
    frames = len(inputs.reference_torsions)
    if frames < settings["minimum_frames"]:
        raise MSMError(
            f"{frames} reference frames are fewer than the {settings['minimum_frames']} that an MSM is made of"
        )
    longest = int(np.diff(inputs.reference_boundaries).max())
    if longest <= 2 * max(settings["lag"], settings["tica_lag"]):
        raise MSMError(f"the longest trajectory, {longest} frames, is not longer than twice the lag time")
    if inputs.reference_torsions.shape[1] == 0:
        raise MSMError("the molecule has no torsion")


def _slow_points(inputs: MSMInput, settings: dict[str, Any], notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """MD and samples (F, d) along the slowest components of the MD."""
    wanted = settings["tica_dimensions"]
    try:
        replicas = _split(inputs.reference_torsions, inputs.reference_boundaries)
        projection = fit_tica(replicas, settings["tica_lag"])
    except TICAError as error:
        raise MSMError(f"no TICA: {error}") from None
    dimensions = min(wanted, 2 * inputs.reference_torsions.shape[1])
    if dimensions < wanted:
        notes.append(f"{dimensions} independent components instead of {wanted}: no more features.")
    reference, samples = (
        projection(torsions)[:, :dimensions] for torsions in (inputs.reference_torsions, inputs.samples_torsions)
    )
    return reference, samples


def _maps(torsions: np.ndarray, frames: _Occupied, pairs: np.ndarray, count: int) -> np.ndarray:
    """Counts (count, P, bins, bins) over phi and psi of the frames in each macrostate."""
    maps = []
    for state in range(count):
        inside = frames.macrostates == state
        weights = None if frames.weights is None else frames.weights[inside]
        maps.append(pair_histograms(torsions[inside], pairs, MAP_BINS, weights))
    return np.stack(maps).astype(np.int32 if frames.weights is None else np.float32)


def build_msm(backend: Backend, inputs: MSMInput, settings: dict[str, Any]) -> Result:
    """Build the model on the reference MD and place the samples in it.

    Every frame belongs to the nearest cluster of the largest connected set, so frames in clusters outside it count for
    their nearest neighbour. The model is of transitions, in which weights of frames play no part; occupancies are
    weighted.

    `settings` are evaluation.msm. Returns entries of the result: macrostates with stationary populations and
    occupancies, the JS distance of occupancies, implied timescales in frames; and the arrays for the figure. Raises
    MSMError, with the reason, for data that are too few.
    """
    _require_enough(inputs, settings)
    notes: list[str] = []
    frames = len(inputs.reference_torsions)
    points, sample_points = _slow_points(inputs, settings, notes)
    clusters = min(settings["clusters"], frames // FRAMES_PER_CLUSTER)
    if clusters < settings["clusters"]:
        notes.append(f"{clusters} clusters instead of {settings['clusters']}: there are only {frames} frames.")
    centres = backend.centres(points, clusters, settings["seed"])
    assigned = cKDTree(centres).query(points)[1]
    paths = [path for path in _split(assigned, inputs.reference_boundaries) if len(path)]
    model = backend.markov(paths, settings["lag"])
    connected = float(np.isin(assigned, model.active).mean())
    if connected < 1:
        notes.append(
            f"{1 - connected:.1%} of the reference frames lie in clusters outside the connected set, and count for "
            "their nearest connected cluster."
        )
    labels = _relabel(_macrostates(model, settings["macrostates"], notes), model.stationary)
    count = int(labels.max()) + 1
    nearest = cKDTree(centres[model.active])
    replicas = replica_of_frames(inputs.reference_boundaries)
    reference = _Occupied(labels[nearest.query(points)[1]], replicas, inputs.weights_of("reference"))
    samples = _Occupied(labels[nearest.query(sample_points)[1]], inputs.samples_chain, inputs.weights_of("samples"))
    after = None
    if not inputs.accepted_reason:
        kept = samples.chosen(inputs.samples_accepted)
        after = {
            "frames": len(kept.macrostates),
            "occupancy": kept.occupancies(count).tolist(),
            "js": kept.js(reference, count),
        }
    populations = np.bincount(labels, weights=model.stationary, minlength=count)
    by_reference, by_samples = reference.occupancies(count), samples.occupancies(count)
    result = {
        "status": "ok",
        "reason": None,
        "frames": frames,
        "clusters": clusters,
        "connected_clusters": len(model.active),
        "connected_frames": connected,
        "macrostates": [
            {
                "index": index,
                "population": populations[index],
                "reference_occupancy": by_reference[index],
                "samples_occupancy": by_samples[index],
            }
            for index in range(count)
        ],
        "js": samples.js(reference, count),
        "accepted": after,
        "accepted_reason": inputs.accepted_reason or None,
        "timescales": model.timescales[:10],
        "implied_timescales": _implied_timescales(backend, paths, settings["its_lags"], notes),
        "notes": notes,
    }
    arrays: dict[str, np.ndarray] = {
        "macrostate_reference": reference.macrostates.astype(np.int16),
        "macrostate_samples": samples.macrostates.astype(np.int16),
        "ramachandran_edges": np.linspace(-np.pi, np.pi, MAP_BINS + 1),
        "ramachandran_reference": _maps(inputs.reference_torsions, reference, inputs.phi_psi, count),
        "ramachandran_samples": _maps(inputs.samples_torsions, samples, inputs.phi_psi, count),
    }
    return result, arrays


def insufficient(reason: str, frames: int, pairs: int) -> Result:
    """What is published where no model can be made: the reason, and empty arrays of the same names."""
    result = {
        "status": "insufficient",
        "reason": reason,
        "frames": frames,
        "clusters": None,
        "connected_clusters": None,
        "connected_frames": None,
        "macrostates": [],
        "js": missing(reason),
        "accepted": None,
        "accepted_reason": reason,
        "timescales": [],
        "implied_timescales": {"lags": [], "timescales": []},
        "notes": [],
    }
    empty = np.zeros((0, pairs, MAP_BINS, MAP_BINS), dtype=np.int32)
    arrays: dict[str, np.ndarray] = {
        "macrostate_reference": np.zeros(0, dtype=np.int16),
        "macrostate_samples": np.zeros(0, dtype=np.int16),
        "ramachandran_edges": np.linspace(-np.pi, np.pi, MAP_BINS + 1),
        "ramachandran_reference": empty,
        "ramachandran_samples": empty,
    }
    return result, arrays


def analyse(inputs: MSMInput, settings: dict[str, Any]) -> Result:
    """The model by the library that the settings, evaluation.msm, name, or the reason why there is none.

    Raises MSMError where the library is not installed.
    """
    backend = load_backend(settings["backend"])
    try:
        result, arrays = build_msm(backend, inputs, settings)
    except MSMError as error:
        result, arrays = insufficient(str(error), len(inputs.reference_torsions), len(inputs.phi_psi))
    head = {"backend": backend.name, "settings": settings}
    return head | result, arrays | {"residue_labels": inputs.residue_labels}
