"""Train one model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.network import network_settings
    from jamun.config.training import TrainingSettings
    from jamun.io.gpu import slot_folder
    from jamun.model.devices import gpu_slots
    from jamun.model.train import train_to_files

    training = TrainingSettings(**snakemake.params.training)
    # Of the configuration and not of the params: how jobs share a GPU must not train anew.
    sharing = snakemake.config["simulate"]["jobs_per_gpu"]
    with gpu_slots(slot_folder(), training.accelerator != "cpu", sharing, training.devices) as gpus:
        train_to_files(
            [Path(path) for path in snakemake.input.train],
            [Path(path) for path in snakemake.input.validation],
            Path(snakemake.input.dataset),
            network_settings(snakemake.params.network),
            training,
            checkpoint=Path(snakemake.output.checkpoint),
            metrics=Path(snakemake.output.metrics),
            record=Path(snakemake.output.record),
            work=Path(snakemake.params.work),
            threads=snakemake.threads,
            tensorboard=Path(snakemake.params.tensorboard),
            gpus=gpus,
            initial=Path(snakemake.input.initial) if snakemake.input.initial else None,
            weights=Path(snakemake.input.weights) if snakemake.input.weights else None,
        )
