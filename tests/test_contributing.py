"""CONTRIBUTING.md names files and functions that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
STEPS = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\n|\Z|^[A-Z#])", TEXT, re.MULTILINE | re.DOTALL)


def paths(text):
    return [ROOT / name for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|smk|md|rst|json)|[A-Z]+\.md)`", text)]


def test_files_are_there():
    assert len(paths(TEXT)) > 30
    for path in paths(TEXT):
        assert path.exists(), path


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.split("`")[1])
def test_names_are_there(step):
    """The names that a step gives stand in one of the files that it gives."""
    names = re.findall(r"`([A-Za-z_]\w+)`", step)
    sources = "".join(path.read_text() for path in paths(step))
    for name in names:
        assert re.search(rf"\b{name}\b", sources), name


def test_steps_were_found():
    assert len(STEPS) == len(re.findall(r"^\d+\. `", TEXT, re.MULTILINE)) > 15
