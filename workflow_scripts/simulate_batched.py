"""Simulate many peptides in one system."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.simulate import SimulateSettings
    from jamun.io.gpu import slot_folder
    from jamun.io.md_files import MdFiles
    from jamun.simulate.batched import Peptide, simulate_batched_to_files

    made = snakemake.output
    files = [
        MdFiles(*map(Path, paths))
        for paths in zip(made.trajectory, made.topology, made.state, made.record, strict=True)
    ]
    simulate_batched_to_files(
        [
            Peptide(name, Path(pdb), SimulateSettings(**settings), Path(snakemake.params.work) / name, published)
            for name, pdb, settings, published in zip(
                snakemake.params.names, snakemake.input.pdb, snakemake.params.settings, files, strict=True
            )
        ],
        threads=snakemake.threads,
        slots=slot_folder(),
    )
