"""What the study asks of each metric, means over peptides with their intervals, and the numbers of the literature."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

MET, MISSED, NO_VALUE = "met", "missed", "no value"


@dataclass(frozen=True)
class Mean:
    """A mean over `count` peptides with its 95 % interval; None where there is none, as for a single peptide."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def _known(values: Iterable[float | None]) -> np.ndarray:
    numbers = np.array([np.nan if value is None else float(value) for value in values], dtype=float)
    return numbers[np.isfinite(numbers)]


def mean(values: Iterable[float | None], geometric: bool = False, least: float = -np.inf, most: float = np.inf) -> Mean:
    """Mean of the numbers that there are, and value +- t s / sqrt(n) with Student's t of n - 1 degrees of freedom, cut
    at `least` and `most`. A geometric mean and its interval are those of the logarithms of the positive numbers."""
    numbers = _known(values)
    if geometric:
        numbers = np.log(numbers[numbers > 0])
    count = len(numbers)
    if not count:
        return Mean(None, None, None, 0)
    ends = [float(numbers.mean())]
    if count > 1:
        error = float(student.ppf(0.975, count - 1) * numbers.std(ddof=1) / np.sqrt(count))
        ends += [ends[0] - error, ends[0] + error]
    value, *ends = map(math.exp, ends) if geometric else ends
    low, high = (float(np.clip(end, least, most)) for end in ends) if ends else (None, None)
    return Mean(value, low, high, count)


def median(values: Iterable[float | None]) -> float | None:
    """The median of the numbers that there are."""
    numbers = _known(values)
    return float(np.median(numbers)) if len(numbers) else None


def difference(first: dict[str, float | None], second: dict[str, float | None]) -> Mean:
    """The mean of first minus second over the peptides (keys) that both have a number for, with its interval."""
    return mean(first[key] - second[key] for key in first if first[key] is not None and second.get(key) is not None)


@dataclass(frozen=True)
class Target:
    """What the study asks of one metric.

    key: column of the summary
    name: how the page calls it
    kind: kind of number, as evaluation's tables write it
    side: <=, < or >=, the side of `value` that meets the target
    value: the target; None of a metric without one
    geometric: of factors, whose logarithms are what scatters evenly
    """

    key: str
    name: str
    kind: str = "distance"
    side: str = ""
    value: float | None = None
    geometric: bool = False

    def over(self, values: Iterable[float | None]) -> Mean:
        """The mean over peptides with its interval."""
        most = {"share": 1.0, "distance": math.sqrt(math.log(2))}.get(self.kind, math.inf)
        return mean(values, self.geometric, 0.0, most)

    def meets(self, value: float) -> bool:
        """Whether a number is on the right side of the target."""
        return {"<=": value <= self.value, "<": value < self.value, ">=": value >= self.value}[self.side]

    def verdict(self, found: Mean) -> Verdict | None:
        """Whether a mean meets the target; None of a metric without one."""
        if self.value is None:
            return None
        if found.value is None:
            return Verdict(NO_VALUE, None, None)
        met = self.meets(found.value)
        sure = None if found.low is None else self.meets(found.low) == self.meets(found.high) == met
        return Verdict(MET if met else MISSED, abs(found.value - self.value), sure)


@dataclass(frozen=True)
class Verdict:
    """`word` is met, missed or no value; `by` the distance of the mean from the target; `sure` whether the whole
    interval is on the same side, None without an interval."""

    word: str
    by: float | None
    sure: bool | None


SPEED_UP = Target("speed_up_same_cores", "speed-up in ESS a second, same cores", "factor", ">=", 10.0, True)
TARGETS = (
    Target("js_backbone", "JS, backbone torsions", "distance", "<=", 0.15),
    Target("js_side_chain", "JS, side-chain torsions"),
    Target("js_all", "JS, all torsions", "distance", "<=", 0.20),
    Target("js_tica_0", "JS, TICA-0"),
    Target("js_tica_0_1", "JS, TICA-0,1"),
    Target("js_msm", "JS, MSM macrostates", "distance", "<=", 0.15),
    Target("basin_coverage", "basins visited", "share", ">=", 0.95),
    Target("inverted", "samples with a wrong chirality", "share", "<", 0.001),
    Target("bond_outlier", "samples with a bond outlier", "share", "<", 0.01),
    SPEED_UP,
    Target("ms_per_sample", "ms a sample", "number"),
)
# What a study asks otherwise, by its dataset. Halves of the explicit MD are 0.29 apart in macrostates, and that MD was
# imported, so that a speed-up has no measured wall clock behind it.
_OTHERWISE: dict[str, dict[str, float | None]] = {
    "explicit": {"js_all": 0.18, "js_msm": 0.18, SPEED_UP.key: None},
}


def targets_of(dataset: str) -> tuple[Target, ...]:
    """What the study of a dataset asks of each metric; a metric without a number is told and not judged."""
    otherwise = _OTHERWISE.get(dataset, {})
    return tuple(replace(target, value=otherwise.get(target.key, target.value)) for target in TARGETS)


# Numbers of the literature, by the columns of the summary: the only ones here that are typed by hand.
# Daigavane et al., arXiv:2410.14621, second version, capped dipeptides; the time a sample on one A100.
LITERATURE = {
    "JAMUN v2": {
        "js_backbone": 0.291,
        "js_side_chain": 0.320,
        "js_all": 0.304,
        "js_tica_0": 0.351,
        "js_tica_0_1": 0.438,
        "js_msm": 0.264,
        "ms_per_sample": 2.2,
    },
    "MD cut to a tenth": {
        "js_backbone": 0.447,
        "js_side_chain": 0.406,
        "js_all": 0.424,
        "js_tica_0": 0.557,
        "js_tica_0_1": 0.564,
        "js_msm": 0.543,
    },
}
