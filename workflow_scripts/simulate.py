"""Simulate one peptide, as the reference or as plain MD in place of a model's samples."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.simulate import SimulateSettings
    from jamun.io.files import MdFiles
    from jamun.io.gpu import slot_folder
    from jamun.simulate.run import Peptide, simulate_to_files

    name, model = snakemake.wildcards.peptide, snakemake.wildcards.get("model")
    peptide = Peptide(
        # Seeds derive from the name: plain MD must not repeat the reference that it is compared with.
        f"{name} by {model}" if model else name,
        inputs.pdb,
        SimulateSettings(**snakemake.params.settings),
        Path(snakemake.params.work),
        MdFiles(**outputs),
    )
    simulate_to_files(peptide, snakemake.threads, slot_folder())
