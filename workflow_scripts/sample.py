"""Sample one peptide."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.sampling import SamplingSettings
    from jamun.io.gpu import slot_folder
    from jamun.model.devices import gpu_slots
    from jamun.model.score import NetworkScore
    from jamun.sampling.run import SamplingFiles, sample_to_files

    settings = SamplingSettings(**snakemake.params.settings)
    # Of the configuration and not of the params: how jobs share a GPU must not sample anew.
    sharing = snakemake.config["simulate"]["jobs_per_gpu"]
    with gpu_slots(slot_folder(), settings.device != "cpu", sharing):
        sample_to_files(
            NetworkScore.read(inputs.checkpoint),
            inputs.starts or [inputs.pdb],
            snakemake.wildcards.peptide,
            settings,
            SamplingFiles(**outputs, work=Path(snakemake.params.work)),
            threads=snakemake.threads,
            built=inputs.pdb if inputs.starts else None,
        )
