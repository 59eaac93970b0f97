"""Distances of pieces of one peptide's MD from each other."""

from pathlib import Path

from jamun.io.imports import without
from jamun.io.log import job_log

with job_log(snakemake.log[0]), without("torch"):
    from jamun.config.dynamics import DynamicsSettings
    from jamun.evaluation.pair import Files
    from jamun.evaluation.slow_distances import md_distances_to_file

    given = snakemake.input
    md_distances_to_file(
        Files(Path(given.trajectory), Path(given.topology), Path(given.record)),
        snakemake.wildcards.dataset,
        snakemake.wildcards.peptide,
        DynamicsSettings(**snakemake.params.settings),
        Path(snakemake.output.result),
    )
