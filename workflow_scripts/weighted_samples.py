"""Publish one peptide's weighted MD as the samples of a model of its own."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.populations.samples import Published, weighted_samples_to_files

    given, out = snakemake.input, snakemake.output
    weighted_samples_to_files(
        Published(*map(Path, (given.trajectory, given.topology, given.weights, given.result))),
        Path(given.sampling),
        Published(*map(Path, (out.samples, out.topology, out.weights, out.record))),
        Path(out.flags),
    )
