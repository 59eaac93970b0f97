"""Compare one peptide's samples by several models at equal wall clock with its MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.models import compare_models_to_files
    from jamun.evaluation.pair import Files

    given = snakemake.input
    samples = zip(given.samples, given.samples_topologies, given.sampling_records, strict=True)
    compare_models_to_files(
        Files(Path(given.reference), Path(given.reference_topology), Path(given.md_record)),
        {name: Files(*map(Path, paths)) for name, paths in zip(snakemake.params.models, samples, strict=True)},
        {name: snakemake.wildcards[name] for name in ("dataset", "peptide")},
        EvaluationSettings(**snakemake.params.settings),
        Path(snakemake.output.result),
        Path(snakemake.output.arrays),
    )
