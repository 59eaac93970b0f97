"""Tabulate one dataset's ablation of sampling."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.ablation import ablation_to_files

    ablation_to_files([record.parent for record in inputs.records], outputs.table)
