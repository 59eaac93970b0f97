"""Shipped models: the same network from safetensors, and nothing else read."""

import json

import pytest
import torch
from safetensors.torch import save_file

from jamun.cli.models import model_text
from jamun.config.network import NetworkSettings
from jamun.config.training import TrainingSettings
from jamun.io.shipped import shipped_models
from jamun.model.checkpoint import CheckpointError, import_checkpoint, load_denoiser, read_content, save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.model.weights import CARD, WEIGHTS, read_weights, write_model

NETWORK = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=4, radial_width=8)
TRAINING = TrainingSettings(sigma=0.05)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    denoiser = Denoiser(NETWORK, 0.3)
    torch.nn.init.constant_(denoiser.gain, 0.7)
    path = tmp_path / "checkpoint.ckpt"
    save_denoiser(path, denoiser, NETWORK, TRAINING, {"best_validation_loss": 0.2})
    return path


@pytest.fixture
def shipped(checkpoint, tmp_path):
    write_model(tmp_path / "shipped", read_content(checkpoint), {"limits": "none known"})
    return tmp_path / "shipped" / WEIGHTS


def same(one, other):
    first, second = one.denoiser.state_dict(), other.denoiser.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (one.sigma, one.network, one.training, one.record) == (
        other.sigma,
        other.network,
        other.training,
        other.record,
    )


def test_a_shipped_model_is_the_trained_one(checkpoint, shipped):
    same(load_denoiser(checkpoint), load_denoiser(shipped))
    assert json.loads((shipped.parent / CARD).read_text()) == {"limits": "none known"}
    assert shipped.stat().st_mode == (shipped.parent / CARD).stat().st_mode  # read by whoever may read the folder


@pytest.mark.parametrize("which", ["checkpoint", "shipped"])
def test_either_form_is_taken_in_as_a_checkpoint(which, checkpoint, shipped, tmp_path):
    import_checkpoint(checkpoint if which == "checkpoint" else shipped, tmp_path / "taken.ckpt")
    same(load_denoiser(checkpoint), load_denoiser(tmp_path / "taken.ckpt"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "no such checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read safely|can be read safely"),
        (lambda path: path.write_bytes(b"x" * 200), "can be read safely"),
        (lambda path: save_file({"a": torch.zeros(2)}, path), "without this program's description"),
        (lambda path: save_file({"a": torch.zeros(2)}, path, {"jamun": "[1]"}), "damaged description"),
        (lambda path: save_file({"a": torch.zeros(2)}, path, {"jamun": "{"}), "can be read safely"),
        (
            lambda path: save_file(
                {"a": torch.zeros(2)},
                path,
                {"jamun": json.dumps({k: v for k, v in read_weights(path).items() if k != "state_dict"})},
            ),
            "damaged, or of another version",
        ),
    ],
)
def test_what_is_no_shipped_model_is_one_sentence(damage, reason, shipped):
    damage(shipped)
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_denoiser(shipped)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pdb", ".ckpt", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N\nEND\n",
        b"CRYST1   30.000   30.000   30.000  90.00  90.00  90.00 P 1           1 \n",
        b"PK\x03\x04 no archive",
        b"\x80\x02}q\x00.",
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        bytes(range(256)) * 8,
        "sequence\nÄÖ\n".encode("utf-16"),
    ],
)
def test_any_other_file_is_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a checkpoint") as caught:
        load_denoiser(path)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_checkpoint(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(CheckpointError):
            load_denoiser(path)


@pytest.mark.parametrize("name", list(shipped_models()))
def test_what_a_shipped_model_was_trained_on_comes_with_it(name, tmp_path):
    """By its card, also where it is taken in under another name, without the card."""
    model = shipped_models()[name]
    import_checkpoint(model.weights, tmp_path / "checkpoint.ckpt")
    for path in (model.weights, tmp_path / "checkpoint.ckpt"):
        trained = load_denoiser(path).trained_on
        of_pairs = ((2,), ("capped",), ("L",))
        expected = ((1, 2, 3, 4, 5), ("capped", "uncapped"), ("L", "mixed")) if name == "chains" else of_pairs
        assert (trained.lengths, trained.forms, trained.hands) == expected
        assert len(trained.residues) == 20
    assert "range:" in model_text(model)
