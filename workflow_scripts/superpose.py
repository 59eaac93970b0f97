"""Superpose some frames of one peptide's MD and of its samples."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.superposition import superpose_to_files

    superpose_to_files(
        Path(snakemake.input.reference),
        Path(snakemake.input.reference_topology),
        Path(snakemake.input.md_record),
        Path(snakemake.input.samples),
        Path(snakemake.input.samples_topology),
        snakemake.params.frames,
        Path(snakemake.output.md),
        Path(snakemake.output.samples),
    )
