"""Simulate many peptides in one system."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.simulate import SimulateSettings
    from jamun.io.files import MdFiles
    from jamun.io.gpu import slot_folder
    from jamun.simulate.batched import simulate_batched_to_files
    from jamun.simulate.run import Peptide

    work, params = Path(snakemake.params.work), snakemake.params
    files = map(MdFiles, outputs.trajectory, outputs.topology, outputs.state, outputs.record)
    peptides = [
        Peptide(name, pdb, SimulateSettings(**settings), work / name, published)
        for name, pdb, settings, published in zip(params.names, inputs.pdb, params.settings, files, strict=True)
    ]
    simulate_batched_to_files(peptides, threads=snakemake.threads, slots=slot_folder())
