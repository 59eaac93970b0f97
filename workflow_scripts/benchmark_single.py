"""Measure one simulation of a peptide by itself."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.simulate import SimulateSettings
    from jamun.simulate.benchmark_single import benchmark_single_to_file

    benchmark_single_to_file(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        SimulateSettings(**snakemake.params.settings),
        Path(snakemake.input.record),
        Path(snakemake.output.record),
        snakemake.threads,
    )
