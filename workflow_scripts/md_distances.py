"""Distances of pieces of one peptide's MD from each other."""

from jamun.io.imports import without
from jamun.io.job import job

with job(snakemake) as (inputs, outputs), without("torch"):
    from jamun.config.evaluation import DynamicsSettings
    from jamun.evaluation.pair import Files
    from jamun.evaluation.slow_distances import md_distances_to_file

    md_distances_to_file(
        Files(inputs.trajectory, inputs.topology, inputs.record, inputs.get("reference_weights")),
        snakemake.wildcards.dataset,
        snakemake.wildcards.peptide,
        DynamicsSettings(**snakemake.params.settings),
        outputs.result,
    )
