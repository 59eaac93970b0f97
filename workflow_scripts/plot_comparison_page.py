"""Draw the Ramachandran maps of the first peptides by every model."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures.comparison import comparison_page_to_files

    comparison_page_to_files(
        [Path(path) for path in snakemake.input.results],
        [Path(path) for path in snakemake.input.arrays],
        FigureSettings(**snakemake.params.settings),
        Path(snakemake.output.png),
        Path(snakemake.output.pdf),
    )
