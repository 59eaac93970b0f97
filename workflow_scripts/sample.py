"""Sample one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.sampling import SamplingSettings
    from jamun.io.gpu import slot_folder
    from jamun.model.devices import gpu_slots
    from jamun.model.score import NetworkScore
    from jamun.sampling.run import SamplingFiles, sample_to_files

    built = Path(snakemake.input.pdb)
    starts = [Path(start) for start in snakemake.input.starts]
    settings = SamplingSettings(**snakemake.params.settings)
    # Of the configuration and not of the params: how jobs share a GPU must not sample anew.
    sharing = snakemake.config["simulate"]["jobs_per_gpu"]
    with gpu_slots(slot_folder(), settings.device != "cpu", sharing):
        sample_to_files(
            NetworkScore.read(Path(snakemake.input.checkpoint)),
            starts or [built],
            snakemake.wildcards.peptide,
            settings,
            SamplingFiles.in_folder(Path(snakemake.output.record).parent, Path(snakemake.params.work)),
            threads=snakemake.threads,
            built=built if starts else None,
        )
