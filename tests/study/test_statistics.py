"""Means over peptides and targets."""

import numpy as np
import pytest
from scipy.stats import t
from targets import MET, MISSED, NO_VALUE, SPEED_UP, TARGETS, difference, mean, median


def test_a_mean_has_students_interval():
    values = [0.1, 0.2, 0.4, None, float("nan")]
    found = mean(values)
    low, high = t.interval(0.95, 2, np.mean(values[:3]), np.std(values[:3], ddof=1) / np.sqrt(3))
    assert found.value == pytest.approx(np.mean(values[:3]))
    assert (found.low, found.high, found.count) == (pytest.approx(low), pytest.approx(high), 3)
    assert mean(values, least=0.0).low == 0.0
    assert (mean([0.3]).value, mean([0.3]).low) == (0.3, None)
    assert mean([None]).value is None


def test_a_mean_of_factors_is_geometric():
    found = mean([2.0, 8.0], geometric=True)
    assert found.value == pytest.approx(4.0)
    assert found.low * found.high == pytest.approx(16.0)


def test_a_difference_is_of_the_peptides_that_both_have():
    found = difference({"A": 0.3, "B": 0.5, "C": None}, {"A": 0.2, "B": 0.3, "D": 9.0})
    assert found.value == pytest.approx(0.15)
    assert found.count == 2
    assert median([3.0, None, 1.0, 2.0]) == 2.0


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("js_backbone", 0.15, 0.1501),
        ("js_all", 0.2, 0.21),
        ("js_msm", 0.15, 0.16),
        ("basin_coverage", 0.95, 0.949),
        ("inverted", 0.00099, 0.001),
        ("bond_outlier", 0.0099, 0.01),
        ("speed_up_same_cores", 10.0, 9.99),
    ],
)
def test_each_target_from_both_sides(key, inside, outside):
    target = next(target for target in TARGETS if target.key == key)
    assert target.verdict(mean([inside])).word == MET
    assert target.verdict(mean([outside])).word == MISSED
    assert target.verdict(mean([])).word == NO_VALUE


def test_a_verdict_tells_by_how_much_and_whether_it_is_sure():
    target = next(target for target in TARGETS if target.key == "js_backbone")
    found = target.verdict(mean([0.10, 0.12, 0.11]))
    assert found.by == pytest.approx(0.04)
    assert found.sure is True
    assert target.verdict(mean([0.05, 0.2])).sure is False
    assert target.verdict(mean([0.10])).sure is None
    assert SPEED_UP.over([5.0, 45.0]).value == pytest.approx(15.0)
    assert [target.key for target in TARGETS if target.value is None and target.verdict(mean([1.0]))] == []
