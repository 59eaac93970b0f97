"""Take in one peptide that is given as a structure."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.peptides.given import take_structure_to_files

    take_structure_to_files(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        snakemake.params.ph,
        Path(snakemake.output.pdb),
        Path(snakemake.output.record),
    )
