"""Take in a checkpoint from elsewhere, once it is seen to be one of ours."""

import shutil
from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.io.atomic import atomic_path
    from jamun.model.checkpoint import load_denoiser

    load_denoiser(Path(snakemake.input.checkpoint))
    with atomic_path(snakemake.output.checkpoint) as temporary:
        shutil.copyfile(snakemake.input.checkpoint, temporary)
