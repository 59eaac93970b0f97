"""Summarise every model that was evaluated on the dataset, those of earlier runs included."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.summary import ON_REQUEST, results_beside, summarize_to_files

    asked = tuple(name for name in ON_REQUEST if inputs.get(name))
    results = results_beside(outputs.summary, inputs.results)
    summarize_to_files(results, outputs.summary, snakemake.params.of, asked)
