"""Snakemake's HTML report over the finished figures, opened at the tables of results."""

import json
import os
import subprocess
import sys
from pathlib import Path

from jamun.io.log import UserError, job_log

with job_log(snakemake.log[0]):
    root = Path(snakemake.scriptdir).parent
    target = Path(snakemake.output.report)
    work = Path("work/report") / snakemake.wildcards.dataset
    work.mkdir(parents=True, exist_ok=True)
    # The resolved configuration, as a file: the report must see what this run sees, command-line values included.
    configuration = work / "config.yaml"
    configuration.write_text(json.dumps(snakemake.config), encoding="utf-8")
    page = work / "report.html"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--configfile", str(configuration), "--cores", "1", "--nolock", "--report", str(page)]
    command += ["--report-stylesheet", snakemake.input.style, "figures"]
    with open(snakemake.log[0], "a", encoding="utf-8") as log:
        finished = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if finished.returncode != 0:
        raise UserError(f"the report could not be made: see {snakemake.log[0]}, then run the same command again.")
    before, end, after = page.read_text(encoding="utf-8").rpartition("</body>")
    script = Path(snakemake.input.script).read_text(encoding="utf-8")
    page.write_text(f"{before}<script>\n{script}</script>\n{end}{after}", encoding="utf-8")
    os.replace(page, target)
    configuration.unlink()
