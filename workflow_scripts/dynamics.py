"""Compare the slow motions of one peptide's samples and MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.dynamics import DynamicsSettings
    from jamun.evaluation.dynamics import dynamics_to_files

    dynamics_to_files(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        Path(snakemake.input.sampling_record),
        Path(snakemake.input.baselines),
        dataset=snakemake.wildcards.dataset,
        model=snakemake.wildcards.model,
        peptide=snakemake.wildcards.peptide,
        settings=DynamicsSettings(**snakemake.params.settings),
        result=Path(snakemake.output.result),
        arrays=Path(snakemake.output.arrays),
    )
