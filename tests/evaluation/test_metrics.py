"""Metrics: each is declared once, lies where it says, and a new one is in every table by its declaration alone."""

import pytest
from ablation_inputs import estimate, made

from jamun.commands import evaluate
from jamun.evaluation import metrics
from jamun.evaluation.ablation import ablation_table
from jamun.evaluation.metrics import ABLATION, COMMAND, METRICS, SUMMARY, Metric, read_result
from jamun.evaluation.summary import summarize
from jamun.evaluation.tables import make_tables
from jamun.io.atomic import write_json
from jamun.io.log import UserError

NEW = Metric(
    "twisted",
    "twisted rings",
    "",
    "share",
    ("physicality", "raw", "shares", "twisted"),
    shown=(SUMMARY, ABLATION, COMMAND),
)


def test_keys_are_unique_and_each_is_shown():
    keys = [metric.key for metric in METRICS]
    assert len(set(keys)) == len(keys)
    assert all(metric.shown for metric in METRICS)


def test_a_new_metric_is_in_every_table_by_its_declaration(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, NEW))
    sampled = [made("plain"), made("other", friction=0.1)]
    for one in sampled:
        one.others["physicality"]["raw"]["shares"]["twisted"] = estimate(0.04) | {"md_halves": [0.01, 0.03]}
    comparison = sampled[0].comparison | {"reference": {"frames": 10}, "notes": []}
    comparison["samples"] = {"frames": 500, "seconds": 2.0}
    table = summarize([(comparison, {"physicality": sampled[0].others["physicality"]})])
    assert table["twisted"].tolist() == [0.04, 0.04]
    assert table["twisted_high"][0] == pytest.approx(0.044)
    titled = {column.name for made_table in make_tables(table) for column in made_table.columns}
    assert "twisted rings" in titled
    assert ablation_table(sampled)["twisted"].tolist() == [0.04] * 4
    number = evaluate.main_number(NEW, {"physicality": sampled[0].others["physicality"]})
    assert (number.metric, number.value) == ("twisted rings (%)", pytest.approx(4.0))
    assert number.md_halves == pytest.approx(2.0)
    assert NEW in metrics.metrics_of(COMMAND)


def test_results_of_an_earlier_version_say_what_to_do(tmp_path):
    """Their shares have other names: a summary would have no number without a word."""
    path = tmp_path / "AV.json"
    write_json(path, {"raw": {"shares": {"bond_outlier": estimate(0.1)}}, "samples": {"flags": {"broken": 3}}})
    assert read_result(path)["samples"]["flags"] == {"broken": 3}
    write_json(path, {"raw": {"shares": {"broken": estimate(0.1)}}})
    with pytest.raises(UserError, match=r"AV\.json: .*which called bond_outlier broken; delete it"):
        read_result(path)
