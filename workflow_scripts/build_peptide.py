"""Build one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence

    build_to_files(
        parse_sequence(snakemake.params.sequence, snakemake.wildcards.peptide),
        snakemake.params.form,
        snakemake.params.ph,
        Path(snakemake.output.pdb),
        Path(snakemake.output.record),
    )
