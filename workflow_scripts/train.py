"""Train one model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.network import network_settings
    from jamun.config.training import TrainingSettings
    from jamun.io.gpu import slot_folder
    from jamun.model.devices import gpu_slots
    from jamun.model.train import TrainingFiles, TrainingInputs, train_to_files

    training = TrainingSettings(**snakemake.params.training)
    # Of the configuration and not of the params: how jobs share a GPU must not train anew.
    sharing = snakemake.config["simulate"]["jobs_per_gpu"]
    with gpu_slots(slot_folder(), training.accelerator != "cpu", sharing, training.devices) as gpus:
        train_to_files(
            TrainingInputs(
                [Path(path) for path in snakemake.input.train],
                [Path(path) for path in snakemake.input.validation],
                Path(snakemake.input.dataset),
                initial=Path(snakemake.input.initial) if snakemake.input.initial else None,
                weights=Path(snakemake.input.weights) if snakemake.input.weights else None,
            ),
            network_settings(snakemake.params.network),
            training,
            TrainingFiles(
                Path(snakemake.output.checkpoint),
                Path(snakemake.output.metrics),
                Path(snakemake.output.record),
                work=Path(snakemake.params.work),
                tensorboard=Path(snakemake.params.tensorboard),
            ),
            threads=snakemake.threads,
            gpus=gpus,
        )
