"""Short MD from one peptide's samples, and weights by its transitions."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.populations import PopulationSettings
    from jamun.io.gpu import slot_folder
    from jamun.populations.run import PopulationFolders, populations_to_files, read_samples
    from jamun.populations.short_md import implicit_settings

    given, config = snakemake.input, snakemake.config
    # On what the MD runs is told by the configuration and not by the params: it must not make it anew.
    configured = config["simulate"] | config["splits"].get("test", {}).get("simulate", {})
    populations_to_files(
        snakemake.wildcards.peptide,
        Path(given.pdb),
        read_samples([Path(given.samples)], Path(given.topology), Path(given.flags)),
        implicit_settings(configured | snakemake.params.simulate),
        PopulationSettings(**snakemake.params.settings),
        PopulationFolders(Path(snakemake.output.result).parent, Path(snakemake.params.work), slot_folder()),
        snakemake.threads,
    )
