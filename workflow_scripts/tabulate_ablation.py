"""Tabulate one dataset's ablation of sampling."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.ablation import ablation_to_files

    ablation_to_files(
        [Path(record).parent for record in snakemake.input.records],
        Path(snakemake.output.table),
    )
