"""Publish one peptide's weighted MD as the samples of a model of its own."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.io.files import SamplingFiles
    from jamun.populations.samples import weighted_samples_to_files

    weighted_samples_to_files(inputs.result.parent, inputs.sampling, SamplingFiles.in_folder(outputs.record.parent))
