"""Align some frames of one peptide's MD and of its samples."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.alignment import aligned_to_files
    from jamun.evaluation.pair import Files

    given = snakemake.input
    aligned_to_files(
        Files(Path(given.reference), Path(given.reference_topology), Path(given.md_record)),
        Files(Path(given.samples), Path(given.samples_topology)),
        snakemake.params.frames,
        Path(snakemake.output.md),
        Path(snakemake.output.samples),
    )
