"""Import the trajectories of one peptide."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.source import SourceSettings
    from jamun.io.files import MdFiles
    from jamun.trajectories.run import import_to_files
    from jamun.trajectories.sources import SourceFiles

    params = snakemake.params
    import_to_files(
        inputs.pdb,
        snakemake.wildcards.peptide,
        SourceFiles(
            inputs.source_topology,
            tuple(inputs.source_trajectories),
            params.frame_interval_ps,
            Path(inputs.source_bias) if inputs.source_bias else None,
        ),
        SourceSettings(**params.settings),
        MdFiles(**outputs),
        Path(params.work),
    )
