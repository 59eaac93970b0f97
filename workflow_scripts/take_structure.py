"""Take in one peptide that is given as a structure."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.peptides.given import take_structure_to_files

    take_structure_to_files(inputs.pdb, snakemake.wildcards.peptide, snakemake.params.ph, **outputs)
