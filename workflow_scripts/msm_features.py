"""Torsions of one peptide's MD and samples, for the Markov state model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.msm_input import msm_features_to_file

    msm_features_to_file(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        Path(snakemake.output.features),
    )
