"""Weights of MD frames, from and to files: of the training frames, and of a reference that samples are held against.

Both take what a residue's transitions do not tell from those of the training peptides. A reference adds its own; it
adds nothing to the training, so that a further test peptide changes no model.
"""

import itertools
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.frame_weights import FrameWeightSettings
from jamun.data.store import FeatureError, FeatureFile
from jamun.data.weights import effective_share
from jamun.io.atomic import read_json, read_npz, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.bias import require_plain
from jamun.peptides.checks import mirrored_residues
from jamun.peptides.torsions import compute_torsions
from jamun.populations.residues import PeptideRuns, Pool, ResidueSettings, StepResult, peptide_weights

# Joins the parts of a pool's key to the name of an array; no part has it.
_JOINT = "/"


def residue_settings(settings: FrameWeightSettings) -> ResidueSettings:
    """The estimator's settings."""
    return ResidueSettings(settings.lag, settings.strength, smallest=settings.smallest, largest=settings.largest)


def runs_between(
    peptide: str, trajectory: mdtraj.Trajectory, boundaries: list[int] | np.ndarray, frame_interval: float
) -> PeptideRuns:
    """The runs of one peptide, from all of its frames, of which heavy atoms suffice; `boundaries` (R + 1,) are the
    numbers of the runs' first frames, and of all frames; `frame_interval` is in ps."""
    torsions, angles = compute_torsions(trajectory)
    runs = [angles[start:stop] for start, stop in itertools.pairwise(boundaries)]
    mirrored = mirrored_residues(trajectory.topology, trajectory.xyz)
    return PeptideRuns(peptide, torsions, runs, frame_interval, mirrored=mirrored)


def _runs_of(file: FeatureFile) -> PeptideRuns:
    if file.weighted:
        raise FeatureError(
            f"{file.path}: of MD with a bias, whose frames have weights already; leave out frame_weights."
        )
    # a copy, since MDTraj wants to be able to write to them
    frames = mdtraj.Trajectory(np.array(file.positions), file.molecule.topology())
    return runs_between(file.peptide, frames, file.boundaries, file.frame_interval_ps)


def save_pool(path: Path, pool: Pool) -> None:
    """Write the transitions and visits of a pool, an array of each kind of step (NPZ)."""
    arrays = {"lag": np.array(pool.lag)}
    for name, table in (("counts", pool.counts), ("visits", pool.visits)):
        arrays |= {_JOINT.join((name, *key)): np.asarray(value) for key, value in table.items()}
    write_npz(path, arrays)


def load_pool(path: Path) -> Pool:
    """The pool that save_pool wrote."""
    arrays = read_npz(path)
    pool = Pool(float(arrays.pop("lag")))
    for name, value in arrays.items():
        table, *key = name.split(_JOINT)
        getattr(pool, table)[tuple(key)] = value
    return pool


def _described(results: list[StepResult]) -> list[dict[str, Any]]:
    """What the record says of each slow step: shares of the frames, populations and their 95 % intervals, by state."""
    return [
        {
            "residue_name": result.residue,
            "residue": result.place,
            "step": result.label,
            "transitions": result.transitions,
            "timescale_ps": result.timescale if np.isfinite(result.timescale) else None,
            "held_by_the_prior_alone": result.one_way,
            "share_of_frames": result.share,
            "population": result.population,
            "interval": [result.low, result.high],
        }
        for result in results
    ]


def weigh_training_to_files(
    train: list[Path], settings: FrameWeightSettings, weights: Path, pool: Path, record: Path
) -> None:
    """Write, from features files, the weights of each training peptide's frames (NPZ: (F,) by its name, mean 1), the
    transitions that a reference's model takes (`pool`, NPZ), and populations by peptide and residue with 95 % intervals
    (`record`, JSON)."""
    peptides = [_runs_of(FeatureFile(path)) for path in train]
    estimator = residue_settings(settings)
    pooled = Pool.of(peptides, settings.lag)
    arrays, told = {}, {}
    for peptide in peptides:
        own, results = peptide_weights(peptide, pooled, estimator)
        arrays[peptide.peptide] = np.concatenate(own).astype(np.float32)
        told[peptide.peptide] = _described(results)
    shares = [effective_share(own) for own in arrays.values()]
    write_npz(weights, arrays)
    save_pool(pool, pooled)
    write_json(
        record,
        {
            "settings": settings.model_dump(mode="json"),
            "effective_share_of_frames": {"mean": float(np.mean(shares)), "least": min(shares)},
            "peptides": told,
            "provenance": provenance("mdtraj", "numpy", "scipy"),
        },
    )


def weigh_reference_to_files(
    trajectory: Path, topology: Path, md_record: Path, pool: Path, settings: FrameWeightSettings, weights: Path
) -> None:
    """Write the weights of the frames of one peptide's MD (NPZ: ``weights`` (F,), mean 1), and the populations that
    they stand for with 95 % intervals (JSON of the same name); `pool` are transitions of the training peptides."""
    record = read_json(md_record)
    require_plain(record, trajectory)
    runs = runs_between(
        trajectory.parent.name,
        mdtraj.load(str(trajectory), top=str(topology)),
        record["boundaries"],
        float(record["production"]["frame_interval_ps"]),
    )
    own, results = peptide_weights(runs, load_pool(pool), residue_settings(settings))
    together = np.concatenate(own)
    write_npz(weights, {"weights": together})
    write_json(
        weights.with_suffix(".json"),
        {
            "settings": settings.model_dump(mode="json"),
            "effective_share_of_frames": effective_share(together),
            "steps": _described(results),
            "provenance": provenance("mdtraj", "numpy", "scipy"),
        },
    )
