"""Populations as a stage: its jobs, its files, and its place among the models."""

import json

import mdtraj
import numpy as np
import pytest

pytestmark = pytest.mark.workflow

# The model of the small workflow has learned too little for its samples to be simulated: its MD stands in for samples.
OWN = {"samples": "results/small/md/{peptide}/trajectory.xtc", "topology": "results/small/md/{peptide}/topology.pdb"}
MODELS = {"default": {}, "own": OWN | {"seconds": 5.0}}
SHORT = {"models": ["own"], "budget": "141 ps", "run": "20 ps", "warm_up": "0.8 ps", "frame_interval": "0.4 ps"}
SHORT |= {"seeds": 6, "target": 0.001, "barriers": {"runs": 1}}
EVALUATED = ("compare", "dynamics", "physicality", "msm_features", "msm")
COMPARED, FIGURE = "results/small/evaluation/own+md/AV.json", "results/small/figures/own/populations/AV.png"


@pytest.fixture(scope="module")
def populated(copy_finished, tmp_path_factory):
    """A finished workflow in which one model more gets populations."""
    return copy_finished(tmp_path_factory.mktemp("populated")).with_changes(populations=SHORT, models=MODELS)


def test_two_models_more_are_evaluated_and_nothing_else_is_made_again(populated):
    planned = populated.planned("all")
    ours = {rule: planned[rule] for rule in ("import_samples", "populate", "weighted_samples", "plot_populations")}
    assert set(ours.values()) == {1}
    assert {planned[rule] for rule in EVALUATED} == {2}
    assert {"summarize", "compare_models", "report_html"} <= set(planned)
    assert not {"simulate", "featurize", "train", "sample", "md_distances"} & set(planned)


def test_the_weighted_md_is_evaluated_with_its_wall_clock_and_once(populated):
    """By two processes, as a job on two cores has them."""
    results = populated.folder / "results" / "small"
    populated.run("--cores", "2", COMPARED, FIGURE)
    made, samples = results / "populations/own/AV", results / "samples/own+md/AV"
    record = json.loads((made / "populations.json").read_text())
    frames = mdtraj.load(str(samples / "samples.xtc"), top=str(samples / "topology.pdb"))
    weights = np.load(samples / "weights.npz")["weights"]
    assert len(frames) == len(weights) == record["frames"] == 6 * 48
    assert weights.std() > 0
    assert (samples / "samples.xtc").samefile(made / "md.xtc")
    own = json.loads((samples / "sampling.json").read_text())
    assert own["seconds"] == pytest.approx(5.0 + record["seconds"])
    compared = json.loads((results / "evaluation/own+md/AV.json").read_text())
    assert compared["model"] == "own+md"
    assert compared["samples"]["chains"] == 6
    assert compared["samples"]["seconds"] == pytest.approx(own["seconds"])
    share = weights.sum() ** 2 / (weights**2).sum()
    assert compared["samples"]["effective_frames"] == pytest.approx(share, rel=1e-6)
    assert any("samples are weighted" in note for note in compared["notes"])
    assert (populated.folder / FIGURE).read_bytes().startswith(b"\x89PNG")
    assert not list((populated.folder / "work/populations").rglob("*.npz"))
    assert populated.planned(COMPARED, FIGURE) == {}
    assert "populate" in populated.with_changes(populations={"seeds": 4}).planned(FIGURE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"populations": {"models": ["other"]}}, "populations.models: 'other' is not one of models (default, own)"),
        (
            {"populations": SHORT, "simulate": {"solvent": "explicit", "platform": "auto"}},
            "short MD is made in implicit solvent",
        ),
    ],
)
def test_what_cannot_be_populated_is_told_before_any_job(populated, change, words):
    output = populated.with_changes(**change).run("--dry-run", "all", check=False)
    assert output.returncode != 0
    assert words in output.stdout
