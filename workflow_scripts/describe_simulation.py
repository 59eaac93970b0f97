"""Thermodynamics and torsions of one peptide's MD in time."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.simulation import describe_simulation_to_file

    describe_simulation_to_file(
        Path(snakemake.input.trajectory),
        Path(snakemake.input.topology),
        Path(snakemake.input.state),
        Path(snakemake.input.record),
        Path(snakemake.output.series),
    )
