"""Describe the training and validation features."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.data.featurize import summarize_to_file

    summarize_to_file(inputs.train, inputs.validation, outputs.dataset)
