"""Training: batches as functions of their number, the EMA, resuming, and what is published."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import torch
import toy
from forking import forking_python
from test_cuda_graphs import NEEDS_A_GPU

from jamun.config.network import NetworkSettings
from jamun.config.training import TrainingSettings
from jamun.data.featurize import summarize_to_file
from jamun.data.store import FeatureFile, write_features
from jamun.io.atomic import write_npz
from jamun.model.batches import TrainingBatches, permuted, validation_batches
from jamun.model.checkpoint import CheckpointError, load_denoiser
from jamun.model.geometry import centre
from jamun.model.loss import denoising_error, noisy
from jamun.model.train import TrainingError, TrainingFiles, TrainingInputs, train_to_files
from jamun.model.training_module import DenoiserTraining, ema_weight, learning_rate_factor

NETWORK = NetworkSettings(hidden_irreps="16x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=16)
SETTINGS = {
    "learning_rate": 0.01,
    "batch_size": 8,
    "max_steps": 60,
    "validation_interval": 20,
    "validation_frames": 32,
    "ema_decay": 0.9,
    "accelerator": "cpu",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("features")
    train = [
        toy.write_toy(folder / "AA.h5", ["ALA", "ALA"], 60, 1),
        toy.write_toy(folder / "AG.h5", ["ALA", "GLY"], 45, 2),
        toy.write_toy(folder / "AAAA.h5", ["ALA"] * 4, 30, 3),
    ]
    validation = [toy.write_toy(folder / "GA.h5", ["GLY", "ALA"], 50, 4)]
    dataset = folder / "dataset.json"
    summarize_to_file(train, validation, dataset)
    return {"train": train, "validation": validation, "dataset": dataset}


def _arguments(data: dict[str, object], folder: Path, **changes: object) -> dict[str, object]:
    return {
        **data,
        "network": NETWORK,
        "training": TrainingSettings(**(SETTINGS | changes)),
        "checkpoint": folder / "checkpoint.ckpt",
        "metrics": folder / "metrics.csv",
        "record": folder / "training.json",
        "work": folder / "work",
        "threads": 1,
    }


def train(threads: int = 1, **arguments: object) -> None:
    """Train, with all inputs, settings and files by name."""
    parts = [
        kind(**{field.name: arguments.pop(field.name) for field in fields(kind) if field.name in arguments})
        for kind in (TrainingInputs, TrainingFiles)
    ]
    network, training = arguments.pop("network"), arguments.pop("training")
    train_to_files(parts[0], network, training, parts[1], threads, **arguments)


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("size", [1, 2, 3, 17, 64, 1000])
def test_permuted_is_a_permutation(size: int) -> None:
    first = permuted(np.arange(size), size, 1)
    assert sorted(first) == list(range(size))
    if size >= 17:
        assert (first != permuted(np.arange(size), size, 2)).any()
        assert (first != np.arange(size)).any()


def test_permuted_mixes_evenly() -> None:
    # neighbours land apart: the correlation of place and image over 10^5 items is that of random numbers
    size = 100_000
    image = permuted(np.arange(size), size, 3)
    assert abs(np.corrcoef(np.arange(size), image)[0, 1]) < 0.02
    assert abs(np.corrcoef(image[:-1], image[1:])[0, 1]) < 0.02


def test_an_epoch_has_each_frame_once(data: dict[str, object]) -> None:
    files = [FeatureFile(path) for path in data["train"]]
    batches = TrainingBatches(files, 5, seed=7)
    assert batches.per_epoch == (60 + 45) // 5 + 30 // 5
    frames = {file.peptide: {row.tobytes() for row in file.positions} for file in files}
    seen: set[bytes] = set()
    mixed = 0
    for number in range(batches.per_epoch):
        batch = batches[number]
        atoms = batch.conditioning.mask.sum(1).tolist()
        mixed += len(set(atoms)) > 1
        for row, count in zip(batch.positions.numpy(), atoms, strict=True):
            assert (row[count:] == 0).all()
            seen.add(row[:count].tobytes())
    assert seen == set.union(*frames.values())
    assert mixed > batches.per_epoch / 3  # peptides are mixed within batches
    again = TrainingBatches(files, 5, seed=7)[11]
    torch.testing.assert_close(again.positions, batches[11].positions, rtol=0, atol=0)


def test_validation_batches_are_spread_and_fixed(data: dict[str, object]) -> None:
    files = [FeatureFile(path) for path in data["validation"]]
    batches = [make() for make in validation_batches(files, 20, 8)]
    assert [len(batch.positions) for batch in batches] == [8, 8, 4]
    np.testing.assert_array_equal(batches[0].positions[0].numpy(), files[0].positions[0])
    np.testing.assert_array_equal(batches[-1].positions[-1].numpy(), files[0].positions[-1])
    assert batches[0].conditioning.mask.all()


def test_noise_is_of_the_seed_and_aligned() -> None:
    clean = torch.from_numpy(toy.ensemble(12, 4, 0))
    clean = clean - clean.mean(1, keepdim=True)
    mask = torch.ones(4, 12, dtype=torch.bool)
    free, aligned = (noisy(clean, mask, 0.04, 5, align) for align in (False, True))
    torch.testing.assert_close(free, noisy(clean, mask, 0.04, 5, False), rtol=0, atol=0)
    assert ((aligned - clean).square().sum() < (free - clean).square().sum()).item()
    torch.testing.assert_close(torch.cdist(aligned, aligned), torch.cdist(free, free), rtol=1e-4, atol=1e-5)


def test_learning_rate() -> None:
    settings = TrainingSettings(warmup_steps=4, max_steps=104, decay="cosine")
    assert [learning_rate_factor(step, settings) for step in (0, 1, 3, 4)] == [0.25, 0.5, 1.0, 1.0]
    assert learning_rate_factor(54, settings) == pytest.approx(0.5)
    assert learning_rate_factor(104, settings) == pytest.approx(0.0, abs=1e-12)


def test_average_is_exact() -> None:
    torch.manual_seed(0)
    module = DenoiserTraining(NETWORK, TrainingSettings(ema_decay=0.9), 0.3)
    expected = {name: value.double().clone() for name, value in module.average.named_parameters()}
    for step in range(1, 6):
        with torch.no_grad():
            for parameter in module.denoiser.parameters():
                parameter.add_(torch.randn_like(parameter))
        DenoiserTraining.global_step = step  # what Lightning would tell
        try:
            module.on_train_batch_end()
            module.on_train_batch_end()  # a batch of an accumulated step changes nothing
        finally:
            del DenoiserTraining.global_step
        keep = ema_weight(step, 0.9)
        for name, parameter in module.denoiser.named_parameters():
            expected[name] = keep * expected[name] + (1 - keep) * parameter.detach().double()
    for name, value in module.average.named_parameters():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_training_beats_the_linear_denoiser_and_publishes(data: dict[str, object], tmp_path: Path) -> None:
    arguments = _arguments(data, tmp_path, max_steps=150, validation_interval=40)
    train(**arguments)
    assert not (tmp_path / "work").exists()
    rows = _rows(tmp_path / "metrics.csv")
    assert list(rows[0]) == ["step", "epoch", "train_loss", "validation_loss", "learning_rate"]
    validated = {int(row["step"]): float(row["validation_loss"]) for row in rows if row["validation_loss"]}
    assert list(validated) == [40, 80, 120, 150]
    # the best linear denoiser, c_skip y, keeps nearly all the noise: a loss of about 1 (less what alignment removes)
    assert validated[150] < 0.6
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["best_validation_loss"] == pytest.approx(min(validated.values()), rel=1e-6)
    loaded = load_denoiser(tmp_path / "checkpoint.ckpt")
    assert loaded.sigma == 0.04
    assert loaded.network == NETWORK
    module = DenoiserTraining(NETWORK, arguments["training"], float(loaded.denoiser.mean_squared_distance))
    module.average.load_state_dict(loaded.denoiser.state_dict())
    files = [FeatureFile(path) for path in data["validation"]]
    with torch.no_grad():
        for make in validation_batches(files, 32, 8):
            module.validation_step(make(), 0)
    total = torch.stack(module._validation).sum(0)
    assert float(total[0] / total[1]) == pytest.approx(record["best_validation_loss"], rel=1e-5)


def _command(python: str, data: dict[str, object], folder: Path, changes: dict[str, object]) -> list[str]:
    """A program that trains as a job does, with its log; a script without a main guard, as Snakemake's are."""
    folder.mkdir(exist_ok=True)
    script = folder / "train.py"
    script.write_text(
        "import sys, json\nfrom pathlib import Path\n"
        f"sys.path[:0] = {[str(place) for place in Path(__file__).parents[:2]]!r}\n"
        "import test_training as t\nfrom jamun.io.log import job_log\n"
        "data = {key: [Path(p) for p in value] if isinstance(value, list) else Path(value)\n"
        "        for key, value in json.loads(sys.argv[1]).items()}\n"
        "with job_log(sys.argv[2] + '/log'):\n"
        "    t.train(**t._arguments(data, Path(sys.argv[2]), **json.loads(sys.argv[3])))\n"
    )
    plain = {
        key: [str(path) for path in value] if isinstance(value, list) else str(value) for key, value in data.items()
    }
    return [python, str(script), json.dumps(plain), str(folder), json.dumps(changes)]


def test_killed_training_goes_on_with_the_same_curve(data: dict[str, object], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    changes = {"accumulate": 2, "max_steps": 80}
    train(**_arguments(data, whole, **changes))
    command = _command(forking_python(), data, killed, changes)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    last = killed / "work" / "last.ckpt"
    deadline = time.monotonic() + 600
    while not last.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert last.exists()
    assert not (killed / "checkpoint.ckpt").exists()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    first, second = _rows(whole / "metrics.csv"), _rows(killed / "metrics.csv")
    assert [row["step"] for row in first] == [row["step"] for row in second]
    for one, other in zip(first, second, strict=True):
        assert one["epoch"] == other["epoch"]
        for column in ("train_loss", "validation_loss", "learning_rate"):
            if one[column] or other[column]:
                assert float(one[column]) == pytest.approx(float(other[column]), rel=2e-3)


def test_training_starts_from_the_weights_of_another_model(data: dict[str, object], tmp_path: Path) -> None:
    train(**_arguments(data, tmp_path / "first"))
    initial = tmp_path / "first" / "checkpoint.ckpt"
    first = load_denoiser(initial)
    # On other peptides, of another size, at a rate at which nothing is learnt.
    others = data | {"train": data["train"][2:], "dataset": tmp_path / "dataset.json"}
    summarize_to_file(others["train"], others["validation"], others["dataset"])
    squared = json.loads(others["dataset"].read_text())["mean_squared_distance"]
    assert squared != pytest.approx(float(first.denoiser.mean_squared_distance), rel=0.01)
    changes = {"initial_weights": "first", "learning_rate": 1e-12}
    train(**_arguments(others, tmp_path / "second", **changes), initial=initial)
    second = load_denoiser(tmp_path / "second" / "checkpoint.ckpt")
    assert second.training.initial_weights == "first"
    assert second.record["initial"]["model"] == "first"
    assert second.record["initial"]["training"] == first.training.model_dump(mode="json")
    assert second.record["initial"]["steps"] == 60
    assert json.loads((tmp_path / "second" / "training.json").read_text())["reweighted_frames"] is False
    for name, value in first.denoiser.state_dict().items():
        torch.testing.assert_close(second.denoiser.state_dict()[name], value, rtol=0, atol=1e-7)
    for row in _rows(tmp_path / "second" / "metrics.csv"):
        if row["validation_loss"]:
            assert float(row["validation_loss"]) == pytest.approx(first.record["best_validation_loss"], rel=1e-4)
    # At a rate at which something is, it goes on from there.
    train(**_arguments(data, tmp_path / "third", **changes | {"learning_rate": 5e-3}), initial=initial)
    assert (
        load_denoiser(tmp_path / "third" / "checkpoint.ckpt").record["best_validation_loss"]
        < 0.99 * (first.record["best_validation_loss"])
    )


def test_frames_come_as_often_as_their_weights_say(data: dict[str, object]) -> None:
    """Over an epoch, each frame its weight over the mean, rounded up or down; over many, its weight."""
    files = [FeatureFile(path) for path in data["train"][:1]]
    random = np.random.default_rng(0)
    weights = {file.peptide: random.exponential(size=file.n_frames).astype(np.float32) for file in files}
    batches = TrainingBatches(files, 10, 0, weights)
    bucket = batches.buckets[0]
    known = np.concatenate([np.array(file.positions)[:, 0, 0] for file in bucket.files])
    assert len(batches.buckets) == 1
    assert len(np.unique(known)) == bucket.n_frames
    assert batches.per_epoch * 10 == bucket.n_frames

    def times(epoch: int) -> np.ndarray:
        numbers = range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch)
        return (torch.cat([batches[number].positions[:, 0, 0] for number in numbers]).numpy()[:, None] == known).sum(0)

    expected = np.concatenate([weights[file.peptide] for file in bucket.files]).astype(np.float64)
    expected /= expected.mean()
    found = np.array([times(epoch) for epoch in range(100)])
    assert (found.sum(1) == bucket.n_frames).all()
    assert (np.abs(found - expected) < 1.0 + 1e-6).all()
    # the shift of each epoch leaves a variance of at most 1/4
    np.testing.assert_allclose(found.mean(0), expected, atol=4 * 0.5 / 10)
    assert len({tuple(batches[number].positions[:, 0, 0].tolist()) for number in (3, 3)}) == 1
    even = TrainingBatches(files, 10, 0, {file.peptide: np.full(file.n_frames, 0.3) for file in files})
    for number in (0, 5, 40):
        assert torch.equal(even[number].positions, TrainingBatches(files, 10, 0)[number].positions)


def test_atoms_count_as_their_weights_say(tmp_path: Path) -> None:
    """Weights of a frame that its first coordinate tells, of one peptide of two in the bucket."""
    kind = toy.molecule(["ALA", "GLY"])
    positions = toy.ensemble(kind.n_atoms, 40, 0)
    weights = positions[:, :1, 0] + 2.0 + np.arange(4)
    write_features(tmp_path / "AG.h5", "AG", kind, [positions], 40, [0, 40], 0.1, weights=weights)
    toy.write_toy(tmp_path / "AA.h5", ["ALA", "ALA"], 40, 1)
    files = [FeatureFile(tmp_path / name) for name in ("AG.h5", "AA.h5")]
    batch = TrainingBatches(files, 32, 0)[1]
    of_first = batch.conditioning.mask.sum(1) == kind.n_atoms
    assert 0 < of_first.sum() < 32
    expected = batch.positions[of_first, :1, 0] + 2.0 + torch.from_numpy(kind.residue_indices)
    torch.testing.assert_close(batch.weights[of_first, : kind.n_atoms], expected.float())
    assert (batch.weights[of_first, kind.n_atoms :] == 0).all()  # padding
    assert (batch.weights[~of_first] == 1).all()
    assert TrainingBatches(files[1:], 32, 0)[1].weights is None

    settings = TrainingSettings(align=False)
    told: list[torch.Tensor] = []

    def nothing_learned(y: torch.Tensor, *_: object) -> torch.Tensor:
        told.append(y)
        return y

    found = denoising_error(nothing_learned, batch, 0.04, settings, "noise")
    mask = batch.conditioning.mask
    squared = (told[0] - centre(batch.positions, mask)).square().sum(-1)
    torch.testing.assert_close(found, (squared * batch.weights).sum(1) / mask.sum(1))


def test_weights_of_other_frames_are_refused(data: dict[str, object], tmp_path: Path) -> None:
    write_npz(tmp_path / "weights.npz", {"AA": np.ones(59, dtype=np.float32)})
    with pytest.raises(TrainingError, match=r"weights\.npz: not of the 60 frames of .*AA\.h5"):
        train(**_arguments(data, tmp_path), weights=tmp_path / "weights.npz")


def test_weights_of_another_network_are_refused(data: dict[str, object], tmp_path: Path) -> None:
    train(**_arguments(data, tmp_path / "first", max_steps=1))
    arguments = _arguments(data, tmp_path / "second", initial_weights="first")
    arguments["network"] = NETWORK.model_copy(update={"n_radial": NETWORK.n_radial + 1})
    with pytest.raises(TrainingError, match=r"another network \(n_radial is .* models the network of first"):
        train(**arguments, initial=tmp_path / "first" / "checkpoint.ckpt")
    assert not (tmp_path / "second").exists()


def test_only_our_checkpoints_are_read(data: dict[str, object], tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    harmful = tmp_path / "harmful.ckpt"
    torch.save({"format": "jamun-denoiser", "state_dict": Harmful()}, harmful)
    text = tmp_path / "text.ckpt"
    text.write_text("not a checkpoint")
    foreign = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}}, foreign)
    other = tmp_path / "other.ckpt"
    torch.save({"format": "jamun-denoiser", "format_version": 1, "vocabulary_version": -1}, other)
    damaged = tmp_path / "damaged.ckpt"
    torch.save({"format": "jamun-denoiser", "format_version": 1, "vocabulary_version": 1}, damaged)
    for path, reason in (
        (harmful, "read safely"),
        (text, "read safely"),
        (foreign, "not a checkpoint of this program"),
        (other, "vocabulary_version"),
        (damaged, "damaged"),
        (tmp_path / "absent.ckpt", "no such checkpoint"),
    ):
        with pytest.raises(CheckpointError, match=reason):
            load_denoiser(path)
    assert not (tmp_path / "executed").exists()


def test_processes_of_devices_stop_and_end_with_the_job(data: dict[str, object], tmp_path: Path) -> None:
    """Started by a script without a main guard, as Snakemake's jobs are."""
    own, folder, log = dict(data), tmp_path / "run", tmp_path / "run" / "log"
    # One batch of validation for both.
    changes = {"devices": 2, "max_steps": 100_000, "validation_interval": 5, "validation_frames": 8}

    def begun(said: str) -> subprocess.Popen[bytes]:
        before = log.read_text().count(said) if log.exists() else 0
        command = _command(sys.executable, own, folder, changes)
        process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while (not log.exists() or log.read_text().count(said) == before) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        process = begun("INFO step ")
        ended = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        assert len(ended) == 2
        process.send_signal(number)
        assert process.wait(60) == code
        _, alive = psutil.wait_procs(ended, timeout=20)
        assert not alive
    assert re.search(r"STOPPED training was told to stop by SIGTERM; up to step \d+ of 100000", log.read_text())
    assert (folder / "work" / "last.ckpt").exists()
    # What is wrong in a process is a sentence here.
    broken = toy.write_toy(tmp_path / "AA.h5", ["ALA", "ALA"], 60, 1)
    with h5py.File(broken, "r+") as file:
        file["positions"][:] = np.nan
    own["train"], changes["align"] = [broken], False
    process = begun("ERROR")
    assert process.wait(60) == 1
    assert "ERROR The training loss is no longer a finite number at step" in log.read_text()


def test_two_processes_give_the_gradients_of_one(data: dict[str, object], tmp_path: Path) -> None:
    """Two processes with batches of 8 follow the same curve as one that accumulates two batches of 8."""
    two, one = tmp_path / "two", tmp_path / "one"
    train(**_arguments(data, two, devices=2, gradient_clip=0))
    train(**_arguments(data, one, accumulate=2, gradient_clip=0))
    for first, second in zip(_rows(one / "metrics.csv"), _rows(two / "metrics.csv"), strict=True):
        if first["validation_loss"]:
            assert float(first["validation_loss"]) == pytest.approx(float(second["validation_loss"]), rel=1e-3)


def test_last_and_best_are_kept_apart(data: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the validation loss gets worse, training goes on and is recorded to its end, and the best is published."""
    losses = iter([0.5, 0.4, 0.6, 0.7, 0.8])

    def given(module: DenoiserTraining) -> torch.Tensor:
        module._validation.clear()
        return torch.tensor(next(losses), dtype=torch.float64)

    monkeypatch.setattr(DenoiserTraining, "collect_validation", given)
    train(**_arguments(data, tmp_path, max_steps=50, validation_interval=10))
    rows = _rows(tmp_path / "metrics.csv")
    assert [int(row["step"]) for row in rows if row["validation_loss"]] == [10, 20, 30, 40, 50]
    assert int(rows[-1]["step"]) == 50
    record = json.loads((tmp_path / "training.json").read_text())
    assert (record["steps"], record["best_step"]) == (50, 20)
    assert (record["best_validation_loss"], record["last_validation_loss"]) == (0.4, 0.8)


def test_stops_where_the_validation_loss_no_longer_improves(
    data: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.4, 0.45, 0.41, 0.1])

    def given(module: DenoiserTraining) -> torch.Tensor:
        module._validation.clear()
        return torch.tensor(next(losses), dtype=torch.float64)

    monkeypatch.setattr(DenoiserTraining, "collect_validation", given)
    train(**_arguments(data, tmp_path, max_steps=500, validation_interval=10, early_stopping=2))
    record = json.loads((tmp_path / "training.json").read_text())
    assert (record["steps"], record["best_step"], record["best_validation_loss"]) == (40, 20, 0.4)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"precision": "bfloat16"}, id="bfloat16"),
        pytest.param({"num_workers": 2}, id="read ahead"),
        pytest.param({"compile": "default"}, id="compiled", marks=pytest.mark.full),
        pytest.param(
            {"compile": "cuda_graphs", "accelerator": "gpu", "num_workers": 2},
            id="on a GPU by CUDA graphs",
            marks=NEEDS_A_GPU,
        ),
    ],
)
def test_trains_as_well_in_other_arithmetic(data: dict[str, object], tmp_path: Path, changes: dict) -> None:
    """The same data and noise, so nearly the same loss; and the weights that are published are float32."""
    small = {"max_steps": 40, "validation_interval": 40}
    losses = []
    for name, more in (("plain", {}), ("other", changes)):
        train(**_arguments(data, tmp_path / name, **small, **more))
        losses.append(json.loads((tmp_path / name / "training.json").read_text())["best_validation_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.02 if "precision" in changes else 1e-3)
    weights = load_denoiser(tmp_path / "other" / "checkpoint.ckpt").denoiser.parameters()
    assert {parameter.dtype for parameter in weights} == {torch.float32}
