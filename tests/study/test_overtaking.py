"""When MD overtakes: curves whose crossing is known, and curves that never cross."""

import numpy as np
import pytest
from overtaking import AT_ONCE, NEVER, curve, overtaking

TIMES = np.geomspace(1.0, 1000.0, 13)


def flat(value, first=1.0, last=1000.0):
    return np.array([first, last]), np.array([value, value])


def falling(times=TIMES, scale=1.0):
    """1 / log10-linear: 0.6 at 1 s, 0 at 1000 s."""
    return times, scale * 0.2 * (3.0 - np.log10(times))


def test_the_crossing_of_lines_in_the_logarithm_is_exact():
    assert overtaking(flat(0.3), falling()).seconds == pytest.approx(10**1.5)
    # The MD's two ends alone, so that its value at the model's points is interpolated.
    ends = np.array([1.0, 1000.0]), np.array([0.6, 0.0])
    dense = np.geomspace(1.0, 1000.0, 9), np.full(9, 0.3)
    assert overtaking(dense, ends).seconds == pytest.approx(10**1.5)
    # 0.2 (3 - x) = 0.3 - 0.04 x, both linear in x = log10 t, on grids that share no point.
    model = np.geomspace(1.0, 1000.0, 8), 0.3 - 0.04 * np.log10(np.geomspace(1.0, 1000.0, 8))
    assert overtaking(model, falling()).seconds == pytest.approx(10 ** (0.3 / 0.16))


def test_after_its_end_the_model_stays_as_it_is():
    assert overtaking(flat(0.3, last=2.0), falling()).seconds == pytest.approx(10**1.5)


def test_only_the_last_crossing_counts():
    md = np.array([1.0, 10.0, 100.0, 1000.0]), np.array([0.2, 0.4, 0.2, 0.2])
    found = overtaking(flat(0.3), md)
    assert found.seconds == pytest.approx(10**1.5)
    assert found.reason is None


def test_what_never_crosses_says_so():
    never = overtaking(flat(0.3), falling(TIMES[:5]))
    assert (never.seconds, never.reason, never.last) == (None, NEVER, TIMES[4])
    assert overtaking(flat(0.7), falling()).reason == AT_ONCE
    # Touching is not overtaking: MD must be below.
    assert overtaking(flat(0.3), flat(0.3)).reason == NEVER


def test_curves_without_a_time_in_common_or_without_points():
    assert "ends before" in overtaking(flat(0.3, first=2000.0, last=3000.0), falling()).reason
    empty = np.empty(0), np.empty(0)
    assert overtaking(empty, falling()).seconds is None
    assert "not recorded" in overtaking(falling(), empty).reason


def test_the_curve_has_the_points_that_have_both():
    convergence = {"frames": [1, 2, 3, 4], "seconds": [1.0, 2.0, None, 4.0], "all": [0.4, None, 0.2, 0.1]}
    seconds, js = curve(convergence, "all", 0.5)
    assert seconds.tolist() == [0.5, 2.0]
    assert js.tolist() == [0.4, 0.1]
    assert len(curve(None, "all")[0]) == 0
