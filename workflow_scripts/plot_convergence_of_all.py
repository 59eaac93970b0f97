"""Draw JS distance against samples and time over all peptides."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.convergence import mean_convergence_to_files

    mean_convergence_to_files(
        [Path(path) for path in snakemake.input.results],
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
