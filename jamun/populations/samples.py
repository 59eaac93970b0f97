"""Weighted short MD as the samples of a model of its own, so that every metric and figure of samples has it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.simulate import GPU_PLATFORMS
from jamun.io.atomic import atomic_path, read_json, read_npz, write_json, write_npz
from jamun.io.disk import link_or_copy
from jamun.io.provenance import provenance
from jamun.trajectories.samples import all_accepted

LAYOUT = (
    "Frames of all short runs, one run after another; in the XTC, a frame's step is its run (from 0) and its time that "
    "in its run, ps. weights.npz has a weight a frame, whose mean is 1."
)


@dataclass(frozen=True)
class Published:
    """Where weighted MD lies, or the samples that are made of it.

    trajectory: XTC.
    topology: PDB.
    weights: NPZ, ``weights`` (F,).
    record: JSON: populations.json, or sampling.json.
    """

    trajectory: Path
    topology: Path
    weights: Path
    record: Path


def weighted_samples_to_files(found: Published, sampling: Path, samples: Published, flags: Path) -> None:
    """Publish the weighted MD of one peptide, `found` by populations_to_files, as samples; the record comes last.

    `sampling` is the record of the sampling that the short MD began from (JSON), whose wall clock adds to the MD's;
    `flags` is the NPZ to write, in which every frame is accepted.
    """
    record, drawn = read_json(found.record), read_json(sampling)
    weights = read_npz(found.weights)["weights"]
    for source, target in ((found.trajectory, samples.trajectory), (found.topology, samples.topology)):
        with atomic_path(target) as temporary:
            link_or_copy(source, temporary)
    write_npz(samples.weights, {"weights": weights})
    write_npz(flags, {"accepted": np.ones(len(weights), dtype=bool)})
    write_json(samples.record, _record(record, drawn))


def _record(record: dict[str, Any], drawn: dict[str, Any]) -> dict[str, Any]:
    """The same keys as of a sampling."""
    known = drawn["seconds"] is not None
    seconds = drawn["seconds"] + record["seconds"] if known else None
    gpu = record["platform"] in GPU_PLATFORMS
    return {
        "peptide": record["peptide"],
        "seed": record["settings"]["seed"],
        "device": record["platform"] if gpu else drawn["device"],
        "threads": drawn["threads"],
        **all_accepted(record["frames_of_runs"], seconds),
        "seconds_of_sampling": drawn["seconds"],
        "seconds_of_md": record["seconds"],
        "atoms": drawn["atoms"],
        "md_ps": record["md_ps"],
        "notes": [
            f"Frames of {record['md_ps'] / 1000:.3g} ns of short MD from samples, weighted by a Markov model of its "
            "transitions; wall clock is that of the sampling and of this MD."
        ],
        "layout": LAYOUT,
        "provenance": provenance("openmm", "mdtraj", "numpy", "scipy"),
    }
