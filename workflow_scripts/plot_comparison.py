"""Draw the Ramachandran maps of one peptide by every model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.comparison import comparison_to_files

    comparison_to_files(
        Path(snakemake.input.result),
        Path(snakemake.input.arrays),
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
