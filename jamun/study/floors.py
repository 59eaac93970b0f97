"""What the MD itself has of each metric, below which no model can be told from it."""

from __future__ import annotations

import numpy as np

from jamun.study.collected import Collected
from jamun.study.statistics import mean

_FLOORS = ("md_halves", "md_replicas")


def floors_of(collected: Collected, key: str) -> dict[str, float | None]:
    """What the MD itself has of a metric, means over the test peptides: between its halves, between its replicas, and
    of a share of all MD (`md`)."""
    own = collected.own
    found: dict[str, float | None] = {}
    if key == "js_msm":
        table = collected.macrostate_floors
        return {name: mean(table[name]).value for name in _FLOORS} if table is not None else {}
    records = collected.records["physicality"].values()
    if key in ("broken", "inverted"):
        return {"md": mean(record["raw"]["shares"][key]["md"]["value"] for record in records).value}
    for name in _FLOORS:
        if key == "basin_coverage":
            pieces = [record["raw"]["basins"]["coverage"].get(name) for record in records]
            found[name] = mean(float(np.mean(part)) for part in pieces if part).value
        elif f"{key}_{name}" in own:
            found[name] = mean(own[f"{key}_{name}"]).value
    return found
