"""Write the viewer of one peptide's superposed MD and samples."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.figures.viewer import viewer_to_file

    viewer_to_file(
        Path(snakemake.input.md),
        Path(snakemake.input.samples),
        Path(snakemake.input.result),
        Path(snakemake.output.page),
    )
