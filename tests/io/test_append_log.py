"""Files that only grow: what was appended counts from when a state is saved with its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from jamun.io.append_log import AppendLog


@pytest.fixture
def log(tmp_path: Path) -> AppendLog:
    return AppendLog(tmp_path, ("a", "b"))


def test_what_no_state_counts_on_is_cut_off(log: AppendLog) -> None:
    sizes = log.append(log.nothing(), {"a": b"one", "b": b"1"})
    assert sizes == {"a": 3, "b": 1}
    lost = log.append(sizes, {"a": b" lost"})
    assert lost == {"a": 8, "b": 1}
    again = log.append(sizes, {"a": b" two", "b": b"2"})
    assert (log.folder / "a").read_bytes() == b"one two"
    assert (log.folder / "b").read_bytes() == b"12"
    log.append(again, {"a": b" three"})
    log.trim(again)
    assert (log.folder / "a").read_bytes() == b"one two"


def test_missing_and_short_files_are_told(log: AppendLog) -> None:
    assert log.cut_short(log.nothing()) == []
    sizes = log.append(log.nothing(), {"a": b"one", "b": b"1"})
    assert log.cut_short(sizes) == []
    (log.folder / "a").write_bytes(b"on")
    (log.folder / "b").unlink()
    assert log.cut_short(sizes) == ["a", "b"]
    log.clear()
    log.clear()
    assert not list(log.folder.iterdir())


def test_a_second_name_of_a_file_keeps_its_content(log: AppendLog, tmp_path: Path) -> None:
    sizes = log.append(log.nothing(), {"a": b"one"})
    (tmp_path / "published").hardlink_to(log.folder / "a")
    log.append(sizes, {"a": b" two"})
    assert (tmp_path / "published").read_bytes() == b"one"
    assert (log.folder / "a").read_bytes() == b"one two"
