"""The Markov state model of one peptide: TICA, k-means, MSM, implied timescales, PCCA+, and occupancies."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from jamun.evaluation.js import block_weights, blocks_of_chains, interval, js_distance, pair_histograms
from jamun.evaluation.msm.backend import Backend, MarkovModel, MSMError

# A cluster needs this many frames on average, or transitions between clusters cannot be counted.
FRAMES_PER_CLUSTER = 5
# PCCA+ optimises (macrostates - 1)^2 numbers: 10 take seconds, 15 half a minute, 80 would never end.
MOST_MACROSTATES = 20
# Bins along phi and psi of the maps of the macrostates.
MAP_BINS = 50


def features(torsions: np.ndarray) -> np.ndarray:
    """cos and sin (F, 2K) of torsions (F, K) in radians: torsions are periodic, TICA is linear."""
    return np.concatenate([np.cos(torsions), np.sin(torsions)], 1)


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


def _occupancies(macrostates: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(macrostates, minlength=count) / len(macrostates)


def _block_counts(macrostates: np.ndarray, chains: np.ndarray, count: int) -> np.ndarray:
    blocks = blocks_of_chains(chains)
    flat = np.bincount(blocks * count + macrostates, minlength=(blocks.max() + 1) * count)
    return flat.reshape(-1, count)


def _js(reference: np.ndarray, samples: np.ndarray) -> dict[str, Any]:
    """JS of macrostate occupancies from counts by block (blocks, macrostates), with its interval."""
    value = float(js_distance(samples.sum(0), reference.sum(0)))
    resampled = js_distance(block_weights(len(samples), 1) @ samples, block_weights(len(reference), 2) @ reference)
    return interval(value, resampled, reference.shape[1])


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


def build_msm(
    backend: Backend,
    reference_torsions: np.ndarray,
    boundaries: np.ndarray,
    sample_torsions: np.ndarray,
    sample_chains: np.ndarray,
    pairs: np.ndarray,
    settings: dict[str, Any],
    accepted: np.ndarray | None = None,
    not_told: str | None = "the sampler has not judged its frames",
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Build the model on the reference MD and place the samples in it.

    Parameters: torsions (F, K) in radians of reference and samples, replicas' offsets (R+1), chain of each sample,
    columns of phi and psi (P, 2), and the settings of evaluation.msm. Every frame belongs to the nearest cluster of the
    largest connected set, so frames in clusters outside it count for their nearest neighbour.
    `accepted` (F,) are the samples that the sampler accepted; where they cannot be told from all, `not_told` says why.
    Returns (result, arrays): macrostates with stationary populations and occupancies, the JS distance of occupancies,
    implied timescales in frames. Raises MSMError, with the reason, where the data are too few.
    """
    notes: list[str] = []
    frames = len(reference_torsions)
    if frames < settings["minimum_frames"]:
        raise MSMError(
            f"{frames} reference frames are fewer than the {settings['minimum_frames']} that an MSM is made of"
        )
    longest = int(np.diff(boundaries).max())
    if longest <= 2 * max(settings["lag"], settings["tica_lag"]):
        raise MSMError(f"the longest trajectory, {longest} frames, is not twice the lag time")
    reference, samples = features(reference_torsions), features(sample_torsions)
    dimensions = min(settings["tica_dimensions"], reference.shape[1])
    if dimensions == 0:
        raise MSMError("the molecule has no torsion")
    if dimensions < settings["tica_dimensions"]:
        notes.append(f"{dimensions} independent components instead of {settings['tica_dimensions']}: no more features.")
    # Replicas shorter than the lag hold no pair of frames for TICA; they are still assigned to clusters.
    long_enough = [part for part in _split(reference, boundaries) if len(part) > settings["tica_lag"]]
    project = backend.tica(long_enough, settings["tica_lag"], dimensions)
    points, sample_points = project(reference), project(samples)
    clusters = min(settings["clusters"], frames // FRAMES_PER_CLUSTER)
    if clusters < settings["clusters"]:
        notes.append(f"{clusters} clusters instead of {settings['clusters']}: there are only {frames} frames.")
    centres = backend.centres(points, clusters, settings["seed"])
    assigned = cKDTree(centres).query(points)[1]
    paths = [path for path in _split(assigned, boundaries) if len(path)]
    model = backend.markov(paths, settings["lag"])
    connected = float(np.isin(assigned, model.active).mean())
    if connected < 1:
        notes.append(
            f"{1 - connected:.1%} of the reference frames lie in clusters outside the connected set, and count for "
            "their nearest connected cluster."
        )
    labels = _relabel(_macrostates(model, settings["macrostates"], notes), model.stationary)
    count = int(labels.max()) + 1
    active = cKDTree(centres[model.active])
    macro_reference = labels[active.query(points)[1]]
    macro_samples = labels[active.query(sample_points)[1]]
    replicas = np.repeat(np.arange(len(boundaries) - 1), np.diff(boundaries))
    populations = np.bincount(labels, weights=model.stationary, minlength=count)
    by_reference, by_samples = _occupancies(macro_reference, count), _occupancies(macro_samples, count)
    by_block = _block_counts(macro_reference, replicas, count)
    after = None
    if not_told is None:
        kept = macro_samples[accepted]
        after = {
            "frames": len(kept),
            "occupancy": _occupancies(kept, count).tolist(),
            "js": _js(by_block, _block_counts(kept, sample_chains[accepted], count)),
        }
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
        "js": _js(by_block, _block_counts(macro_samples, sample_chains, count)),
        "accepted": after,
        "accepted_reason": not_told,
        "timescales": model.timescales[:10],
        "implied_timescales": _implied_timescales(backend, paths, settings["its_lags"], notes),
        "notes": notes,
    }

    def maps(torsions: np.ndarray, macrostates: np.ndarray) -> np.ndarray:
        return np.stack([pair_histograms(torsions[macrostates == m], pairs, MAP_BINS) for m in range(count)])

    arrays = {
        "macrostate_reference": macro_reference.astype(np.int16),
        "macrostate_samples": macro_samples.astype(np.int16),
        "ramachandran_edges": np.linspace(-np.pi, np.pi, MAP_BINS + 1),
        "ramachandran_reference": maps(reference_torsions, macro_reference).astype(np.int32),
        "ramachandran_samples": maps(sample_torsions, macro_samples).astype(np.int32),
    }
    return result, arrays


def insufficient(reason: str, frames: int, pairs: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is published where no model can be made: the reason, and empty arrays of the same names."""
    result = {
        "status": "insufficient",
        "reason": reason,
        "frames": frames,
        "clusters": None,
        "connected_clusters": None,
        "connected_frames": None,
        "macrostates": [],
        "js": {"value": None, "low": None, "high": None, "count": 0, "reason": reason},
        "accepted": None,
        "accepted_reason": reason,
        "timescales": [],
        "implied_timescales": {"lags": [], "timescales": []},
        "notes": [],
    }
    empty = np.zeros((0, pairs, MAP_BINS, MAP_BINS), dtype=np.int32)
    arrays = {
        "macrostate_reference": np.zeros(0, dtype=np.int16),
        "macrostate_samples": np.zeros(0, dtype=np.int16),
        "ramachandran_edges": np.linspace(-np.pi, np.pi, MAP_BINS + 1),
        "ramachandran_reference": empty,
        "ramachandran_samples": empty,
    }
    return result, arrays
