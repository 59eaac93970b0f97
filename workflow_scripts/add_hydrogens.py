"""Write one peptide's accepted samples with hydrogens."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.io.files import AllAtomFiles, SamplingFiles
    from jamun.sampling.all_atoms import all_atoms_to_files

    all_atoms_to_files(inputs.pdb, SamplingFiles.in_folder(inputs.record.parent), AllAtomFiles(**outputs))
