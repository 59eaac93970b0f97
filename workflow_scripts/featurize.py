"""Turn one trajectory into features."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.features import FeatureSettings
    from jamun.data.featurize import featurize_to_file

    settings, peptide = FeatureSettings(**snakemake.params.settings), snakemake.wildcards.peptide
    featurize_to_file(inputs.trajectory, inputs.topology, inputs.record, settings, peptide, outputs.features)
