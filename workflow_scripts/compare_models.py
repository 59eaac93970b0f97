"""Compare one peptide's samples by several models at equal wall clock with its MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.models import models_to_files

    models_to_files(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        snakemake.params.models,
        [Path(path) for path in snakemake.input.samples],
        [Path(path) for path in snakemake.input.samples_topologies],
        [Path(path) for path in snakemake.input.sampling_records],
        dataset=snakemake.wildcards.dataset,
        peptide=snakemake.wildcards.peptide,
        settings=EvaluationSettings(**snakemake.params.settings),
        result=Path(snakemake.output.result),
        arrays=Path(snakemake.output.arrays),
    )
