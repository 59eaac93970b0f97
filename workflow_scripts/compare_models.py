"""Compare one peptide's samples by several models at equal wall clock with its MD."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.models import compare_models_to_files
    from jamun.evaluation.pair import Files

    samples = map(Files, inputs.samples, inputs.samples_topologies, inputs.sampling_records)
    compare_models_to_files(
        Files(inputs.reference, inputs.reference_topology, inputs.md_record, inputs.get("reference_weights")),
        dict(zip(snakemake.params.models, samples, strict=True)),
        {name: snakemake.wildcards[name] for name in ("dataset", "peptide")},
        EvaluationSettings(**snakemake.params.settings),
        **outputs,
    )
