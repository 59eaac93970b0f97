"""Train one model."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.network import network_settings
    from jamun.config.training import TrainingSettings
    from jamun.io.gpu import slot_folder
    from jamun.model.devices import gpu_slots
    from jamun.model.train import TrainingFiles, TrainingInputs, train_to_files

    params, training = snakemake.params, TrainingSettings(**snakemake.params.training)
    given = TrainingInputs(
        inputs.train, inputs.validation, inputs.dataset, inputs.initial or None, inputs.weights or None
    )
    made = TrainingFiles(**outputs, work=Path(params.work), tensorboard=Path(params.tensorboard))
    # Of the configuration and not of the params: how jobs share a GPU must not train anew.
    sharing = snakemake.config["simulate"]["jobs_per_gpu"]
    with gpu_slots(slot_folder(), training.accelerator != "cpu", sharing, training.devices) as gpus:
        train_to_files(given, network_settings(params.network), training, made, snakemake.threads, gpus)
