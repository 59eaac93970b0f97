"""The whole workflow for real: its files, its report, what reruns, a new checkpoint."""

import csv
import json
import shutil

import h5py
import mdtraj
import pytest

pytestmark = pytest.mark.workflow


def test_every_declared_file_opens_in_the_fields_tools(finished):
    results = finished.folder / "results" / "small"
    md = mdtraj.load(results / "md/AV/trajectory.xtc", top=results / "md/AV/topology.pdb")
    samples = mdtraj.load(results / "samples/default/AV/samples.xtc", top=results / "samples/default/AV/topology.pdb")
    assert md.n_frames == 300
    assert samples.n_frames == 400
    assert md.time[1] - md.time[0] == pytest.approx(0.04, rel=1e-3)
    assert all(atom.element.symbol != "H" for atom in samples.topology.atoms)
    with h5py.File(results / "features/train/AA.h5") as store:
        assert store["positions"].shape == (300, 15, 3)  # ACE 3, two ALA of 5, NME 2
    rows = list(csv.DictReader((results / "evaluation/summary.csv").open()))
    assert {row["peptide"] for row in rows} == {"AV", "mean"}
    assert 0 < float(rows[0]["js_backbone"]) < 0.8326
    assert (results / "simulations/AV.png").read_bytes().startswith(b"\x89PNG")
    assert (results / "simulations/AV.pdf").read_bytes().startswith(b"%PDF")
    rows = list(csv.DictReader((results / "ablation/ablation.csv").open()))
    assert [(row["variant"], row["peptide"]) for row in rows[:2]] == [("plain", "AV"), ("friction-0.1", "AV")]
    assert [(row["differs"], row["friction"], row["samples"]) for row in rows[:2]] == [
        ("", "1", "300"),
        ("friction 0.1", "0.1", "300"),
    ]
    assert all(0 < float(row["js_all"]) < 0.8326 and float(row["ess_per_evaluation"]) > 0 for row in rows)
    assert rows[0]["js_all"] != rows[1]["js_all"]
    assert (results / "figures/ablation.png").read_bytes().startswith(b"\x89PNG")
    assert (results / "figures/ablation.pdf").read_bytes().startswith(b"%PDF")
    for record in ("peptides/AV.json", "md/AV/md.json", "models/default/training.json", "evaluation/default/AV.json"):
        provenance = json.loads((results / record).read_text())["provenance"]
        assert provenance["jamun"]
        assert provenance["packages"]


def test_logs_are_kept(finished):
    logs = finished.folder / "logs" / "small"
    assert list((logs / "train/default_tensorboard").rglob("events.out.tfevents.*"))
    assert (logs / "simulate/AV.log").stat().st_size > 0
    assert (logs / "simulate/AV.tsv").read_text().startswith("s\t")


def test_nothing_is_left_aside(finished):
    work = finished.folder / "work"
    leftovers = [path for path in work.rglob("*") if path.is_file() and not path.is_relative_to(work / "simulate")]
    assert leftovers == []
    # The MD's last state stays, to be extended; its frames share the disk space of the published ones.
    kept = work / "simulate/small/AV/replica_1/trajectory.xtc"
    assert kept.samefile(finished.folder / "results/small/md/AV/trajectory.xtc")
    assert {path.name for path in finished.folder.iterdir()} <= {
        "results",
        "work",
        "logs",
        ".snakemake",
        "changed.yaml",
    }


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.run("--cores", "1", "all").stdout


OF_MD = {"describe_simulation", "plot_simulation", "md_distances"}
SHARED_FIGURES = {"plot_summary", "plot_timing"}
TEST_FIGURES = SHARED_FIGURES | {
    f"plot_{kind}" for kind in ("ramachandran", "torsions", "convergence", "msm", "dynamics", "physicality", "ensemble")
}
TEST_FIGURES |= {"plot_convergence_of_all"}
FIGURES = TEST_FIGURES | {"plot_loss"}
SUMMARY = {"summarize", "tabulate", "report_html"} | SHARED_FIGURES
ABLATION_TABLE = {"tabulate_ablation", "plot_ablation"}
ABLATION = {f"ablation_{rule}" for rule in ("sample", "compare", "dynamics", "physicality")} | ABLATION_TABLE
EVALUATION = {"compare", "msm_features", "msm", "dynamics", "physicality", "superpose", "make_viewer"} | SUMMARY


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"figures": {"dpi": 80}}, FIGURES | {"plot_simulation", "plot_ablation", "report_html"}),
        (
            {"evaluation": {"torsion_bins": 60}},
            {"compare", "plot_ramachandran", "plot_torsions", "plot_convergence", "plot_ensemble", "make_viewer"}
            | {"plot_convergence_of_all"}
            | SUMMARY
            | {"ablation_compare"}
            | ABLATION_TABLE,
        ),
        (
            {"evaluation": {"msm": {"backend": "deeptime", "clusters": 10, "macrostates": 2, "its_lags": [1, 2]}}},
            {"msm_features", "msm", "plot_msm"} | SUMMARY,
        ),
        (
            {"evaluation": {"dynamics": {"tica_lag": 5}}},
            {"md_distances", "dynamics", "plot_dynamics"} | SUMMARY | {"ablation_dynamics"} | ABLATION_TABLE,
        ),
        (
            {"evaluation": {"physicality": {"bond_tolerance": 0.04}}},
            {"physicality", "plot_physicality"} | SUMMARY | {"ablation_physicality"} | ABLATION_TABLE,
        ),
        ({"sampling": {"seed": 9}}, {"sample"} | EVALUATION | TEST_FIGURES | ABLATION),
        # Every row of the ablation has its own number of samples.
        ({"sampling": {"samples": 350}}, {"sample"} | EVALUATION | TEST_FIGURES),
        ({"ablation": {"samples": 250}}, ABLATION | {"report_html"}),
        ({"ablation": {"variants": {"friction-0.1": {"friction": 0.2}}}}, ABLATION | {"report_html"}),
        ({"training": {"learning_rate": 0.02}}, {"train", "sample"} | EVALUATION | FIGURES | ABLATION),
        ({"training": {"sigma_range": [0.03, 0.05]}}, {"train", "sample"} | EVALUATION | FIGURES | ABLATION),
        ({"network": {"radial_width": 9}}, {"train", "sample"} | EVALUATION | FIGURES | ABLATION),
        (
            {"simulate": {"seed": 9}},
            {"simulate", "featurize", "describe_dataset", "train", "sample"} | EVALUATION | FIGURES | OF_MD | ABLATION,
        ),
    ],
    ids=[
        "figures",
        "evaluation",
        "evaluation.msm",
        "evaluation.dynamics",
        "evaluation.physicality",
        "sampling",
        "sampling.samples",
        "ablation",
        "ablation.variants",
        "training",
        "training.sigma_range",
        "network",
        "simulate",
    ],
)
def test_what_reruns(finished, changes, rules):
    planned = finished.with_changes(**changes).planned("all")
    assert set(planned) == rules
    if "ablation" in changes:
        # Only the row that changed is sampled again.
        assert planned["ablation_sample"] == (1 if "variants" in changes["ablation"] else 2)
    if "simulate" in rules:
        assert planned["simulate"] == 4


def test_one_more_test_peptide_does_not_retrain(finished):
    planned = finished.with_changes(peptides={"test": ["AV", "VA"]}).planned("all")
    assert planned["build_peptide"] == planned["simulate"] == planned["featurize"] == planned["sample"] == 1
    assert planned["compare"] == planned["msm"] == planned["plot_simulation"] == 1
    assert planned["md_distances"] == planned["dynamics"] == planned["physicality"] == 1
    assert planned["ablation_sample"] == planned["ablation_compare"] == 2
    assert planned["summarize"] == planned["plot_summary"] == 1
    assert not {"train", "describe_dataset", "plot_loss"} & set(planned)


def test_the_shipped_model_samples_a_peptide_of_another_dataset(finished):
    results = finished.folder / "results" / "small"
    record = "results/small/samples/study/AV/sampling.json"
    asked = finished.with_changes(sampling={"samples": 100})
    asked.run("--cores", "2", record, "--config", "checkpoint=shipped", "model=study")
    sampled = json.loads((finished.folder / record).read_text())
    assert sampled["samples"]["accepted"] == 100
    assert sampled["flaws"]["inverted"]["share"] == 0
    assert sampled["flaws"]["broken"]["share"] < 0.2
    for made in ("models", "samples"):
        shutil.rmtree(results / made / "study")


def test_a_checkpoint_that_is_none_is_refused(finished):
    bad = finished.folder / "work" / "bad.ckpt"
    bad.write_bytes(b"not a checkpoint")
    run = finished.run("--cores", "1", "models", "--config", f"checkpoint={bad}", "model=bad", check=False)
    bad.unlink()
    assert run.returncode == 1
    assert "Traceback" not in run.stdout
    assert "bad.ckpt" in run.stdout


def test_published_distances_and_their_figure(finished):
    """E-W2, T-W2 and TICA-W2 of the finished samples, in the force field of their MD; nothing else is made anew."""
    short = {"enabled": True, "tica_lag": 3, "energy_frames": 40, "hydrogen_time": "0.2 ps"}
    asked = finished.with_changes(evaluation={"wasserstein": short})
    picture = "results/small/figures/default/energies/AV.png"
    assert asked.planned(picture) == {"wasserstein": 1, "plot_energies": 1}
    asked.run("--cores", "1", picture)
    result = json.loads((finished.folder / "results/small/evaluation/default/wasserstein/AV.json").read_text())
    assert all(estimate["value"] > 0 for estimate in result["distances"].values())
    # The MD with drawn hydrogens and with its own: of 40 frames each, whose energies have a standard deviation of 6 kT.
    assert result["energy"]["hydrogens_w2"]["value"] < 4
    assert result["energy"]["md"]["frames"] == result["energy"]["md_own"]["frames"] == 40
    assert (finished.folder / picture).read_bytes().startswith(b"\x89PNG")
