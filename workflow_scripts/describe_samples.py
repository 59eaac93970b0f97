"""Describe one peptide's samples where there is no MD."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.describe_samples import describe_to_files
    from jamun.evaluation.pair import Files

    describe_to_files(
        Files(inputs.samples, inputs.samples_topology, inputs.sampling_record),
        inputs.structure,
        {name: snakemake.wildcards[name] for name in ("dataset", "model", "peptide")},
        EvaluationSettings(**snakemake.params.settings),
        **outputs,
    )
