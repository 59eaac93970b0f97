"""Tabulate every model that was sampled on the dataset without MD, those of earlier runs included."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.summary import results_beside
    from jamun.evaluation.tables import sample_tables_to_files

    sample_tables_to_files(results_beside(outputs.summary, inputs.results), **outputs)
