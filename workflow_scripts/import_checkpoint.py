"""Take in a checkpoint from elsewhere, once it is seen to be one of ours."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.model.checkpoint import import_checkpoint

    import_checkpoint(Path(snakemake.input.checkpoint), Path(snakemake.output.checkpoint))
