"""Weighted short MD as the samples of a model of its own, so that every metric and figure of samples has it."""

from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.simulate import GPU_PLATFORMS
from jamun.io.atomic import atomic_path, read_json, read_npz, write_json, write_npz
from jamun.io.disk import link_or_copy
from jamun.io.files import SamplingFiles
from jamun.io.provenance import provenance
from jamun.trajectories.samples import all_accepted

LAYOUT = (
    "Frames of all short runs, one run after another; in the XTC, a frame's step is its run (from 0) and its time that "
    "in its run, ps. weights.npz has a weight a frame, whose mean is 1."
)


def weighted_samples_to_files(found: Path, sampling: Path, files: SamplingFiles) -> None:
    """Publish the weighted MD of one peptide, in the folder that populations_to_files `found`, as samples with a
    weights.npz beside them, all of them accepted; the record comes last.

    `sampling` is the record of the sampling that the short MD began from (JSON), whose wall clock adds to the MD's.
    """
    record, drawn = read_json(found / "populations.json"), read_json(sampling)
    weights = read_npz(found / "weights.npz")["weights"]
    for name, target in (("md.xtc", files.samples), ("topology.pdb", files.topology)):
        with atomic_path(target) as temporary:
            link_or_copy(found / name, temporary)
    write_npz(files.samples.with_name("weights.npz"), {"weights": weights})
    write_npz(files.flags, {"accepted": np.ones(len(weights), dtype=bool)})
    write_json(files.record, _record(record, drawn))


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
