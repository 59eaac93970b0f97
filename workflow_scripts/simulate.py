"""Simulate one peptide, as the reference or as plain MD in place of a model's samples."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.simulate import SimulateSettings
    from jamun.io.files import MdFiles
    from jamun.io.gpu import slot_folder
    from jamun.simulate.run import simulate_to_files

    name, model = snakemake.wildcards.peptide, snakemake.wildcards.get("model")
    simulate_to_files(
        inputs.pdb,
        # Seeds derive from the name: plain MD must not repeat the reference that it is compared with.
        f"{name} by {model}" if model else name,
        SimulateSettings(**snakemake.params.settings),
        MdFiles(**outputs),
        work=Path(snakemake.params.work),
        threads=snakemake.threads,
        slots=slot_folder(),
    )
