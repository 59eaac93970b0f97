"""Describe one peptide's samples where there is no MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.describe_samples import describe_to_files
    from jamun.evaluation.pair import Files

    given = snakemake.input
    describe_to_files(
        Files(Path(given.samples), Path(given.samples_topology), Path(given.sampling_record)),
        Path(given.structure),
        {name: snakemake.wildcards[name] for name in ("dataset", "model", "peptide")},
        EvaluationSettings(**snakemake.params.settings),
        Path(snakemake.output.result),
        Path(snakemake.output.arrays),
    )
