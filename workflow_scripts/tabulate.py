"""Write the summary's tables, and what sampling took."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.tables import tables_to_files

    tables_to_files(inputs.summary, Path(snakemake.params.samples), **outputs)
