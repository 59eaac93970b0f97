"""Take in a checkpoint from elsewhere, once it is seen to be one of ours."""

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.model.checkpoint import import_checkpoint

    import_checkpoint(inputs.checkpoint, outputs.checkpoint)
