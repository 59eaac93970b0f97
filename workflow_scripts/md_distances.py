"""Distances of pieces of one peptide's MD from each other."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.dynamics import DynamicsSettings
    from jamun.evaluation.distances import md_distances_to_file

    md_distances_to_file(
        Path(snakemake.input.trajectory),
        Path(snakemake.input.topology),
        Path(snakemake.input.record),
        dataset=snakemake.wildcards.dataset,
        peptide=snakemake.wildcards.peptide,
        settings=DynamicsSettings(**snakemake.params.settings),
        result=Path(snakemake.output.result),
    )
