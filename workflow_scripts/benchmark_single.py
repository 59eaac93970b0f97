"""Measure one simulation of a peptide by itself."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.simulate import SimulateSettings
    from jamun.simulate.benchmark_single import benchmark_single_to_file

    settings = SimulateSettings(**snakemake.params.settings)
    benchmark_single_to_file(
        inputs.pdb, snakemake.wildcards.peptide, settings, inputs.record, outputs.record, snakemake.threads
    )
