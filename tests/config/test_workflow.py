"""What is found out before the first job, beyond the configuration itself."""

import pytest

from jamun.config import ConfigurationError
from jamun.workflow import resolve

GOOD = {"dataset": "mine", "peptides": {"train": ["AA"], "validation": ["AG"], "test": ["AW", "GW"]}}


def refusal(folder, **sections):
    with pytest.raises(ConfigurationError) as caught:
        resolve(GOOD | sections, "mine.yaml", folder)
    message = str(caught.value)
    assert message.startswith("mine.yaml: ")
    return message


def test_a_good_one(tmp_path):
    resolved = resolve(GOOD, "mine.yaml", tmp_path)
    assert {split: [peptide.name for peptide in members] for split, members in resolved.splits.items()} == GOOD[
        "peptides"
    ]
    assert resolved.sources == resolved.structures == {}


def test_checkpoints_are_there_or_are_made(tmp_path):
    models = {"brought": {"checkpoint": "far/model.ckpt"}}
    assert "checkpoint 'far/model.ckpt' of model brought: no such file" in refusal(tmp_path, models=models)
    assert "of model mine" in refusal(tmp_path, checkpoint="far/model.ckpt", model="mine")
    (tmp_path / "far").mkdir()
    assert "no such file" in refusal(tmp_path, models={"brought": {"checkpoint": "far"}})
    (tmp_path / "far/model.ckpt").touch()
    resolve(GOOD | {"models": models}, "mine.yaml", tmp_path)
    # Another model of this dataset, which the workflow makes by then; of another dataset it does not.
    for dataset, made in (("mine", True), ("other", False), ("mine/../other", False)):
        models = {"first": {}, "second": {"checkpoint": f"results/{dataset}/models/first/checkpoint.ckpt"}}
        if made:
            resolve(GOOD | {"models": models}, "mine.yaml", tmp_path)
        else:
            assert "no such file" in refusal(tmp_path, models=models)


def test_a_checkpoint_that_was_taken_in_may_go(tmp_path):
    taken_in = tmp_path / "results/mine/models/brought/checkpoint.ckpt"
    taken_in.parent.mkdir(parents=True)
    taken_in.touch()
    resolve(GOOD | {"models": {"brought": {"checkpoint": "gone.ckpt"}}}, "mine.yaml", tmp_path)


def test_starts_are_there_for_every_test_peptide(tmp_path):
    sampling = {"starts": ["starts/{peptide}.pdb"]}
    (tmp_path / "starts").mkdir()
    (tmp_path / "starts/AW.pdb").touch()
    assert "sampling.starts: 'starts/GW.pdb' is no file" in refusal(tmp_path, sampling=sampling)
    (tmp_path / "starts/GW.pdb").touch()
    resolve(GOOD | {"sampling": sampling}, "mine.yaml", tmp_path)
    # What the workflow makes itself.
    resolve(GOOD | {"sampling": {"starts": ["results/mine/md/{peptide}/topology.pdb"]}}, "mine.yaml", tmp_path)
    variants = {"elsewhere": {"starts": ["none.pdb"]}}
    assert "ablation.variants.elsewhere.starts: 'none.pdb'" in refusal(tmp_path, ablation={"variants": variants})


@pytest.mark.parametrize("split", ["train", "validation"])
def test_training_has_its_peptides(tmp_path, split):
    without = GOOD["peptides"] | {split: []}
    assert f"peptides.{split}: no peptide, but training model default" in refusal(tmp_path, peptides=without)
    # Simulations alone, or a model that is brought.
    resolve(GOOD | {"peptides": {"test": ["AW"]}}, "mine.yaml", tmp_path)
    (tmp_path / "model.ckpt").touch()
    brought = {"peptides": without, "models": {"brought": {"checkpoint": "model.ckpt"}}}
    resolve(GOOD | brought, "mine.yaml", tmp_path)


def test_colour_maps_are_matplotlibs(tmp_path):
    resolve(GOOD | {"figures": {"colormap": "magma"}}, "mine.yaml", tmp_path)
    assert "magmaa" in refusal(tmp_path, figures={"colormap": "magmaa"})
