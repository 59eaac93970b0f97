"""Turn one trajectory into features."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.features import FeatureSettings
    from jamun.data.featurize import featurize_to_file

    featurize_to_file(
        Path(snakemake.input.trajectory),
        Path(snakemake.input.topology),
        Path(snakemake.input.record),
        FeatureSettings(**snakemake.params.settings),
        snakemake.wildcards.peptide,
        Path(snakemake.output.features),
    )
