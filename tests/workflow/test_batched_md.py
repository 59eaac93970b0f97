"""Peptides simulated as one system by the workflow: one job, files as ever, samples held against one by itself."""

import json

import pytest

pytestmark = pytest.mark.workflow


def test_one_job_simulates_all_peptides(workflow_in):
    """From sequences to a comparison of the test peptide; what is there is not simulated again, and a longer
    production extends it."""
    batched = {"batched": True, "replicas": 2, "starts": ["alpha", "beta"], "production": "4 ps"}
    small = workflow_in("tests/workflow/small.yaml").with_changes(
        simulate=batched, splits={"test": {"simulate": {"replicas": 3}}}, sampling={"samples": 60}
    )
    compared = "results/small/evaluation/default/AV.json"
    small.run("--cores", "2", compared)
    results = small.folder / "results" / "small"
    replicas = {name: json.loads((results / "md" / name / "md.json").read_text()) for name in ("AA", "GS", "SA", "AV")}
    assert {name: len(record["boundaries"]) - 1 for name, record in replicas.items()} == {
        "AA": 2, "GS": 2, "SA": 2, "AV": 3,
    }  # fmt: skip
    assert {record["batched"] for record in replicas.values()} == {9}
    assert (small.folder / "logs" / "small" / "simulate" / "batch_1.log").is_file()
    alone = json.loads((results / "md" / "AV" / "benchmark_single.json").read_text())
    result = json.loads((small.folder / compared).read_text())
    assert result["reference"]["seconds"] == pytest.approx(alone["production"]["seconds"])
    assert result["reference"]["replicas"] == 3
    assert not small.planned(compared)
    # As users do: the same command with a longer production.
    longer = small.with_changes(simulate={"production": "5 ps"})
    target = "results/small/md/AV/md.json"
    assert longer.planned(target) == {"simulate_batch_1": 1}
    before = (results / "md" / "AA" / "trajectory.xtc").read_bytes()
    longer.run("--cores", "2", target)
    after = (results / "md" / "AA" / "trajectory.xtc").read_bytes()
    assert len(after) > len(before)
    quarter = len(before) // 4  # frames of the first replica, which come first in both
    assert after[:quarter] == before[:quarter]
    assert json.loads((results / "md" / "AV" / "md.json").read_text())["boundaries"] == [0, 125, 250, 375]
