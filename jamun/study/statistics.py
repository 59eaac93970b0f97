"""Means over peptides with their intervals, and differences of two models on the same peptides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


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
    at `least` and `most`. A geometric mean and its interval are those of the logarithms; it is of positive numbers."""
    numbers = _known(values)
    if geometric:
        numbers = np.log(numbers[numbers > 0])
    count = len(numbers)
    if not count:
        return Mean(None, None, None, 0)
    centre = float(numbers.mean())
    ends = [None, None]
    if count > 1:
        error = float(student.ppf(0.975, count - 1) * numbers.std(ddof=1) / np.sqrt(count))
        ends = [centre - error, centre + error]
    found = [None if number is None else float(np.exp(number)) if geometric else number for number in (centre, *ends)]
    cut = [None if number is None else float(np.clip(number, least, most)) for number in found[1:]]
    return Mean(found[0], *cut, count)


def median(values: Iterable[float | None]) -> float | None:
    """The median of the numbers that there are."""
    numbers = _known(values)
    return float(np.median(numbers)) if len(numbers) else None


def difference(first: dict[str, float | None], second: dict[str, float | None]) -> Mean:
    """The mean of first minus second over the peptides (keys) that both have a number for, with its interval."""
    return mean(first[key] - second[key] for key in first if first[key] is not None and second.get(key) is not None)
