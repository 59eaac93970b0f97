"""Weigh the training frames, or those of one peptide's MD."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.frame_weights import FrameWeightSettings
    from jamun.populations.frames import weigh_reference_to_files, weigh_training_to_files

    settings = FrameWeightSettings(**snakemake.params.settings)
    if "train" in inputs:
        weigh_training_to_files(inputs.train, settings, **outputs)
    else:
        files = (inputs[name] for name in ("trajectory", "topology", "record", "pool"))
        weigh_reference_to_files(*files, settings, outputs.weights)
