"""Describe one peptide's samples where there is no MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.alone import describe_to_files

    describe_to_files(
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        Path(snakemake.input.sampling_record),
        Path(snakemake.input.structure),
        dataset=snakemake.wildcards.dataset,
        model=snakemake.wildcards.model,
        peptide=snakemake.wildcards.peptide,
        settings=EvaluationSettings(**snakemake.params.settings),
        result=Path(snakemake.output.result),
        arrays=Path(snakemake.output.arrays),
    )
