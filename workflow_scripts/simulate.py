"""Simulate one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.simulate import SimulateSettings
    from jamun.io.gpu import slot_folder
    from jamun.io.md_files import MdFiles
    from jamun.simulate.run import simulate_to_files

    simulate_to_files(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        SimulateSettings(**snakemake.params.settings),
        MdFiles(*(Path(getattr(snakemake.output, name)) for name in ("trajectory", "topology", "state", "record"))),
        work=Path(snakemake.params.work),
        threads=snakemake.threads,
        slots=slot_folder(),
    )
