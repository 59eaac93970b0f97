"""Import the trajectories of one peptide."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.source import SourceSettings
    from jamun.io.md_files import MdFiles
    from jamun.trajectories.run import import_to_files
    from jamun.trajectories.sources import SourceFiles

    import_to_files(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        SourceFiles(
            Path(snakemake.input.source_topology),
            tuple(Path(path) for path in snakemake.input.source_trajectories),
            snakemake.params.frame_interval_ps,
        ),
        SourceSettings(**snakemake.params.settings),
        MdFiles(*(Path(getattr(snakemake.output, name)) for name in ("trajectory", "topology", "state", "record"))),
        Path(snakemake.params.work),
    )
