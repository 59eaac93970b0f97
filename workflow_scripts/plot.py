"""Draw the figure that the rule is called after."""

import re

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.config.figures import FigureSettings
    from jamun.figures import to_files

    # A workflow that uses this one as a module may have put a name of its own before.
    name = re.sub(r".*(plot|make)_", "", snakemake.rule)
    to_files(name, inputs, outputs, FigureSettings(**snakemake.config["figures"]))
