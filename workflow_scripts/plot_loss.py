"""Draw the loss curves of one model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.loss import loss_to_files

    loss_to_files(
        Path(snakemake.input.metrics),
        Path(snakemake.input.record),
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
