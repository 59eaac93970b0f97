"""Write the summary's tables, and what sampling took."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.tables import tables_to_files

    tables_to_files(
        Path(snakemake.input.summary),
        Path(snakemake.params.samples),
        Path(snakemake.output.markdown),
        Path(snakemake.output.latex),
        Path(snakemake.output.page),
        Path(snakemake.output.timing),
    )
