"""Gather the finished figures in Snakemake's report, opened at the tables of results."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (_, outputs):
    from jamun.figures.report import report_to_file

    snakefile = Path(snakemake.scriptdir).parent / "Snakefile"
    work = Path("work/report") / snakemake.wildcards.dataset
    report_to_file(snakefile, snakemake.config, work, Path(snakemake.log[0]), outputs.report)
