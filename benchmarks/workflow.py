"""How long Snakemake plans a workflow, and in how much memory: a dry run of `all`, from nothing to the list of jobs.

    python benchmarks/workflow.py --json benchmarks/results/workflow.json      # the paper's set, and 5,000 peptides
    python benchmarks/workflow.py --peptides 1000 2000                         # generated sets of other sizes

Generated sets are different tetrapeptides, split as the paper's are, with the paper's settings otherwise. Seconds on
the clock count what others do on the machine; those of the processor do not.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from jamun.config import read
from jamun.io.atomic import write_json
from jamun.io.provenance import provenance
from jamun.peptides.sequences import THREE_LETTER

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "configs" / "paper.yaml"
# Peptides of the paper's splits.
SPLITS = {"train": 200, "validation": 80, "test": 100}


def generated(peptides: int, folder: Path) -> Path:
    """A configuration of `peptides` different tetrapeptides, drawn with a fixed seed, in `folder`."""
    every = ["".join(letters) for letters in itertools.product(sorted(THREE_LETTER), repeat=4)]
    (folder / "pool.csv").write_text("\n".join(["sequence", *random.Random(0).sample(every, peptides)]) + "\n")
    counts = {split: peptides * count // sum(SPLITS.values()) for split, count in SPLITS.items()}
    counts["train"] += peptides - sum(counts.values())
    settings = read(PAPER) | {"dataset": "generated", "peptides": {"pool": "pool.csv", **counts}}
    path = folder / "generated.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def dry_run(configuration: Path, folder: Path) -> dict[str, Any]:
    """Seconds, peak memory and jobs of `snakemake -n all` in `folder`.

    Raises RuntimeError with the end of its output where it fails.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-n", "--quiet", "rules"]
    command += ["--directory", str(folder), "--configfile", str(configuration), "--", "all"]
    output = folder / "output.txt"
    begun = time.perf_counter()
    with output.open("w") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=folder)
        _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    text = output.read_text()
    if status != 0:
        raise RuntimeError(f"{configuration}: snakemake failed: {text[-2000:]}")
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal +(\d+)\n", text, re.DOTALL)
    if table is None:
        raise RuntimeError(f"{configuration}: no table of jobs in Snakemake's output: {text[-2000:]}")
    return {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        # In kB on Linux.
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
        "jobs": int(table.group(2)),
        "jobs_by_rule": {rule: int(count) for rule, count in map(str.split, table.group(1).splitlines())},
    }


def main() -> None:
    """Measure, print a table, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peptides", type=int, nargs="*", default=[5000], help="sizes of generated sets")
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    rows = []
    for size in [None, *arguments.peptides]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "configs").mkdir()
            table = PAPER.with_name("paper_test_peptides.csv")
            (folder / "configs" / table.name).write_bytes(table.read_bytes())
            busy = os.getloadavg()[0]
            configuration = PAPER if size is None else generated(size, folder)
            row = {"peptides": size or sum(SPLITS.values()), **dry_run(configuration, folder)}
            row |= {"configuration": "paper" if size is None else "generated", "load_before": busy}
        print(
            f"{row['configuration']}, {row['peptides']} peptides: {row['jobs']} jobs in {row['seconds']:.1f} s "
            f"({row['processor_seconds']:.1f} s of the processor), {row['peak_mb']:.0f} MB",
            flush=True,
        )
        rows.append(row)
    if arguments.json is not None:
        machine = {"cores": psutil.cpu_count(), "memory_gb": psutil.virtual_memory().total / 1e9}
        write_json(
            arguments.json,
            {"machine": machine, "dry_runs": rows, "provenance": provenance("snakemake", "pydantic")},
        )


if __name__ == "__main__":
    main()
