"""Describe the training and validation features."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.data.featurize import summarize_to_file

    summarize_to_file(
        [Path(path) for path in snakemake.input.train],
        [Path(path) for path in snakemake.input.validation],
        Path(snakemake.output.dataset),
    )
