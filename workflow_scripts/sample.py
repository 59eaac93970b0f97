"""Sample one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.sampling import SamplingSettings
    from jamun.sampling.run import sample_to_files

    built = Path(snakemake.input.pdb)
    starts = [Path(start) for start in snakemake.input.starts]
    sample_to_files(
        Path(snakemake.input.checkpoint),
        starts or [built],
        snakemake.wildcards.peptide,
        SamplingSettings(**snakemake.params.settings),
        samples=Path(snakemake.output.samples),
        topology=Path(snakemake.output.topology),
        record=Path(snakemake.output.record),
        flags=Path(snakemake.output.flags),
        work=Path(snakemake.params.work),
        threads=snakemake.threads,
        built=built if starts else None,
    )
