"""Take in one peptide's samples that another program made."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.trajectories.samples import OutsideSamples, SampleFiles, import_samples_to_files

    import_samples_to_files(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        snakemake.wildcards.model,
        OutsideSamples(
            Path(snakemake.input.outside),
            Path(snakemake.input.outside_topology),
            snakemake.params.seconds,
            snakemake.params.device,
        ),
        SampleFiles(
            Path(snakemake.output.samples),
            Path(snakemake.output.topology),
            Path(snakemake.output.flags),
            Path(snakemake.output.record),
            Path(snakemake.params.work),
        ),
    )
