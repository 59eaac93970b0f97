"""Basins of a map over phi and psi, and how samples cover them."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy import constants
from scipy.ndimage import gaussian_filter

from jamun.config.physicality import PhysicalitySettings
from jamun.evaluation.bootstrap import (
    BLOCKS,
    REFERENCE_SEED,
    SAMPLES_SEED,
    block_weights,
    centred,
    missing,
    no_distribution,
    ratio,
    without_interval,
)
from jamun.evaluation.js import js_distance

# Gas constant, kcal/mol/K.
GAS_CONSTANT_KCAL = constants.R / constants.calorie / 1000


@dataclass(frozen=True)
class Basins:
    """Basins of one residue's map.

    labels: (bins, bins), 0 outside, 1 the most populated.
    minima: (K, 2) phi and psi of each basin's minimum, radians.
    energies: (K,) free energies of the minima above the lowest, kcal/mol.
    left_out: basins with too few frames.
    """

    labels: np.ndarray
    minima: np.ndarray
    energies: np.ndarray
    left_out: int

    @property
    def count(self) -> int:
        return len(self.minima)


def free_energy_kcal(density: np.ndarray, temperature: float) -> np.ndarray:
    """F = kT ln(max p / p) in kcal/mol, infinite where nothing is."""
    if not density.any():
        return np.full(density.shape, np.inf)
    with np.errstate(divide="ignore"):
        return GAS_CONSTANT_KCAL * temperature * np.log(density.max() / density)


def _watershed(energy: np.ndarray, low_enough: np.ndarray, barrier: float) -> tuple[np.ndarray, list[int]]:
    """Label (cells,) of each cell of a periodic square map, -1 outside, and the cell of each label's minimum.

    Cells are flooded from the lowest up. A cell joins the basin of its lowest neighbour of eight that is already under
    water (steepest descent), or starts one of its own. Where two basins meet, the one with the higher minimum is merged
    into the other if that minimum lies less than `barrier` below the cell (persistence; Chazal et al., J. ACM 60, 41,
    2013).
    """
    bins, flat = len(energy), energy.ravel()
    parent = np.full(flat.size, -1)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]

    def root(cell: int) -> int:
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    # A root is the cell of its basin's minimum, so that its energy is the basin's.
    joined = np.full(flat.size, -1)
    for cell in np.argsort(flat, kind="stable"):
        if not low_enough.ravel()[cell]:
            continue
        row, column = divmod(int(cell), bins)
        around = [(row + i) % bins * bins + (column + j) % bins for i, j in steps]
        flooded = sorted((other for other in set(around) if joined[other] >= 0), key=lambda other: (flat[other], other))
        if not flooded:
            parent[cell] = joined[cell] = cell
            continue
        joined[cell] = joined[flooded[0]]
        for other in flooded:
            lower, higher = sorted((root(joined[cell]), root(joined[other])), key=lambda one: (flat[one], one))
            if lower != higher and flat[cell] - flat[higher] < barrier:
                parent[higher] = lower
    labels, minima = np.full(flat.size, -1), []
    for cell in np.flatnonzero(joined >= 0):
        top = root(joined[cell])
        if top not in minima:
            minima.append(top)
        labels[cell] = minima.index(top)
    return labels.reshape(energy.shape), minima


def find_basins(
    counts: np.ndarray, temperature: float, settings: PhysicalitySettings, seen: np.ndarray | None = None
) -> Basins:
    """Basins of a map over (-pi, pi)^2, both directions periodic.

    The counts (bins, bins), of frames or of their weights, are smoothed with a Gaussian; cells within `basin_energy` of
    the lowest at `temperature`, K, are grouped by `_watershed`. `seen` are the frames in each cell where `counts` holds
    weights: a basin of too few of them is noise, whatever they weigh.
    """
    seen = counts if seen is None else seen
    bins = len(counts)
    width = 2 * np.pi / bins
    density = gaussian_filter(counts.astype(float), settings.basin_smoothing / width, mode="wrap")
    energy = free_energy_kcal(density, temperature)
    barrier = settings.basin_barrier * GAS_CONSTANT_KCAL * temperature
    found, cells = _watershed(energy, energy <= settings.basin_energy, barrier)
    weights, frames = (np.array([one[found == k].sum() for k in range(len(cells))]) for one in (counts, seen))
    kept = [label for label in np.argsort(-weights, kind="stable") if frames[label] >= settings.basin_frames]
    labels = np.zeros(counts.shape, dtype=np.int16)
    for place, label in enumerate(kept, start=1):
        labels[found == label] = place
    rows = np.array([divmod(int(cells[label]), bins) for label in kept], dtype=float).reshape(-1, 2)
    return Basins(
        labels,
        -np.pi + (rows + 0.5) * width,
        np.array([energy.ravel()[cells[label]] for label in kept]),
        len(cells) - len(kept),
    )


def occupancies(counts: np.ndarray, basins: Basins) -> np.ndarray:
    """Frames (..., K + 1) in no basin and in each, of maps (..., bins, bins)."""
    inside = basins.labels.ravel()[:, None] == np.arange(basins.count + 1)
    return counts.reshape(*counts.shape[:-2], -1) @ inside.astype(counts.dtype)


def _metric(
    value: float,
    resampled: np.ndarray,
    pieces: tuple[np.ndarray | None, np.ndarray | None],
    count: int,
    kind: str,
    frames: int,
) -> dict[str, Any]:
    """One number with its interval: percentiles of a share, whose bounds include the value; a distance is centred.

    Of fewer `frames` than BLOCKS a share has no interval, and a distance no value.
    `pieces` are the numbers of the MD's halves and replicas: of a share each one's own, of a distance one number.
    """
    if not np.isfinite(value):
        return missing("no basins in the MD" if count == 0 else "no frames", count)
    if kind == "distance" and frames < BLOCKS:
        entry = no_distribution(frames, count)
    elif kind == "distance":
        entry = centred(value, resampled, count)
    elif frames < BLOCKS:
        entry = without_interval(value, frames, count)
    else:
        low, high = np.percentile(resampled[np.isfinite(resampled)], [2.5, 97.5])
        entry = {"value": value, "low": min(float(low), value), "high": max(float(high), value), "count": count}
    halves, replicas = (None if own is None else own.tolist() for own in pieces)
    return entry | {"md_halves": halves, "md_replicas": replicas}


def _visited(frames: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum (...) of the weights (K,) of basins with at least one of the frames (..., K + 1); NaN without basins or
    frames."""
    if len(weights) == 0:
        return np.full(frames.shape[:-1], np.nan)
    return np.where(frames.sum(-1) > 0, np.clip((frames[..., 1:] > 0) @ weights, 0.0, 1.0), np.nan)


def _numbers(
    inside: np.ndarray, unseen: np.ndarray, md: np.ndarray, equal: np.ndarray, share: np.ndarray
) -> dict[str, np.ndarray]:
    """The numbers of `cover` (...) of frames in no basin and in each (..., K + 1), of which `unseen` (...) lie where
    there is no MD, against those of the MD; `equal` and `share` (K,) are weights of the basins."""
    frames = inside.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "coverage": _visited(inside, equal),
            "weighted_coverage": _visited(inside, share),
            "outside": inside[..., 0] / frames,
            "unseen": unseen / frames,
            "js": js_distance(inside, md),
        }


def _of_pieces(
    counts: np.ndarray, found: Basins, equal: np.ndarray, share: np.ndarray
) -> dict[str, np.ndarray] | dict[str, None]:
    """The numbers of pieces of the MD from one residue's counts (n, bins, bins): of each its shares (n,), `unseen` in
    the others on average, and the mean distance of all pairs; None of fewer than two pieces."""
    if len(counts) < 2:
        return dict.fromkeys(("coverage", "weighted_coverage", "outside", "unseen", "js"))
    inside = occupancies(counts, found)
    pairs = np.array(list(combinations(range(len(counts)), 2)))
    flat = counts.reshape(len(counts), -1)
    outside_others = flat @ (flat == 0).T.astype(flat.dtype)
    numbers = _numbers(inside, outside_others.sum(1) / (len(counts) - 1), inside, equal, share)
    return numbers | {"js": js_distance(inside[pairs[:, 0]], inside[pairs[:, 1]]).mean()}


def _frames(counts: np.ndarray) -> int:
    """Frames of an ensemble by its maps (blocks, P, bins, bins)."""
    return round(float(counts[:, :1].sum()))


def cover(
    reference: np.ndarray, samples: np.ndarray, halves: np.ndarray, replicas: np.ndarray, basins: list[Basins]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How samples cover the basins of every residue: the means over residues, and each residue's numbers.

    Counts by block: reference (blocks, P, bins, bins), samples (blocks, P, bins, bins); `halves` (2, P, bins, bins) are
    those of the MD's first and second half, `replicas` (n, P, bins, bins) those of its replicas, none where there are
    no two. Basins are those of all MD and are not found anew for pieces or resamples.

    coverage: share of basins with at least one sample; weighted_coverage: the same weighted by the MD's population;
    outside: share of samples in no basin; unseen: share of samples in cells without one MD frame; js: JS distance of
    the occupancies, no basin included.
    """
    drawn = block_weights(len(samples), SAMPLES_SEED)
    drawn_reference = block_weights(len(reference), REFERENCE_SEED)
    kinds = {"coverage": "share", "weighted_coverage": "share", "outside": "share", "unseen": "share", "js": "distance"}
    residues: list[dict[str, Any]] = []
    parts: dict[str, list[tuple[Any, ...]]] = {name: [] for name in kinds}
    # Every residue's map holds all frames; weights are 1 on average.
    frames = {"share": _frames(samples), "distance": min(_frames(samples), _frames(reference))}
    for place, found in enumerate(basins):
        md, theirs = occupancies(reference[:, place], found), occupancies(samples[:, place], found)
        md_all, theirs_all = md.sum(0), theirs.sum(0)
        share = md_all[1:] / (md_all[1:].sum() or 1)
        equal = np.full(found.count, 1 / max(found.count, 1))
        empty = reference[:, place].sum(0) == 0
        unseen = np.where(empty, samples[:, place], 0).sum((1, 2))
        of_halves, of_replicas = (_of_pieces(part[:, place], found, equal, share) for part in (halves, replicas))
        half = occupancies(halves[:, place], found)
        values = _numbers(theirs_all, unseen.sum(), md_all, equal, share)
        resampled = _numbers(drawn @ theirs, drawn @ unseen, drawn_reference @ md, equal, share)
        entry: dict[str, Any] = {}
        for name in kinds:
            value, pieces = float(values[name]), (of_halves[name], of_replicas[name])
            parts[name].append((value, resampled[name], *pieces))
            entry[name] = _metric(value, resampled[name], pieces, found.count, kinds[name], frames[kinds[name]])
        entry["outside"]["md"] = ratio(md[:, 0], md.sum(1), REFERENCE_SEED)
        entry["left_out"] = found.left_out
        entry["basins"] = [
            {
                "index": label,
                "phi": float(found.minima[label - 1, 0]),
                "psi": float(found.minima[label - 1, 1]),
                "free_energy_kcal_mol": float(found.energies[label - 1]),
                "md": ratio(md[:, label], md.sum(1), REFERENCE_SEED),
                "samples": ratio(theirs[:, label], theirs.sum(1), SAMPLES_SEED),
                "md_halves": [float(one[label] / (one.sum() or 1)) for one in half],
                "visited": bool(theirs_all[label] > 0),
            }
            for label in range(1, found.count + 1)
        ]
        residues.append(entry)
    means = {}
    for name, rows in parts.items():
        known = [row for row in rows if np.isfinite(row[0])]
        if not known:
            means[name] = missing("no residue has basins: it has not both phi and psi, or too little MD")
            continue
        value, of_resamples, first = (np.mean([row[k] for row in known], axis=0) for k in range(3))
        second = np.mean([row[3] for row in known], axis=0) if len(replicas) else None
        means[name] = _metric(float(value), of_resamples, (first, second), len(known), kinds[name], frames[kinds[name]])
    return means, residues
