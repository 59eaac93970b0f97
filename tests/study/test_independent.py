"""Curves against MD that neither ensemble contains, recomputed with SciPy."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from study_inputs import SETTINGS, TORSIONS, angles

from jamun.evaluation.comparison import independent_convergence
from jamun.evaluation.pair import Clock, Ensemble
from jamun.evaluation.runs import replica_of_frames
from jamun.evaluation.torsion_histograms import Binning
from jamun.peptides.torsions import phi_psi_pairs

BINNING = Binning(TORSIONS, np.array(phi_psi_pairs(TORSIONS)), 100, 50)
BACKBONE = [column for column, torsion in enumerate(TORSIONS) if torsion.group == "backbone"]


def curves(md, bounds, drawn):
    reference = Ensemble(TORSIONS, md, replica_of_frames(bounds), Clock(None, 0.01))
    samples = Ensemble(TORSIONS, drawn, np.zeros(len(drawn), int), Clock(3.0, 3.0 / len(drawn)))
    return independent_convergence(BINNING, reference, samples, 6)


def by_scipy(first, second):
    """Mean over backbone torsions of the JS distance of two sets of angles."""

    def counts(found, column):
        return np.histogram(found[:, column], np.linspace(-np.pi, np.pi, 101))[0]

    return np.mean([jensenshannon(counts(first, column), counts(second, column)) for column in BACKBONE])


def test_curves_are_those_of_scipy():
    md, drawn = angles(1000, 1), angles(700, 2, shares=(0.3, 0.3, 0.4))
    found = curves(md, [0, 400, 1000], drawn)
    one, two = md[:400], md[400:]
    frames = found["md"]["frames"]
    assert frames[-1] == 400
    assert found["samples"]["frames"][-1] == 700
    for place in (0, 3, -1):
        n = frames[place]
        expected = (by_scipy(one[:n], two) + by_scipy(two[:n], one)) / 2
        assert found["md"]["backbone"][place] == pytest.approx(expected, abs=1e-12)
        n = found["samples"]["frames"][place]
        expected = (by_scipy(drawn[:n], two) + by_scipy(drawn[:n], one)) / 2
        assert found["samples"]["backbone"][place] == pytest.approx(expected, abs=1e-12)
    assert found["md"]["seconds"] == pytest.approx([0.01 * n for n in frames])
    assert found["samples"]["seconds"][-1] == pytest.approx(3.0)


def test_two_draws_of_one_distribution_end_at_the_floor_and_not_at_0():
    found = curves(angles(20000, 1), [0, 10000, 20000], angles(10000, 2))
    md, samples = found["md"]["all"], found["samples"]["all"]
    assert md[0] > 4 * md[-1] > 0
    # Both are of 10,000 frames against 10,000 others; what differs is noise.
    assert samples[-1] == pytest.approx(md[-1], rel=0.1)
    wrong = curves(angles(20000, 1), [0, 10000, 20000], angles(10000, 2, shares=(0.1, 0.3, 0.6)))
    assert wrong["samples"]["all"][-1] > 5 * md[-1]
    assert wrong["md"] == found["md"]


def test_three_replicas_take_turns():
    md = angles(900, 3)
    found = curves(md, [0, 300, 600, 900], angles(500, 4))
    parts = [md[:300], md[300:600], md[600:]]
    expected = np.mean([by_scipy(parts[k], np.concatenate([parts[k - 1], parts[k - 2]])) for k in range(3)])
    assert found["replicas"] == 3
    assert found["md"]["backbone"][-1] == pytest.approx(expected, abs=1e-12)


def test_one_replica_has_none_and_says_why():
    found = curves(angles(300, 1), [0, 300], angles(300, 2))
    assert found == {"replicas": 0, "reason": "the MD has one replica", "samples": None, "md": None}


def test_a_comparison_has_them():
    from study_inputs import compared

    (two, _), _ = compared((0.6, 0.3, 0.1), False, 2, 0)
    assert two["convergence_independent"]["md"]["backbone"][-1] == pytest.approx(
        two["baselines"]["md_replicas"]["backbone"]["value"]
    )
    assert two["convergence"]["md"]["backbone"][-1] == 0
    assert len(two["convergence_independent"]["md"]["frames"]) == SETTINGS.convergence_points
    (one, _), _ = compared((0.6, 0.3, 0.1), False, 1, 0)
    assert one["convergence_independent"]["md"] is None
