"""Every shipped configuration plans the jobs it should; bad ones end before any job."""

import re

import pytest
from conftest import ROOT

pytestmark = pytest.mark.workflow

# The peptides that a configuration reads from files.
LISTS = {
    "paper.yaml": ["paper_test_peptides.csv"],
    "public.yaml": ["paper_test_peptides.csv"],
    "timewarp.yaml": ["timewarp_train.csv", "timewarp_validation.csv", "paper_test_peptides.csv"],
    "chains_gpu.yaml": ["chains_gpu_pool.csv"],
    "manypeptides.yaml": [f"manypeptides_{split}.csv" for split in ("train", "validation", "test")],
}


@pytest.mark.parametrize(
    ("configuration", "peptides", "trained", "tested", "models", "brought", "ablated"),
    [
        # Of the demo's models one is plain MD.
        ("config.yaml", 8, 7, 1, 3, 2, 3),
        ("configs/implicit_cpu.yaml", 228, 220, 8, 8, 0, 4),
        ("configs/implicit.yaml", 228, 220, 8, 2, 1, 0),
        ("configs/explicit.yaml", 228, 220, 8, 2, 1, 0),
        ("configs/chains_gpu.yaml", 467, 434, 33, 3, 2, 0),
        ("configs/paper.yaml", 380, 280, 100, 1, 0, 3),
        ("configs/public.yaml", 380, 280, 100, 1, 0, 0),
        ("configs/timewarp.yaml", 380, 280, 100, 1, 0, 0),
        ("configs/manypeptides.yaml", 620, 530, 90, 1, 0, 0),
    ],
)
def test_plans(workflow_in, configuration, peptides, trained, tested, models, brought, ablated):
    workflow = workflow_in(configuration)
    tables = [f"configs/{name}" for name in LISTS.get(configuration.removeprefix("configs/"), ())]
    for table in tables:
        (workflow.folder / "configs").mkdir(exist_ok=True)
        (workflow.folder / table).write_bytes((ROOT / table).read_bytes())
    demo = configuration == "config.yaml"
    if brought and not demo:
        (workflow.folder / "models" / "implicit_cpu").mkdir(parents=True)
        (workflow.folder / "models" / "implicit_cpu" / "model.safetensors").touch()
    # The MD that comes with the program is found from any folder.
    imported = demo or configuration == "configs/explicit.yaml"
    planned = workflow.planned("all")
    assert planned["build_peptide"] == peptides
    assert planned.get("import_trajectory", 0) == imported * peptides
    batched = configuration in [
        f"configs/{name}.yaml" for name in ("implicit", "chains_gpu", "timewarp", "manypeptides")
    ]
    assert planned.get("simulate", 0) == (0 if batched or imported else peptides)
    assert planned.get("simulate_batch_1", 0) == batched
    assert planned.get("benchmark_single", 0) == batched * tested
    assert planned["featurize"] == trained + tested
    assert planned["describe_dataset"] == planned["summarize"] == planned["report_html"] == 1
    weighed = configuration in ("config.yaml", "configs/implicit_cpu.yaml", "configs/explicit.yaml")
    assert planned.get("weigh_training", 0) == weighed
    assert planned.get("weigh_reference", 0) == weighed * tested
    assert planned["train"] == planned["plot_loss"] == models - brought
    assert planned.get("import_checkpoint", 0) == brought - demo
    assert planned.get("simulate_plain_md", 0) == planned.get("import_samples", 0) == demo
    assert planned["sample"] == tested * models - demo
    for rule in ("compare", "msm", "plot_ramachandran", "plot_convergence", "plot_torsions", "plot_msm"):
        assert planned[rule] == tested * models
    for rule in ("sample", "compare", "dynamics", "physicality"):
        assert planned.get(f"ablation_{rule}", 0) == tested * ablated
    assert planned.get("tabulate_ablation", 0) == planned.get("plot_ablation", 0) == (ablated > 0)
    side_by_side = tested if models > 1 else 0
    assert planned.get("compare_models", 0) == planned.get("plot_comparison", 0) == side_by_side
    assert planned.get("plot_comparison_page", 0) == (models > 1)
    assert planned["plot_convergence_of_all"] == 1
    assert planned["describe_simulation"] == planned["plot_simulation"] == tested
    assert (
        planned.get("wasserstein", 0)
        == planned.get("plot_energies", 0)
        == (tested * models if configuration == "configs/manypeptides.yaml" else 0)
    )
    # Once, however many models and variants are compared with it.
    assert planned["md_distances"] == tested


def test_each_target_alone(workflow_in):
    workflow = workflow_in("tests/workflow/small.yaml")
    assert workflow.planned("peptides") == {"build_peptide": 4}
    assert workflow.planned("simulations") == {"build_peptide": 4, "simulate": 4}
    assert workflow.planned("simulation_figures") == dict.fromkeys(
        ("build_peptide", "simulate", "describe_simulation", "plot_simulation"), 4
    )
    assert workflow.planned("features") == {
        "build_peptide": 4,
        "simulate": 4,
        "featurize": 4,
        "describe_dataset": 1,
    }
    assert "sample" not in workflow.planned("models")
    assert "compare" not in workflow.planned("samples")
    assert "plot_ramachandran" not in workflow.planned("evaluate")
    assert set(workflow.planned("ablation")) & {"sample", "compare", "plot_summary", "tabulate_ablation"} == {
        "tabulate_ablation"
    }
    assert "report_html" not in workflow.planned("figures")
    assert "report_html" in workflow.planned("report")


def test_one_figure_needs_only_its_own(workflow_in):
    planned = workflow_in("config.yaml").planned("results/capped_demo/figures/default/ramachandran/FA.png")
    assert planned["plot_ramachandran"] == planned["compare"] == planned["sample"] == planned["train"] == 1
    assert not {"msm", "plot_msm", "plot_loss", "summarize"} & set(planned)


def test_plain_md_in_place_of_a_model_is_simulated_and_taken_in(workflow_in):
    models = {"default": {}, "md": {"simulate": {"production": "2 ps"}}}
    plain = workflow_in("tests/workflow/small.yaml").with_changes(models=models)
    planned = plain.planned("results/small/samples/md/AV/sampling.json")
    assert planned == {"build_peptide": 1, "simulate_plain_md": 1, "import_samples": 1}
    listed = plain.run("--dry-run", "--verbose", "results/small/plain_md/md/AV/md.json").stdout
    assert "Simulate AV as md: 1 x 2 ps in implicit solvent" in " ".join(listed.split())


def test_without_test_peptides_models_are_trained_and_nothing_is_evaluated(workflow_in):
    untested = workflow_in("tests/workflow/small.yaml").with_changes(peptides={"test": []})
    planned = untested.planned("all")
    assert planned["train"] == planned["plot_loss"] == 1
    assert not {"sample", "summarize", "tabulate", "plot_summary", "plot_timing", "plot_ablation", "report_html"} & set(
        planned
    )


def test_models_are_held_side_by_side_where_there_are_several(workflow_in):
    one = workflow_in("tests/workflow/small.yaml")
    models = {"default": {}, "wide": {"network": {"radial_width": 64}}}
    two = one.with_changes(models=models, ablation={"variants": {}})
    folder = "results/small/figures"
    for figure in (f"{folder}/comparison/AV.png", f"{folder}/comparison.png"):
        planned = two.planned(figure)
        assert planned["sample"] == planned["train"] == 2
        assert planned["compare_models"] == 1
        assert not {"compare", "msm", "summarize"} & set(planned)
    # Of one model, or where targets are about one of them, there is nothing to hold side by side.
    for workflow, words in ((one, ()), (two, ("--config", "model=wide"))):
        assert not [rule for rule in workflow.planned("figures", *words) if "comparison" in rule]
        refused = workflow.run("--dry-run", f"{folder}/comparison.png", *words, check=False)
        assert refused.returncode == 1
        assert f"No rule to produce {folder}/comparison.png" in refused.stdout
    assert two.planned(f"{folder}/convergence.png")["compare"] == 2


def test_peptides_of_a_batch_are_one_job(workflow_in):
    """All of them whose settings agree; the test peptides' records are those with the wall clock of one alone."""
    batched = {"solvent": "implicit", "ensemble": "NVT", "batched": True}
    batched |= {"equilibration": [], "production": "12 ps", "timestep": "2 fs", "frame_interval": "0.04 ps"}
    workflow = workflow_in("tests/workflow/small.yaml")
    one = workflow.with_changes(simulate=batched, splits={"test": {"simulate": {"replicas": 4}}})
    planned = one.planned("evaluate")
    assert (planned["simulate_batch_1"], planned["benchmark_single"]) == (1, 1)
    assert "simulate" not in planned
    listed = one.run("--dry-run", "--verbose", "results/small/evaluation/default/AV.json").stdout
    assert "results/small/md/AV/benchmark_single.json" in listed
    # Other settings are a system of their own; where it is off, a job a peptide as ever, and its own wall clock.
    for test, jobs in (({"friction": "2 1/ps"}, {"simulate_batch_2": 1}), ({"batched": False}, {"simulate": 1})):
        planned = workflow.with_changes(simulate=batched, splits={"test": {"simulate": test}}).planned("evaluate")
        assert planned["simulate_batch_1"] == 1
        assert {rule: count for rule, count in planned.items() if rule in jobs} == jobs
        assert planned.get("benchmark_single", 0) == ("simulate_batch_2" in jobs)


def test_a_model_on_the_first_training_peptides(workflow_in):
    target = "results/small/models/few/checkpoint.ckpt"
    workflow = workflow_in("tests/workflow/small.yaml")
    few = workflow.with_changes(models={"default": {}, "few": {"training": {"peptides": 1}}})
    graph = few.run("--dag", "dot", target).stdout
    labels = dict(re.findall(r'(\d+)\[label = "([^"]*)"', graph))
    edges = re.findall(r"(\d+) -> (\d+)", graph)
    (train,) = [job for job, label in labels.items() if label.startswith("train\\n")]
    features = [first for first, second in edges if second == train and "split: train" in labels[first]]
    simulations = [first for first, second in edges if second in features and labels[first] == "simulate"]
    built = [labels[first] for first, second in edges if second in simulations]
    assert [label[-2:] for label in built] == ["AA"]
    many = workflow.with_changes(models={"few": {"training": {"peptides": 3}}}).run("--dry-run", target, check=False)
    assert "training.peptides of model few: asks for 3 training peptides, but there are 2" in many.stdout


def test_a_training_from_the_weights_of_another_model(workflow_in):
    models = {"default": {}, "tuned": {"training": {"initial_weights": "default"}}}
    tuned = workflow_in("tests/workflow/small.yaml").with_changes(models=models, ablation={"variants": {}})
    target = "results/small/samples/tuned/AV/sampling.json"
    # Also where the targets are about it alone, the other is trained, but nothing else is made of it.
    for words in ((), ("--config", "model=tuned")):
        planned = tuned.planned(target, *words)
        assert (planned["train"], planned["sample"]) == (2, 1)
    assert tuned.planned("all", "--config", "model=tuned")["plot_loss"] == 1
    brought = {"shipped": {"checkpoint": "shipped"}, "tuned": {"training": {"initial_weights": "shipped"}}}
    planned = tuned.with_changes(models=brought).planned(target, "--config", "model=tuned")
    assert (planned["train"], planned["import_checkpoint"], planned["sample"]) == (1, 1, 1)


def test_a_figure_of_md_needs_its_simulation_alone(workflow_in):
    # A peptide of training, and a model of a name that is a folder's elsewhere.
    workflow = workflow_in("tests/workflow/small.yaml")
    (workflow.folder / "new.ckpt").touch()
    planned = workflow.planned(
        "results/small/simulations/AA.png", "--config", "checkpoint=new.ckpt", "model=simulations"
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


def test_a_section_that_is_there_twice_is_told(workflow_in):
    """Snakemake's own reader drops the first in silence."""
    workflow = workflow_in("config.yaml")
    twice = workflow.folder / "twice.yaml"
    twice.write_text((ROOT / "config.yaml").read_text() + "\nsampling: {seed: 2}\n")
    workflow.configuration = twice
    finished = workflow.run("-n", "all", check=False)
    assert finished.returncode == 1
    assert "the key 'sampling' is there twice" in finished.stdout


def test_slurm_profile_plans(workflow_in):
    finished = workflow_in("config.yaml").run("--profile", str(ROOT / "profiles" / "slurm"), "-n", "all")
    assert "simulate" in finished.stdout


def test_an_ablation_needs_variants_and_all_its_models(workflow_in):
    none = workflow_in("tests/workflow/small.yaml").with_changes(ablation={"variants": {}})
    assert not [rule for rule in none.planned("all") if "ablation" in rule]
    assert none.planned("ablation") == {}
    # The targets are about one model: only an ablation of that model alone is among them.
    two = {"default": {}, "ranged": {"training": {"sigma_range": [0.01, 0.06]}}}
    both = none.with_changes(models=two, ablation={"variants": {"sigma-0.03": {"model": "ranged", "sigma": 0.03}}})
    planned = both.planned("all")
    assert planned["train"] == planned["ablation_sample"] == 2
    assert not [rule for rule in both.planned("all", "--config", "model=default") if "ablation" in rule]
    assert both.planned("ablation", "--config", "model=ranged") == {}


def test_published_distances_only_where_they_are_asked_for(workflow_in):
    """E-W2, T-W2 and TICA-W2 cost minutes: no configuration makes them by itself, and no figure of them is planned."""
    plain = workflow_in("tests/workflow/small.yaml")
    assert "wasserstein" not in plain.planned("all")
    asked = plain.with_changes(evaluation={"wasserstein": {"enabled": True}})
    planned = asked.planned("evaluate")
    assert planned["wasserstein"] == planned["summarize"] == 1
    assert asked.planned("figures")["plot_energies"] == 1
    assert asked.planned("results/small/figures/default/energies/AV.png")["wasserstein"] == 1
