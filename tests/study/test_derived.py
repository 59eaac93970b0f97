"""What is computed of evaluation's arrays."""

import numpy as np
import pytest
from collect import macrostate_self_distance, mirror_rows
from scipy.spatial.distance import jensenshannon


def result(maps):
    record = {"model": "m", "peptide": "AW", "ramachandran": [{"residue": 1, "residue_name": "ALA"}] * len(maps)}
    return record, {"ramachandran_reference": maps, "ramachandran_samples": maps + maps[:, ::-1, ::-1]}


def test_a_symmetric_map_is_its_own_mirror_image():
    maps = np.random.default_rng(0).integers(1, 50, (2, 10, 10))
    maps[:, 5:] = 1
    rows = mirror_rows(*result(maps))
    for row, counts in zip(rows, maps, strict=True):
        mirror = counts[::-1, ::-1]
        assert row["js_mirror_md"] == pytest.approx(jensenshannon(counts.ravel(), mirror.ravel()))
        assert row["js_mirror_md"] > 0.3
        assert row["js_mirror_samples"] == pytest.approx(0.0, abs=1e-12)
        assert row["positive_phi_md"] == pytest.approx(counts[5:].sum() / counts.sum())
        assert row["positive_phi_samples"] == pytest.approx(0.5)


def test_how_far_the_mds_macrostates_are_from_each_other():
    states = np.array([0, 0, 0, 1, 0, 1, 1, 1, 2, 2, 2, 2])
    found = macrostate_self_distance(states, [0, 8, 12])
    assert found["md_halves"] == pytest.approx(jensenshannon([4, 2, 0], [0, 2, 4]))
    assert found["md_replicas"] == pytest.approx(np.sqrt(np.log(2)))
    assert macrostate_self_distance(states, [0, 12])["md_replicas"] is None
    # Ten replicas, each of one state of two, are five parts, each with as much of both.
    assert macrostate_self_distance(np.tile([0, 0, 1, 1], 5), list(range(0, 21, 2)))["md_replicas"] == 0.0
    assert macrostate_self_distance(np.zeros(0, int), [0, 0]) == {"md_halves": None, "md_replicas": None}
