"""Every number that tables are made of, declared once: summary, tables, ablation and command read it from here.

A new metric is a function of arrays in its analysis, a test of it, and one entry here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.io.atomic import read_json
from jamun.io.log import UserError

# Groups of torsions, with the words for their means.
GROUP_LABELS = {
    "backbone": "backbone",
    "side_chain": "side chains",
    "all": "all torsions",
    "ramachandran": "φ, ψ pairs",
}
# Distances of the MD to itself, and of MD cut short to all of it, with the words for them.
BASELINES = {
    "md_equal_wall_clock": "MD, equal wall clock",
    "md_tenth": "MD, first tenth",
    "md_halves": "MD, half against half",
    "md_replicas": "MD, replicas",
}
# Those that samples can hardly undercut: the MD's distances to itself.
SELF_DISTANCES = ("md_halves", "md_replicas")
SUMMARY, ABLATION, COMMAND = "summary", "ablation", "command"


@dataclass(frozen=True)
class Metric:
    """One number with its interval.

    key: column of the tables in CSV.
    label: its words in tables.
    unit: "" for a pure number; else the unit of the value in the result.
    kind: how it is written: distance, share, factor or number.
    path: the analysis (compare, msm, dynamics, physicality or wasserstein), and the keys of its result that lead to the
        estimate.
    baselines: those of BASELINES that the analysis has of it, beside the samples' own.
    accepted: whether the summary has it of accepted samples too.
    shown: the tables that it is in.
    """

    key: str
    label: str
    unit: str
    kind: str
    path: tuple[str, ...]
    baselines: tuple[str, ...] = ()
    accepted: bool = False
    shown: tuple[str, ...] = (SUMMARY, COMMAND)

    @property
    def analysis(self) -> str:
        """The analysis whose result holds it."""
        return self.path[0]

    def path_of(self, baseline: str) -> tuple[str, ...]:
        """Where the same distance of pieces of the MD lies."""
        return (self.analysis, "baselines", baseline, self.path[-1])

    @property
    def path_of_accepted(self) -> tuple[str, ...]:
        """Where it lies for accepted samples."""
        keys = self.path[2:] if self.path[1] == "raw" else self.path[1:]
        return (self.analysis, "accepted", *keys)


def _share(key: str, label: str, summary: bool = True) -> Metric:
    shown = (SUMMARY, ABLATION, COMMAND) if summary else (ABLATION, COMMAND)
    return Metric(key, label, "", "share", ("physicality", "raw", "shares", key), shown=shown)


def _slow(key: str, label: str, unit: str, name: str, shown: tuple[str, ...] = (SUMMARY, COMMAND)) -> Metric:
    path = ("dynamics", "distances", name)
    return Metric(key, label, unit, "distance", path, SELF_DISTANCES, accepted=True, shown=shown)


def _published(key: str, label: str, unit: str, name: str) -> Metric:
    # Energies of bad samples have no bound: three significant figures, not three decimals.
    path = ("wasserstein", "distances", name)
    return Metric(key, label, unit, "number", path, ("md_halves",), accepted=True, shown=(SUMMARY,))


METRICS = (
    *(
        Metric(
            f"js_{group}",
            label,
            "",
            "distance",
            ("compare", "js", group),
            tuple(BASELINES),
            accepted=True,
            shown=(SUMMARY, ABLATION, COMMAND),
        )
        for group, label in GROUP_LABELS.items()
    ),
    Metric("js_msm", "MSM states", "", "distance", ("msm", "js"), accepted=True),
    _slow("js_tica_0", "JS, TICA-0", "", "tica_0"),
    _slow("js_tica_0_1", "JS, TICA-0,1", "", "tica_01"),
    _slow("w2_torsions", "W2, torsions", "rad", "torsion_w2"),
    _slow("w2_tica", "W2, TICA", "", "tica_w2", shown=(SUMMARY,)),
    Metric("speed_up", "speed-up", "", "factor", ("dynamics", "ess", "speed_up"), (), True, (SUMMARY,)),
    Metric("ess", "effective samples", "", "number", ("dynamics", "ess", "samples", "samples"), shown=(ABLATION,)),
    Metric("ess_per_second", "effective samples a second", "1/s", "number",
           ("dynamics", "ess", "samples", "per_second"), shown=(ABLATION,)),
    Metric("bonds_w1", "W1, bonds", "nm", "distance", ("physicality", "raw", "bonds", "w1"), shown=(COMMAND,)),
    Metric("angles_w1", "W1, angles", "rad", "distance", ("physicality", "raw", "angles", "w1"), shown=(COMMAND,)),
    _published("e_w2", "E-W2 (kT)", "kT", "energy_w2"),
    _published("t_w2", "T-W2 (rad)", "rad", "torus_w2"),
    _published("tica_w2", "TICA-W2", "", "tica_w2"),
    _share("bond_outlier", "bond outlier"),
    _share("inverted", "inverted"),
    _share("clash", "clash"),
    _share("physical", "physical", summary=False),
    Metric("basin_coverage", "basins visited", "", "share", ("physicality", "raw", "basins", "coverage")),
    Metric("unseen", "unseen by MD", "", "share", ("physicality", "raw", "basins", "unseen"), shown=(COMMAND,)),
)  # fmt: skip


def metrics_of(table: str, analysis: str | None = None) -> list[Metric]:
    """The metrics that a table shows, in their order; with `analysis`, those of one."""
    return [one for one in METRICS if table in one.shown and analysis in (None, one.analysis)]


def read_result(path: Path) -> dict[str, Any]:
    """A result of an analysis (JSON). Raises UserError for one of an earlier version, whose words are others."""
    result: dict[str, Any] = read_json(path)
    if "broken" in result.get("raw", {}).get("shares", {}):
        raise UserError(
            f"{path}: an earlier version made it, which called bond_outlier broken; delete it and run the same command "
            "again."
        )
    return result


def estimate_at(results: dict[str, dict[str, Any] | None], path: tuple[str, ...]) -> dict[str, Any]:
    """The estimate at a path into results by analysis; empty where there is no result, or no number in it."""
    found: Any = results
    for part in path:
        found = (found or {}).get(part)
    return found or {}


def mean_of_pieces(own: list[float | None] | float | None) -> float | None:
    """One number of the MD's halves: the mean of a share that each has, a distance between them as it is; None where
    a half has none, since no frame in it has a weight."""
    numbers = own if isinstance(own, list) else [own]
    known = [one for one in numbers if one is not None and np.isfinite(one)]
    return float(np.mean(known)) if len(known) == len(numbers) else None


def columns(key: str, estimate: dict[str, Any]) -> dict[str, float | None]:
    """An estimate as cells of a table: its value, and the ends of its interval."""
    ends = (("", "value"), ("_low", "low"), ("_high", "high"))
    return {f"{key}{end}": estimate.get(name) for end, name in ends}
