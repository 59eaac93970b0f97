"""Write one peptide's accepted samples with hydrogens."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.sampling.all_atoms import AllAtomFiles, all_atoms_to_files
    from jamun.sampling.run import SamplingFiles

    all_atoms_to_files(
        Path(snakemake.input.pdb),
        SamplingFiles.in_folder(Path(snakemake.input.record).parent),
        AllAtomFiles.in_folder(Path(snakemake.output.record).parent),
    )
