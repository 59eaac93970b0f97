"""Align some frames of one peptide's MD and of its samples."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.evaluation.alignment import aligned_to_files
    from jamun.evaluation.pair import Files

    reference = Files(inputs.reference, inputs.reference_topology, inputs.md_record)
    samples = Files(inputs.samples, inputs.samples_topology)
    aligned_to_files(reference, samples, snakemake.params.frames, outputs.md, outputs.samples)
