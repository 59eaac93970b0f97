"""Draw JS distance against samples and time of one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.convergence import convergence_to_files

    convergence_to_files(
        Path(snakemake.input.result),
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
