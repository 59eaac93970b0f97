"""What evaluation's arrays tell that its records do not: how alike a map is to its mirror image, and how far the MD's
own macrostate occupancies are from each other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jamun.evaluation.js import js_distance
from jamun.evaluation.runs import few_parts, replica_pairs
from jamun.io.atomic import read_json, read_npz

_MOST_PAIRS = 45


def mirrored(counts: np.ndarray) -> np.ndarray:
    """Maps (..., bins, bins) over phi and psi of the mirror images: phi and psi change their signs."""
    return counts[..., ::-1, ::-1]


def positive_phi(counts: np.ndarray) -> np.ndarray:
    """Share (...) of frames with phi > 0 in maps (..., bins, bins), phi first; NaN of an empty map."""
    totals = counts.sum((-2, -1))
    with np.errstate(invalid="ignore"):
        return counts[..., counts.shape[-2] // 2 :, :].sum((-2, -1)) / totals


def mirror_rows(result: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Of each residue's map, in MD and samples: the share with phi > 0, and the JS distance to its mirror image, which
    is 0 of a symmetric map. From a comparison's record and arrays."""
    rows = []
    for place, pair in enumerate(result["ramachandran"]):
        row = {key: result[key] for key in ("model", "peptide")}
        row |= {key: pair[key] for key in ("residue", "residue_name")}
        for name, key in (("md", "reference"), ("samples", "samples")):
            counts = arrays[f"ramachandran_{key}"][place]
            row[f"positive_phi_{name}"] = float(positive_phi(counts))
            row[f"js_mirror_{name}"] = float(js_distance(counts, mirrored(counts), dims=2))
        rows.append(row)
    return rows


def mirror_table(evaluation: Path, models: list[str], peptides: list[str]) -> pd.DataFrame:
    """The rows of every model and peptide that results/{dataset}/evaluation has."""
    rows = []
    for model in models:
        for peptide in peptides:
            record, arrays = (evaluation / model / f"{peptide}{suffix}" for suffix in (".json", ".npz"))
            if record.exists() and arrays.exists():
                rows += mirror_rows(read_json(record), read_npz(arrays))
    return pd.DataFrame(rows)


def macrostate_floor(macrostates: np.ndarray, boundaries: list[int]) -> dict[str, float | None]:
    """JS distance of macrostate occupancies between parts of the MD: its halves, and its replicas, the mean over pairs.

    macrostates (F,): that of each frame; boundaries (R+1): the replicas' offsets. None where there are no two parts.
    """
    count = int(macrostates.max()) + 1 if len(macrostates) else 0

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        return float(js_distance(*(np.bincount(part, minlength=count) for part in (first, second))))

    if len(macrostates) < 2:
        return {"md_halves": None, "md_replicas": None}
    half = len(macrostates) // 2
    replicas = [slice(start, stop) for start, stop in pairwise(boundaries) if stop > start]
    pairs = [
        distance(macrostates[one], macrostates[two]) for one, two in replica_pairs(few_parts(replicas), _MOST_PAIRS)
    ]
    return {
        "md_halves": distance(macrostates[:half], macrostates[half:]),
        "md_replicas": float(np.mean(pairs)) if pairs else None,
    }


def macrostate_floors(results: Path, model: str, peptides: list[str]) -> pd.DataFrame:
    """The floor of each test peptide, from the model's Markov state models and the records of the MD."""
    rows = []
    for peptide in peptides:
        arrays = results / "evaluation" / model / "msm" / f"{peptide}.npz"
        if arrays.exists():
            boundaries = read_json(results / "md" / peptide / "md.json")["boundaries"]
            rows.append({"peptide": peptide} | macrostate_floor(read_npz(arrays)["macrostate_reference"], boundaries))
    return pd.DataFrame(rows, columns=["peptide", "md_halves", "md_replicas"])
