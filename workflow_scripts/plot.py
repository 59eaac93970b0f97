"""Draw the figure that the rule is called after."""

import re

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.config.figures import FigureSettings
    from jamun.figures import to_files

    to_files(
        # A workflow that uses this one as a module may have put a name of its own before.
        re.sub(r".*(plot|make)_", "", snakemake.rule),
        dict(snakemake.input.items()),
        dict(snakemake.output.items()),
        FigureSettings(**snakemake.config["figures"]),
    )
