"""Snakemake's HTML report over the finished figures, which opens at the tables of results."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jamun.io.log import UserError

# What is added to Snakemake's page: how it opens, orders and shows its figures, and its looks.
SCRIPT, STYLE = (Path(__file__).with_suffix(suffix) for suffix in (".js", ".css"))


def with_script(page: str, script: str) -> str:
    """An HTML page that ends with a script."""
    before, end, after = page.rpartition("</body>")
    return f"{before}<script>\n{script}</script>\n{end}{after}"


def report_to_file(snakefile: Path, configuration: Mapping[str, Any], work: Path, log: Path, report: Path) -> None:
    """Write the report (HTML) of the target `figures`, by a second Snakemake that runs no job and adds to `log`.

    `configuration` is the resolved one, values of the command line included: the report must see what this run sees.
    Raises UserError where Snakemake did not make the report.
    """
    work.mkdir(parents=True, exist_ok=True)
    resolved, page = work / "config.yaml", work / "report.html"
    resolved.write_text(json.dumps(configuration), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--configfile", str(resolved)]
    command += ["--cores", "1", "--nolock", "--report", str(page), "--report-stylesheet", str(STYLE), "figures"]
    with open(log, "a", encoding="utf-8") as told:
        finished = subprocess.run(command, stdout=told, stderr=subprocess.STDOUT, check=False)
    if finished.returncode != 0:
        raise UserError(f"the report could not be made: see {log}, then run the same command again.")
    made = with_script(page.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8"))
    page.write_text(made, encoding="utf-8")
    os.replace(page, report)
    resolved.unlink()
