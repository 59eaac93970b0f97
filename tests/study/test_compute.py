"""The compute log: sums of benchmark files by rule and stage."""

import pytest
from collect import compute_log, stage_of
from collected import Collected
from study_inputs import write_benchmark
from tables import compute_stages


@pytest.fixture
def logs(tmp_path):
    write_benchmark(tmp_path / "simulate" / "AA.tsv", 3600.0, 1800.0)
    write_benchmark(tmp_path / "simulate" / "AW.tsv", 7200.0, 5400.0)
    write_benchmark(tmp_path / "sample" / "default" / "AW.tsv", 1800.0, 3600.0)
    write_benchmark(tmp_path / "compare" / "default" / "AW.tsv", 36.0, 36.0)
    write_benchmark(tmp_path / "summarize.tsv", 0.36, "-")
    (tmp_path / "simulate" / "AA.log").write_text("not a benchmark")
    return tmp_path


def test_hours_and_jobs_of_each_rule(logs):
    table = compute_log(logs).set_index("rule")
    assert table.loc["simulate", ["jobs", "wall_hours", "core_hours"]].tolist() == pytest.approx([2, 3.0, 2.0])
    assert table.loc["sample", ["jobs", "wall_hours", "core_hours"]].tolist() == pytest.approx([1, 0.5, 1.0])
    assert table.loc["summarize", ["jobs", "wall_hours", "core_hours", "unmeasured"]].tolist() == pytest.approx(
        [1, 1e-4, 0.0, 1]
    )
    assert list(table.index)[:2] == ["simulate", "sample"]


def test_stages_are_sums_of_their_rules(logs, tmp_path):
    (tmp_path / "data").mkdir()
    compute_log(logs).to_csv(tmp_path / "data" / "compute.csv", index=False)
    stages = compute_stages(Collected(tmp_path)).set_index("stage")
    assert stages.loc["evaluation", "jobs"] == 2
    assert stages.loc["evaluation", "core_hours"] == pytest.approx(0.01)
    assert stages["core_hours"].sum() == pytest.approx(3.01)


@pytest.mark.parametrize(
    ("rule", "stage"),
    [
        ("ablation_sample", "ablation"),
        ("tabulate_ablation", "ablation"),
        ("tabulate", "evaluation"),
        ("describe_dataset", "features"),
        ("describe_simulation", "evaluation"),
        ("plot_msm", "figures and report"),
        ("import_trajectory", "molecular dynamics"),
    ],
)
def test_every_rule_has_a_stage(rule, stage):
    assert stage_of(rule) == stage


def test_a_job_run_twice_counts_twice(tmp_path):
    write_benchmark(tmp_path / "train" / "default.tsv", 3600.0, 3600.0)
    path = tmp_path / "train" / "default.tsv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    assert compute_log(tmp_path).loc[0, ["jobs", "core_hours"]].tolist() == [2, 2.0]


def test_no_logs_no_rows(tmp_path):
    assert compute_log(tmp_path).empty
