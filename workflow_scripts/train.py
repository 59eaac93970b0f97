"""Train one model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.network import NetworkSettings
    from jamun.config.training import TrainingSettings
    from jamun.model.train import train_to_files

    train_to_files(
        [Path(path) for path in snakemake.input.train],
        [Path(path) for path in snakemake.input.validation],
        Path(snakemake.input.dataset),
        NetworkSettings(**snakemake.params.network),
        TrainingSettings(**snakemake.params.training),
        checkpoint=Path(snakemake.output.checkpoint),
        metrics=Path(snakemake.output.metrics),
        record=Path(snakemake.output.record),
        work=Path(snakemake.params.work),
        threads=snakemake.threads,
        tensorboard=Path(snakemake.params.tensorboard),
    )
