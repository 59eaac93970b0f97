"""Another kind of network plugs in by its settings and a row of a table each, and is trained, saved and sampled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic import Field, ValidationError
from test_training import data, train  # noqa: F401

from jamun.config import network as config
from jamun.config.configuration import Configuration, ConfigurationError, parse
from jamun.config.network import ArchitectureSettings, NetworkSettings, network_settings
from jamun.config.training import TrainingSettings
from jamun.data.molecule import Molecule
from jamun.data.store import FeatureFile
from jamun.model import architectures
from jamun.model.architectures import ARCHITECTURES, Architecture
from jamun.model.checkpoint import CheckpointError, load_denoiser, save_denoiser
from jamun.model.network import Conditioned, Network


class ShrinkSettings(ArchitectureSettings):
    """A network with one number."""

    architecture: Literal["shrink"] = "shrink"
    start: float = Field(0.5, gt=0, le=1)


@dataclass
class Masses(Conditioned):
    """Which atoms there are: all that the network below is told."""

    @classmethod
    def from_molecule(cls, molecule: Molecule) -> Masses:
        return cls(torch.ones(1, molecule.n_atoms, dtype=torch.bool))


class Shrink(Network):
    """xhat = factor y, centred: the best factor of a Gaussian is known."""

    def __init__(self, settings: ShrinkSettings, mean_squared_distance: float) -> None:
        super().__init__(mean_squared_distance)
        self.factor = torch.nn.Parameter(torch.tensor(settings.start))

    def prepare(self, conditioning: Masses) -> Masses:
        return conditioning

    def forward(self, y: torch.Tensor, sigma: float | torch.Tensor, conditioning: Masses) -> torch.Tensor:
        mask = conditioning.mask[..., None]
        mean = (y * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        return self.factor * (y - mean) * mask

    def loss_scale(self, sigma: torch.Tensor) -> torch.Tensor:
        return sigma

    def flops(self, atoms: int) -> int:
        return 3 * atoms

    def bytes_per_graph(self, atoms: int) -> int:
        return 24 * atoms


@pytest.fixture
def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.ARCHITECTURE_SETTINGS, "shrink", ShrinkSettings)
    monkeypatch.setitem(architectures.ARCHITECTURES, "shrink", Architecture(Shrink, Masses, 7))


def test_both_tables_have_the_same_names() -> None:
    assert ARCHITECTURES.keys() == config.ARCHITECTURE_SETTINGS.keys()
    for name, settings in config.ARCHITECTURE_SETTINGS.items():
        assert settings.name() == name


def test_a_network_of_another_kind_is_trained_and_published(
    shrink: None,
    data: dict[str, object],  # noqa: F811
    tmp_path: Path,
) -> None:
    network, sigma = network_settings({"architecture": "shrink", "start": 1.0}), 0.2
    training = TrainingSettings(
        sigma=sigma, max_steps=300, validation_interval=100, learning_rate=0.02, ema_decay=0.9, align=False,
        accelerator="cpu",
    )  # fmt: skip
    train(
        **data,
        network=network,
        training=training,
        threads=1,
        checkpoint=tmp_path / "checkpoint.ckpt",
        metrics=tmp_path / "metrics.csv",
        record=tmp_path / "training.json",
        work=tmp_path / "work",
    )
    loaded = load_denoiser(tmp_path / "checkpoint.ckpt")
    assert isinstance(loaded.denoiser, Shrink)
    assert loaded.network == network
    # The best factor is E|x|^2 / (E|x|^2 + |noise|^2), means over frames and atoms; noise has n - 1 of n parts.
    power, noise = [], []
    for file in map(FeatureFile, data["train"]):
        clean = file.read(np.arange(file.n_frames))
        clean = clean - clean.mean(1, keepdims=True)
        power += list(np.square(clean).sum(-1).mean(-1))
        noise += [3 * sigma**2 * (1 - 1 / clean.shape[1])] * file.n_frames
    best = np.mean(power) / (np.mean(power) + np.mean(noise))
    assert 0.2 < best < 0.9
    assert float(loaded.denoiser.factor) == pytest.approx(best, abs=0.03)


def test_a_checkpoint_of_other_codes_or_an_unknown_network_is_refused(
    shrink: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = tmp_path / "a.ckpt", ShrinkSettings()
    save_denoiser(path, Shrink(settings, 0.3), settings, TrainingSettings(), {})
    assert float(load_denoiser(path).denoiser.mean_squared_distance) == pytest.approx(0.3)
    monkeypatch.setitem(architectures.ARCHITECTURES, "shrink", Architecture(Shrink, Masses, 8))
    with pytest.raises(CheckpointError, match="vocabulary_version is 7, this program's is 8"):
        load_denoiser(path)
    monkeypatch.delitem(config.ARCHITECTURE_SETTINGS, "shrink")
    with pytest.raises(CheckpointError, match="architecture 'shrink' is not known; give one of dense"):
        load_denoiser(path)


def test_the_configuration_takes_the_keys_of_the_architecture(shrink: None) -> None:
    raw = {"network": {"architecture": "shrink", "start": 0.75}, "models": {"a": {}, "b": {"network": {"start": 0.5}}}}
    whole = parse(raw | {"models": raw["models"] | {"c": {"network": {"architecture": "dense", "lmax": 2}}}})
    assert whole.network_of("a") == ShrinkSettings(start=0.75)
    assert whole.network_of("b") == ShrinkSettings(start=0.5)
    assert whole.network_of("c") == NetworkSettings(lmax=2)
    assert whole.model_dump()["network"] == {"architecture": "shrink", "start": 0.75}
    assert Configuration.model_validate(whole.model_dump()) == whole


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"network": {"architecture": "shrink", "start": 2.0}}, "network: start: must be less than or equal to 1"),
        ({"network": {"architecture": "shrink", "lmax": 1}}, "network: lmax is not a known key"),
        (
            {"network": {"architecture": "grow"}},
            "network: architecture 'grow' is not known; give one of dense, public, shrink",
        ),
        ({"network": {"architecture": 3}}, "network.architecture: must be 'dense', got 3"),
        (
            {"models": {"a": {"network": {"architecture": "grow"}}}},
            "models.a.network: architecture 'grow' is not known; give one of dense, public, shrink",
        ),
        (
            {"models": {"a": {"network": {"architecture": "shrink", "start": 2.0}}}},
            "models.a.network.start: must be less than or equal to 1",
        ),
    ],
)
def test_what_is_wrong_with_it_is_one_sentence(shrink: None, raw: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(raw)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_of_another_kind_are_not_mixed(shrink: None) -> None:
    with pytest.raises(ValidationError):
        network_settings({"architecture": "shrink", "n_radial": 3})
