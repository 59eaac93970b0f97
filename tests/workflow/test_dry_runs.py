"""Every shipped configuration plans the jobs it should; bad ones end before any job."""

import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("configuration", "peptides", "trained", "tested"),
    [("config.yaml", 5, 4, 1), ("configs/study.yaml", 228, 220, 8), ("configs/paper.yaml", 380, 280, 100)],
)
def test_plans(workflow_in, configuration, peptides, trained, tested):
    workflow = workflow_in(configuration)
    if configuration == "configs/paper.yaml":
        (workflow.folder / "configs").mkdir()
        table = "configs/paper_test_peptides.csv"
        (workflow.folder / table).write_bytes((ROOT / table).read_bytes())
    planned = workflow.planned("all")
    assert planned["build_peptide"] == planned["simulate"] == peptides
    assert planned["featurize"] == trained + tested
    assert planned["train"] == planned["describe_dataset"] == planned["summarize"] == planned["report_html"] == 1
    for rule in ("sample", "compare", "msm", "plot_ramachandran", "plot_convergence", "plot_torsions", "plot_msm"):
        assert planned[rule] == tested
    assert planned["describe_simulation"] == planned["plot_simulation"] == tested


def test_each_target_alone(workflow_in):
    workflow = workflow_in("config.yaml")
    assert workflow.planned("peptides") == {"build_peptide": 5}
    assert workflow.planned("simulations") == {"build_peptide": 5, "simulate": 5}
    assert workflow.planned("simulation_figures") == dict.fromkeys(
        ("build_peptide", "simulate", "describe_simulation", "plot_simulation"), 5
    )
    assert workflow.planned("features") == {
        "build_peptide": 5,
        "simulate": 5,
        "featurize": 5,
        "describe_dataset": 1,
    }
    assert "sample" not in workflow.planned("models")
    assert "compare" not in workflow.planned("samples")
    assert "plot_ramachandran" not in workflow.planned("evaluate")
    assert "report_html" not in workflow.planned("figures")
    assert "report_html" in workflow.planned("report")


def test_one_figure_needs_only_its_own(workflow_in):
    planned = workflow_in("config.yaml").planned("results/capped_demo/figures/default/ramachandran/AW.png")
    assert planned["plot_ramachandran"] == planned["compare"] == planned["sample"] == planned["train"] == 1
    assert not {"msm", "plot_msm", "plot_loss", "summarize"} & set(planned)


def test_a_figure_of_md_needs_its_simulation_alone(workflow_in):
    # A peptide of training, and a model of a name that is a folder's elsewhere.
    planned = workflow_in("config.yaml").planned(
        "results/capped_demo/simulations/AA.png", "--config", "checkpoint=new.ckpt", "model=simulations"
    )
    assert planned == dict.fromkeys(("build_peptide", "simulate", "describe_simulation", "plot_simulation"), 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("dataset=../x", "dataset"),
        ("simulate={timestep: 4 nm}", "simulate.timestep"),
        ("checkpoint=new.ckpt", "model=NAME"),
        ("peptides={train: [AB]}", "B"),
    ],
)
def test_bad_configuration_ends_before_any_job(workflow_in, change, words):
    workflow = workflow_in("config.yaml")
    finished = workflow.run("--cores", "1", "all", "--config", change, check=False)
    assert finished.returncode == 1
    assert words in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (workflow.folder / "results").exists()


def test_slurm_profile_plans(workflow_in):
    finished = workflow_in("config.yaml").run("--profile", str(ROOT / "profiles" / "slurm"), "-n", "all")
    assert "simulate" in finished.stdout


def test_lint_and_format():
    for command in (
        ["-m", "snakemake", "--lint"],
        ["-m", "snakefmt", "--check", "Snakefile", "rules"],
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
    ):
        finished = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
