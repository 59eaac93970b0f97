"""Build one peptide."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence

    peptide = parse_sequence(snakemake.params.sequence, snakemake.wildcards.peptide)
    build_to_files(peptide, snakemake.params.form, snakemake.params.ph, **outputs)
