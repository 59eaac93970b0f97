"""Weigh the training frames."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.features import ReweightingSettings
    from jamun.data.reweighting import reweight_to_files

    reweight_to_files(
        [Path(path) for path in snakemake.input.train],
        ReweightingSettings(**snakemake.params.settings),
        Path(snakemake.output.weights),
        Path(snakemake.output.record),
    )
