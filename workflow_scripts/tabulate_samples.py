"""Tabulate every model that was sampled on the dataset without MD, those of earlier runs included."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.samples_table import tabulate_to_files
    from jamun.evaluation.summary import results_beside

    tabulate_to_files(results_beside(outputs.summary, inputs.results), **outputs)
