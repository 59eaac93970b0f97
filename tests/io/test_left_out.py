"""Imports without a package that they load and nothing uses."""

import importlib
import subprocess
import sys

import pytest

from jamun.io.imports import without


def test_a_package_is_left_out_inside_and_found_after(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError, match="colorsys is left out"):
        importlib.import_module("colorsys")
    loaded = importlib.import_module("colorsys")
    with without("colorsys"):
        assert importlib.import_module("colorsys") is loaded


def test_deeptime_works_without_pytorch():
    """In a process of its own, as a job is: this one may have PyTorch loaded."""
    script = """
import sys
import numpy as np
from jamun.io.imports import without
with without("torch"):
    from jamun.evaluation.tica import fit_tica
assert "torch" not in sys.modules
found = fit_tica([np.cumsum(np.random.default_rng(1).normal(size=(500, 2)), 0)], 5)
assert 0 < found.eigenvalues[0] < 1
"""
    subprocess.run([sys.executable, "-c", script], check=True)
