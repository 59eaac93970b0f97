"""The page on longer chains is of its files, and the card of its model of the model."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

from jamun.io.shipped import shipped_model
from jamun.model.checkpoint import load_denoiser

ROOT = Path(__file__).parents[2]
STUDY = runpy.run_path(str(ROOT / "studies" / "longer_chains"))


def test_the_table_is_that_of_the_summary():
    summary = pd.read_csv(ROOT / "studies" / "longer_chains" / "summary.csv")
    page = (ROOT / "docs" / "longer_chains.md").read_text()
    assert STUDY["table"](summary) in page
    assert STUDY["distance_table"](summary) in page


def test_rows_are_means_by_kind():
    columns = {key: [0.1, 0.3, 0.5, 0.7] for key in STUDY["FAULTS"]} | {"samples": [600, 600, 100, 50]}
    summary = pd.DataFrame({"model": ["one"] * 4, "peptide": ["AAAA", "GALG", "GA(D)LG", "H-AAAAA-OH"], **columns})
    assert [row[1:5] for row in STUDY["rows"](summary)] == [
        ["4", "2", "1,200", "20.0%"],
        ["of both hands", "1", "100", "50.0%"],
        ["without caps", "1", "50", "70.0%"],
    ]


def test_distances_are_means_by_kind():
    columns = {f"js_{group}{end}": [0.1, 0.2, 0.4] for group in STUDY["DISTANCES"] for end in ("", "_md_halves")}
    summary = pd.DataFrame({"model": [STUDY["MODEL"]] * 3, "peptide": ["AAAA", "GALG", "AAAAA"], **columns})
    assert STUDY["distance_table"](summary).splitlines()[2:] == [
        "| 4 | 2 | 0.150 | 0.150 | 0.150 | 0.150 |",
        "| 5 | 1 | 0.400 | 0.400 | 0.400 | 0.400 |",
    ]


def test_the_card_is_of_the_model():
    model = shipped_model("chains")
    entries = {entry["metric"]: entry["mean"] for entry in model.card["metrics"]["entries"]}
    summary = pd.read_csv(ROOT / "studies" / "longer_chains" / "summary.csv")
    own = summary[summary["model"] == STUDY["MODEL"]]
    assert entries["broken"] == pytest.approx(own["broken"].mean(), rel=1e-4)
    assert load_denoiser(model.weights).trained_on.lengths == (1, 2, 3, 4, 5)
    assert model.card["trained_on"]["lengths"] == [1, 2, 3, 4, 5]
