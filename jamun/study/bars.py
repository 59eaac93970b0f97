"""What the study must show: each metric with its bar, and whether the mean over peptides meets it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamun.study.statistics import Mean, mean

MET, MISSED, NO_VALUE = "met", "missed", "no value"


@dataclass(frozen=True)
class Bar:
    """A metric: its column, name, kind of number (evaluation's), and its bar, if any, with the side that meets it."""

    key: str
    name: str
    kind: str = "distance"
    side: str = ""
    bar: float | None = None
    # Of factors, whose logarithms are what scatters evenly.
    geometric: bool = False

    def over(self, values) -> Mean:
        """The mean over peptides with its interval."""
        most = {"share": 1.0, "distance": float(np.sqrt(np.log(2)))}.get(self.kind, np.inf)
        return mean(values, self.geometric, 0.0, most)

    def meets(self, value: float) -> bool:
        """Whether a number is on the right side of the bar."""
        return {"<=": value <= self.bar, "<": value < self.bar, ">=": value >= self.bar}[self.side]


@dataclass(frozen=True)
class Verdict:
    """`word` is met, missed or no value; `by` the distance of the mean from the bar; `sure` whether the whole interval
    is on the same side, None without an interval."""

    word: str
    by: float | None
    sure: bool | None


SPEED_UP = Bar("speed_up_same_cores", "speed-up in ESS a second, same cores", "factor", ">=", 10.0, True)
BARS = (
    Bar("js_backbone", "JS, backbone torsions", "distance", "<=", 0.15),
    Bar("js_side_chain", "JS, side-chain torsions"),
    Bar("js_all", "JS, all torsions", "distance", "<=", 0.20),
    Bar("js_tica_0", "JS, TICA-0"),
    Bar("js_tica_0_1", "JS, TICA-0,1"),
    Bar("js_msm", "JS, MSM macrostates", "distance", "<=", 0.15),
    Bar("basin_coverage", "basins visited", "share", ">=", 0.95),
    Bar("inverted", "samples with a wrong chirality", "share", "<", 0.001),
    Bar("broken", "samples with a broken topology", "share", "<", 0.01),
    SPEED_UP,
    Bar("ms_per_sample", "ms a sample", "number"),
)


def verdict(bar: Bar, found: Mean) -> Verdict | None:
    """Whether a mean meets its bar; None of a metric without one."""
    if bar.bar is None:
        return None
    if found.value is None:
        return Verdict(NO_VALUE, None, None)
    met = bar.meets(found.value)
    sure = None if found.low is None else bar.meets(found.low) == bar.meets(found.high) == met
    return Verdict(MET if met else MISSED, abs(found.value - bar.bar), sure)
