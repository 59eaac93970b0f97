"""Compare one peptide's samples with its MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.compare import compare_to_files

    compare_to_files(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        Path(snakemake.input.sampling_record),
        dataset=snakemake.wildcards.dataset,
        model=snakemake.wildcards.model,
        peptide=snakemake.wildcards.peptide,
        settings=EvaluationSettings(**snakemake.params.settings),
        result=Path(snakemake.output.result),
        arrays=Path(snakemake.output.arrays),
    )
