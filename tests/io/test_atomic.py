"""Files are published whole or not at all."""

import os

import numpy as np
import pytest

from jamun.io.atomic import atomic_path, read_json, read_npz, write_json, write_npz
from jamun.io.disk import link_or_copy
from jamun.io.seeds import derived_seed


def test_a_failing_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"a": 1})

    def write_half():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        write_half()
    assert read_json(target) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize("left", ["half of a file", "a second name"])
def test_what_a_killed_process_of_the_same_number_left(tmp_path, left):
    source, target = tmp_path / "source.xtc", tmp_path / "target.xtc"
    source.write_text("whole")
    stale = tmp_path / f".target.{os.getpid()}.xtc"
    if left == "a second name":
        stale.hardlink_to(source)
    else:
        stale.write_text("half")
    with atomic_path(target) as temporary:
        link_or_copy(source, temporary)
    assert target.read_text() == "whole"
    stale.write_text("half")
    with atomic_path(target) as temporary, open(temporary, "x") as handle:
        handle.write("new")
    assert (target.read_text(), source.read_text()) == ("new", "whole")


def test_json_is_plain(tmp_path):
    write_json(tmp_path / "x.json", {"a": np.float32(0.5), "b": np.arange(2), "c": float("nan"), 1: tmp_path})
    assert read_json(tmp_path / "x.json") == {"a": 0.5, "b": [0, 1], "c": None, "1": str(tmp_path)}


def test_npz_round_trip_without_pickle(tmp_path):
    write_npz(tmp_path / "x.npz", {"a": np.arange(3), "names": np.array(["φ", "ψ"])})
    arrays = read_npz(tmp_path / "x.npz")
    assert arrays["a"].tolist() == [0, 1, 2]
    assert arrays["names"].tolist() == ["φ", "ψ"]
    with pytest.raises(ValueError, match="pickle"):
        write_npz(tmp_path / "y.npz", {"bad": np.array([{}], dtype=object)})


def test_seeds_depend_on_names_only():
    assert derived_seed(0, "AW") == derived_seed(0, "AW")
    seeds = {derived_seed(seed, name) for seed in range(10) for name in ("AW", "WA", "AA")}
    assert len(seeds) == 30
    assert all(1 <= seed < 2**31 for seed in seeds)
