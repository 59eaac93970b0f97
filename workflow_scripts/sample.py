"""Sample one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.sampling import SamplingSettings
    from jamun.sampling.run import sample_to_files

    sample_to_files(
        Path(snakemake.input.checkpoint),
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        SamplingSettings(**snakemake.params.settings),
        samples=Path(snakemake.output.samples),
        topology=Path(snakemake.output.topology),
        record=Path(snakemake.output.record),
        work=Path(snakemake.params.work),
        threads=snakemake.threads,
    )
