"""Publish one peptide's weighted MD as the samples of a model of its own."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.populations.samples import Published, weighted_samples_to_files

    found = Published(inputs.trajectory, inputs.topology, inputs.weights, inputs.result)
    samples = Published(outputs.samples, outputs.topology, outputs.weights, outputs.record)
    weighted_samples_to_files(found, inputs.sampling, samples, outputs.flags)
