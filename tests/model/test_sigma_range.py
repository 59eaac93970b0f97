"""Training over a range of noise levels: each graph its own, its loss in its own units, nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from scipy.stats import kstest
from test_training import SETTINGS, _arguments, _rows, data, train  # noqa: F401  (a fixture)

from jamun.config.network import NetworkSettings
from jamun.config.training import TrainingSettings
from jamun.data.store import FeatureFile
from jamun.model.batches import Batch, TrainingData
from jamun.model.checkpoint import load_denoiser
from jamun.model.denoiser import preconditioning
from jamun.model.fit import fit
from jamun.model.loss import drawn_sigmas
from jamun.model.training_module import DenoiserTraining

RANGE = [0.01, 0.06]


def test_levels_are_even_in_the_logarithm_and_of_the_seed_and_the_batch() -> None:
    settings = TrainingSettings(sigma_range=RANGE, seed=3)
    drawn = torch.stack([drawn_sigmas(settings, 32, number) for number in range(200)])
    assert drawn.dtype == torch.float64
    assert RANGE[0] <= drawn.min() <= drawn.max() <= RANGE[1]
    places = torch.log(drawn / RANGE[0]) / np.log(RANGE[1] / RANGE[0])
    assert kstest(places.flatten().numpy(), "uniform").pvalue > 0.01
    assert len(drawn.unique()) == drawn.numel()  # neither graphs nor batches share a level
    torch.testing.assert_close(drawn_sigmas(settings, 32, 17), drawn[17], rtol=0, atol=0)
    assert (drawn_sigmas(settings.model_copy(update={"seed": 4}), 32, 17) != drawn[17]).all()
    assert drawn_sigmas(TrainingSettings(sigma=0.05), 32, 17).tolist() == [0.05]


def test_a_share_of_the_frames_is_at_the_level_of_the_walk() -> None:
    spread = TrainingSettings(sigma_range=RANGE, seed=3)
    shared = spread.model_copy(update={"sigma_share": 0.4})
    drawn, plain = (
        torch.stack([drawn_sigmas(settings, 64, number) for number in range(200)]) for settings in (shared, spread)
    )
    at = drawn == shared.sigma
    assert float(at.double().mean()) == pytest.approx(0.4, abs=4 * (0.24 / drawn.numel()) ** 0.5)
    torch.testing.assert_close(drawn[~at], plain[~at], rtol=0, atol=0)  # the others as without
    assert 0 < at[0].sum() < 64  # in every batch, not in some batches
    assert (drawn_sigmas(spread.model_copy(update={"sigma_share": 1.0}), 32, 0) == spread.sigma).all()


def test_loss_of_the_best_denoiser_of_gaussian_atoms() -> None:
    """Atoms of variance s^2 a coordinate: the best denoiser is y s^2/(s^2 + sigma^2), and its squared error a
    coordinate s^2 sigma^2/(s^2 + sigma^2), so noise, denoiser and weights must be of one level in every graph."""
    graphs, atoms, spread, squared = 3000, 20, 0.05, 0.3
    settings = TrainingSettings(sigma=0.05, sigma_range=[0.005, 0.5], align=False, accelerator="cpu")
    generator = torch.Generator().manual_seed(0)
    clean = spread * torch.randn(graphs, atoms, 3, generator=generator)
    module = DenoiserTraining(NetworkSettings(hidden_irreps="8x0e + 4x1e"), settings, squared)
    told: list[torch.Tensor] = []

    def best(y: torch.Tensor, sigma: torch.Tensor, _: object) -> torch.Tensor:
        told.append(sigma)
        return y * (spread**2 / (spread**2 + sigma**2)).to(y)[:, None, None]

    module._call = best
    found = module.training_step(Batch(clean, toy.random_conditioning(graphs, atoms), 11), 0)
    sigma = drawn_sigmas(settings, graphs, 11)
    torch.testing.assert_close(told[0], sigma, rtol=0, atol=0)
    error = (atoms - 1) / atoms * spread**2 * sigma**2 / (spread**2 + sigma**2)  # the mean of the atoms is known
    c_out = preconditioning(sigma, squared)[2]
    # 180,000 coordinates: a standard error of a third of a per cent, a little more as graphs weigh differently
    assert float(found["reported"]) == pytest.approx(float((error / sigma**2).mean()), rel=0.015)
    assert float(found["loss"]) == pytest.approx(float((error / c_out**2).mean()), rel=0.015)


def test_stopped_training_over_a_range_goes_on_with_the_same_curve(
    data: dict[str, object],  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = [[FeatureFile(path) for path in data[split]] for split in ("train", "validation")]

    def train(folder: str, steps: int, **changes: object) -> dict[str, object]:
        settings = TrainingSettings(**SETTINGS | {"sigma_range": RANGE, "max_steps": steps} | changes)
        network = NetworkSettings(hidden_irreps="16x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=16)
        last, _ = fit(TrainingData(*files, 0.3), network, settings, tmp_path / folder)
        state = torch.load(last, weights_only=True)
        return state | {"rows": next(v for k, v in state["callbacks"].items() if k.startswith("History"))["rows"]}

    whole = train("whole", 40)
    train("stopped", 20)
    resumed = train("stopped", 40)
    assert [row["step"] for row in whole["rows"]] == [row["step"] for row in resumed["rows"]]
    for one, other in zip(whole["rows"], resumed["rows"], strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
    for name, value in whole["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], value, rtol=1e-4, atol=1e-6)

    with caplog.at_level("INFO", "jamun.train"):
        other = train("stopped", 20, sigma_range=[0.02, 0.06])
    assert "starting anew" in caplog.text
    assert other["global_step"] == 20


def test_what_is_published(data: dict[str, object], tmp_path: Path) -> None:  # noqa: F811
    train(**_arguments(data, tmp_path, sigma_range=RANGE, max_steps=100))
    loaded = load_denoiser(tmp_path / "checkpoint.ckpt")
    assert loaded.training.levels == tuple(RANGE)
    assert loaded.sigma == 0.04
    record = json.loads((tmp_path / "training.json").read_text())
    losses = record["validation_loss_by_sigma_nm"]
    assert list(losses) == ["0.01", "0.04", "0.06"]
    assert losses["0.04"] == pytest.approx(record["best_validation_loss"], rel=1e-5)
    # Units are each level's own: the more noise, the more of it can be told from the molecule.
    assert losses["0.06"] < losses["0.04"] < losses["0.01"] < 1.1
    trained = [float(row["train_loss"]) for row in _rows(tmp_path / "metrics.csv") if row["train_loss"]]
    assert 0.2 < trained[-1] < 1.1


def test_checkpoints_of_before_were_trained_at_one_level(data: dict[str, object], tmp_path: Path) -> None:  # noqa: F811
    train(**_arguments(data, tmp_path, max_steps=10, validation_interval=10))
    assert "validation_loss_by_sigma_nm" not in json.loads((tmp_path / "training.json").read_text())
    path = tmp_path / "checkpoint.ckpt"
    content = torch.load(path, weights_only=True)
    del content["training"]["sigma_range"]
    torch.save(content, path)
    assert load_denoiser(path).training.levels == (0.04, 0.04)
