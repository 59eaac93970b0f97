"""Draw the JS distances of every peptide and model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.summary import summary_to_files

    summary_to_files(
        Path(snakemake.input.summary),
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
