"""Short MD from one peptide's samples, and weights by its transitions."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.populations import PopulationSettings
    from jamun.io.gpu import slot_folder
    from jamun.populations.run import PopulationFolders, populations_to_files, read_samples
    from jamun.populations.short_md import implicit_settings

    config, params = snakemake.config, snakemake.params
    # On what the MD runs is told by the configuration and not by the params: it must not make it anew.
    configured = config["simulate"] | config["splits"].get("test", {}).get("simulate", {})
    populations_to_files(
        snakemake.wildcards.peptide,
        inputs.pdb,
        read_samples(inputs.samples, inputs.topology, inputs.flags),
        implicit_settings(configured | params.simulate),
        PopulationSettings(**params.settings),
        PopulationFolders(outputs.result.parent, Path(params.work), slot_folder()),
        snakemake.threads,
    )
