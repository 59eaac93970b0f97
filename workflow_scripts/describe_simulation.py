"""Thermodynamics and torsions of one peptide's MD in time."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.simulation import describe_simulation_to_file

    describe_simulation_to_file(**inputs, target=outputs.series)
