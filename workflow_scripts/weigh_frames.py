"""Weigh the training frames, or those of one peptide's MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.frame_weights import FrameWeightSettings
    from jamun.populations.frames import weigh_reference_to_files, weigh_training_to_files

    settings = FrameWeightSettings(**snakemake.params.settings)
    if snakemake.rule == "weigh_training":
        train = [Path(path) for path in snakemake.input.train]
        weigh_training_to_files(train, settings, *map(Path, snakemake.output))
    else:
        files = (snakemake.input[name] for name in ("trajectory", "topology", "record", "pool"))
        weigh_reference_to_files(*map(Path, files), settings, Path(snakemake.output.weights))
