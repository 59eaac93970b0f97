"""Write one peptide's accepted samples with hydrogens."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.sampling.all_atoms import AllAtomFiles, all_atoms_to_files
    from jamun.sampling.run import SamplingFiles

    all_atoms_to_files(inputs.pdb, SamplingFiles.in_folder(inputs.record.parent), AllAtomFiles(**outputs))
