"""A whole run of a workflow on a real Slurm, with jobs that only pretend: does every job of the paper's set finish?

    python benchmarks/slurm.py --json benchmarks/results/slurm.json      # the paper's set; needs root, slurm-wlm, munge

Snakemake runs for real, with profiles/slurm, and Slurm's daemons schedule every job on a node that claims 64 cores, 512
GB and four GPUs. Only what a job would start is replaced: instead of Snakemake inside the job, a script that makes the
job's files, empty, and its benchmark. Some jobs fail at their first attempt, so that they are tried again. The report
is left out: Snakemake makes it itself, out of the figures, which are empty here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import yaml
from snakemake.api import SnakemakeApi
from snakemake.io import strip_wildcard_constraints
from snakemake.settings.types import ConfigSettings, ResourceSettings

from jamun.io.atomic import write_json
from jamun.io.provenance import provenance

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "slurm"))

from cluster import Cluster  # noqa: E402

PAPER = ROOT / "configs" / "paper.yaml"
TARGETS = ("features", "evaluate", "figures")
CPUS, MEMORY_MB, GPUS = 64, 512_000, 4

# Stands in for the Python that a job starts: makes what the job's rule makes. The command names the job by
# --target-jobs 'rule:wildcard=value,...'.
STUB = r"""
import json, os, re, sys, zlib
folder = os.environ["STUB_FOLDER"]
rule, _, given = sys.argv[sys.argv.index("--target-jobs") + 1].partition(":")
values = dict(pair.split("=", 1) for pair in given.split(",") if pair)
entry = json.load(open(os.path.join(folder, "rules.json")))[rule]
name = rule + "-" + "-".join(values.values())
first = os.path.join(folder, "attempts", name)
again = os.path.exists(first)
open(first, "a").write(".")
if not again and zlib.crc32(name.encode()) % 1000 < 1000 * float(os.environ["STUB_FAILING"]):
    sys.exit("pretends to fail at the first attempt")
for pattern in entry["directories"] + entry["files"]:
    path = re.sub(r"\{(\w+)\}", lambda found: values[found.group(1)], pattern)
    os.makedirs(path if pattern in entry["directories"] else os.path.dirname(path), exist_ok=True)
    if pattern in entry["files"]:
        open(path, "w").close()
"""


def made_by_rules(configuration: Path, folder: Path) -> dict[str, dict[str, list[str]]]:
    """Patterns of the files and folders that each rule makes, its benchmark among them, without constraints."""
    settings = {"config_settings": ConfigSettings(configfiles=[configuration]), "snakefile": ROOT / "Snakefile"}
    with SnakemakeApi() as api:
        rules = api.workflow(ResourceSettings(cores=1), workdir=folder, **settings)._workflow.rules
    made = {}
    for rule in rules:
        files = [output for output in rule.output if not output.is_directory]
        folders = [output for output in rule.output if output.is_directory]
        files += [rule.benchmark] if rule.benchmark else []
        made[rule.name] = {
            "files": [strip_wildcard_constraints(str(output)) for output in files],
            "directories": [strip_wildcard_constraints(str(output)) for output in folders],
        }
    return made


def _command(configuration: Path, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(configuration), "--profile", str(ROOT / "profiles" / "slurm")]
    # Jobs take seconds here: they are looked at sooner.
    command += ["--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "20"]
    # Without the software, which a cluster's nodes may have elsewhere: the job takes `python` from its PATH, the stub.
    command += ["--shared-fs-usage", "persistence", "input-output", "source-cache", "sources", "storage-local-copies"]
    return [*command, "--", *TARGETS]


def simulated_run(configuration: Path, folder: Path, failing: float) -> dict[str, Any]:
    """Run the workflow of `configuration` in `folder`, with a share `failing` of jobs that fail at first.

    Returns what it took. Raises RuntimeError with the end of Snakemake's output where it does not end well.
    """
    stub, output = folder / "bin" / "python", folder / "snakemake.out"
    for name in ("bin", "attempts", "run/configs"):
        (folder / name).mkdir(parents=True)
    stub.write_text(f"#!{Path(sys.executable).resolve()} -IS\n{STUB}")
    stub.chmod(0o755)
    table = PAPER.with_name("paper_test_peptides.csv")
    shutil.copy(table, folder / "run" / "configs" / table.name)
    (folder / "rules.json").write_text(json.dumps(made_by_rules(configuration, folder / "run")))
    cluster = Cluster(CPUS, MEMORY_MB, GPUS)
    cluster.start()
    try:
        environment = cluster.environment | {"STUB_FOLDER": str(folder), "STUB_FAILING": str(failing)}
        environment["PATH"] = f"{stub.parent}:{environment['PATH']}"
        begun = time.monotonic()
        with output.open("w") as stream:
            child = subprocess.Popen(
                _command(configuration, folder / "run"),
                stdout=stream, stderr=subprocess.STDOUT, cwd=folder / "run", env=environment,
            )  # fmt: skip
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        text = output.read_text(errors="replace")
        if status:
            raise RuntimeError(f"snakemake failed:\n{text[-4000:]}")
        states = Counter(job["job_state"] for job in cluster.jobs())
    finally:
        cluster.stop()
    attempts = [path.stat().st_size for path in (folder / "attempts").iterdir()]
    steps = re.findall(r"(\d+) of (\d+) steps \(100%\) done", text)
    return {
        "configuration": yaml.safe_load(configuration.read_text())["dataset"],
        "seconds": seconds,
        "jobs": len(attempts),
        "steps": int(steps[-1][1]) if steps else None,
        "tried_again": sum(tries > 1 for tries in attempts),
        "slurm_jobs_by_state": dict(states),
        "snakemake_processor_seconds": usage.ru_utime + usage.ru_stime,
        "snakemake_peak_mb": usage.ru_maxrss * 1024 / 1e6,
        "node": {"cpus": CPUS, "memory_mb": MEMORY_MB, "gpus": GPUS},
    }


def main() -> None:
    """Run, print a line, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", type=Path, default=PAPER, help="configuration of the workflow")
    parser.add_argument("--failing", type=float, default=0.02, help="share of jobs that fail at their first attempt")
    parser.add_argument("--keep", type=Path, help="empty folder for what the run writes, which is kept")
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jamun-slurm-run-") as name:
        folder = (arguments.keep or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        row = {"load_before": os.getloadavg()[0]}
        row |= simulated_run(arguments.configfile.resolve(), folder, arguments.failing)
    print(
        f"{row['configuration']}: {row['jobs']} jobs, {row['tried_again']} tried again, in {row['seconds']:.0f} s; "
        f"Snakemake took {row['snakemake_processor_seconds']:.0f} s of a processor and "
        f"{row['snakemake_peak_mb']:.0f} MB; in Slurm {row['slurm_jobs_by_state']}"
    )
    if arguments.json is not None:
        machine = {"cores": psutil.cpu_count(), "memory_gb": psutil.virtual_memory().total / 1e9}
        versions = provenance("snakemake", "snakemake-executor-plugin-slurm")
        write_json(arguments.json, {"machine": machine, "run": row, "provenance": versions})


if __name__ == "__main__":
    main()
