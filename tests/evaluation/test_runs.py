"""Chains and replicas as runs in time."""

import numpy as np
import pytest

from jamun.evaluation.bootstrap import FEWEST_FRAMES
from jamun.evaluation.runs import MOST_PARTS, replica_slices


def of_lengths(*lengths: int) -> np.ndarray:
    return np.repeat(np.arange(len(lengths)), lengths)


@pytest.mark.parametrize("count", [2, MOST_PARTS])
def test_few_replicas_are_parts_of_their_own(count):
    parts, reason = replica_slices(of_lengths(*[1000] * count))
    assert reason is None
    assert parts == [slice(1000 * place, 1000 * (place + 1)) for place in range(count)]


def test_many_replicas_are_taken_together():
    """64 of 100 frames are five parts, which have all frames between them and each whole replicas."""
    parts, _ = replica_slices(of_lengths(*[100] * 64))
    assert len(parts) == MOST_PARTS
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == 6400
    assert all(part.start % 100 == 0 for part in parts)
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) - min(lengths) <= 100


def test_what_is_too_short_is_no_replica():
    parts, _ = replica_slices(of_lengths(FEWEST_FRAMES, FEWEST_FRAMES - 1, FEWEST_FRAMES))
    assert parts == [slice(0, FEWEST_FRAMES), slice(2 * FEWEST_FRAMES - 1, 3 * FEWEST_FRAMES - 1)]
    assert replica_slices(of_lengths(FEWEST_FRAMES, FEWEST_FRAMES - 1)) == (
        [],
        f"no two replicas have {FEWEST_FRAMES} frames",
    )
    assert replica_slices(of_lengths(1000)) == ([], "the MD has one replica")
