"""Draw superposed MD and samples of one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.ensemble import ensemble_to_files

    ensemble_to_files(
        Path(snakemake.input.md),
        Path(snakemake.input.samples),
        Path(snakemake.input.result),
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
