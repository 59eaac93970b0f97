"""The page on longer chains is of its files, and the card of its model of the model."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

from jamun.io.shipped import shipped_model
from jamun.model.checkpoint import load_denoiser

ROOT = Path(__file__).parents[2]
STUDY = runpy.run_path(str(ROOT / "studies" / "longer_chains" / "__main__.py"))


def test_the_table_is_that_of_the_summary():
    summary = pd.read_csv(ROOT / "studies" / "longer_chains" / "summary.csv")
    assert STUDY["table"](summary) in (ROOT / "docs" / "longer_chains.md").read_text()


def test_rows_are_means_by_length():
    columns = {key: [0.1, 0.3, 0.5] for key in STUDY["FAULTS"]} | {"samples": [600, 600, 100]}
    summary = pd.DataFrame({"model": ["one"] * 3, "peptide": ["AAAA", "H-GA(D)LG-OH", "AAAAA"], **columns})
    found = STUDY["rows"](summary)
    assert [row[:5] for row in found] == [["one", "4", "2", "1,200", "20.0%"], ["one", "5", "1", "100", "50.0%"]]


def test_the_card_is_of_the_model():
    model = shipped_model("chains")
    entries = {entry["metric"]: entry["mean"] for entry in model.card["metrics"]["entries"]}
    summary = pd.read_csv(ROOT / "studies" / "longer_chains" / "summary.csv")
    own = summary[summary["model"] == STUDY["MODEL"]]
    assert entries["broken"] == pytest.approx(own["broken"].mean(), rel=1e-4)
    assert load_denoiser(model.weights).trained_on.lengths == (1, 2, 3, 4, 5)
    assert model.card["trained_on"]["lengths"] == [1, 2, 3, 4, 5]
