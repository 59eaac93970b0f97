"""How fast explicit-water MD runs on this machine, from the record of benchmarks/simulation.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jamun.config import load
from jamun.io.atomic import read_json

# Configurations by the first word of the benchmark's cases.
_CONFIGURATIONS = {"demo": "config.yaml", "paper": "configs/paper.yaml"}


def water_rates(benchmark: Path, root: Path) -> dict[str, Any]:
    """Measured rates, ns a day on all threads of the benchmark: `cases`, of the configurations below `root`, and
    `fastest`, with simulations side by side where that was faster.

    A case's record has steps a second; a step's length is its configuration's.
    """
    record = read_json(benchmark)
    cases = []
    for row in record.get("overhead", []):
        name = row["case"].split()[0]
        if name not in _CONFIGURATIONS:
            continue
        settings = load(root / _CONFIGURATIONS[name]).simulate
        if settings.solvent != "explicit":
            continue
        steps = row["bare_steps_a_second"] * row["share_of_bare"]
        cases.append(
            {
                "case": name,
                "particles": row["particles"],
                "platform": row["platform"],
                "timestep_fs": settings.timestep,
                "ns_per_day": steps * settings.timestep * 86400e-6,
            }
        )
    rates = [case["ns_per_day"] for case in cases] + [row["ns_a_day"] for row in record.get("sharing", [])]
    return {
        "file": benchmark.relative_to(root).as_posix() if benchmark.is_relative_to(root) else benchmark.name,
        "threads": record["threads"],
        "processor": record["provenance"]["processor"],
        "cases": cases,
        "fastest": max(rates, default=None),
    }
