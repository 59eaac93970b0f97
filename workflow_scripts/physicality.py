"""Hold one peptide's samples against its MD: physicality and basins."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.physicality import PhysicalitySettings
    from jamun.evaluation.physicality import physicality_to_files

    physicality_to_files(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        Path(snakemake.input.sampling_record),
        dataset=snakemake.wildcards.dataset,
        model=snakemake.wildcards.model,
        peptide=snakemake.wildcards.peptide,
        settings=PhysicalitySettings(**snakemake.params.settings),
        bins=snakemake.params.bins,
        result=Path(snakemake.output.result),
        arrays=Path(snakemake.output.arrays),
    )
