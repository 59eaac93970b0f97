"""Training of a network, from files to files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from jamun.config.architecture import ArchitectureSettings
from jamun.config.training import TrainingSettings
from jamun.data.store import FeatureFile
from jamun.data.trained_on import TrainedOn
from jamun.data.vocabulary import VOCABULARY_VERSION
from jamun.io.atomic import read_json, read_npz, write_json, write_text
from jamun.io.provenance import provenance
from jamun.model.architectures import architecture_of, build
from jamun.model.batches import TrainingData, TrainingError
from jamun.model.checkpoint import LoadedDenoiser, load_denoiser, save_denoiser
from jamun.model.fit import fit, read_state
from jamun.model.history import COLUMNS
from jamun.model.loss import trains_on_gpu, validation_losses

__all__ = ["TrainingError", "TrainingFiles", "TrainingInputs", "train_to_files"]


def _load_initial(path: Path, network: ArchitectureSettings, training: TrainingSettings) -> LoadedDenoiser:
    """The model that training starts from. Raises TrainingError where its network is another."""
    loaded = load_denoiser(path)
    ours, theirs = network.model_dump(), loaded.network.model_dump()
    if ours != theirs:
        key = next(key for key in ours if ours[key] != theirs.get(key))
        raise TrainingError(
            f"{path}: weights cannot be taken from another network ({key} is {theirs.get(key)} there and {ours[key]} "
            f"here); give the model under models the network of {training.initial_weights}."
        )
    return loaded


def _told(initial: LoadedDenoiser, name: str | None) -> dict[str, Any]:
    """What the record of a training says of the model that it started from: and of what that one started from."""
    kept = ("steps", "best_validation_loss", "seconds", "initial")
    return {
        "model": name,
        "training": initial.training.model_dump(mode="json"),
        **{key: initial.record[key] for key in kept if key in initial.record},
    }


def _trained_on(files: list[FeatureFile]) -> TrainedOn:
    """The molecules of a training; their solvent where it is one and known."""
    solvents = {file.solvent for file in files}
    return TrainedOn.of((file.molecule for file in files), solvents.pop() if len(solvents) == 1 else None)


def _read_weights(path: Path, files: list[FeatureFile]) -> dict[str, np.ndarray]:
    """Weights of the frames of these peptides. Raises TrainingError where they are of other frames."""
    weights = read_npz(path)
    for file in files:
        if len(weights.get(file.peptide, ())) != file.n_frames:
            raise TrainingError(f"{path}: not of the {file.n_frames} frames of {file.path}; delete it to make it anew.")
    return {file.peptide: weights[file.peptide] for file in files}


@dataclass(frozen=True)
class TrainingInputs:
    """Files that a training reads.

    train, validation: features files of both splits.
    dataset: dataset.json, which describes them.
    initial: checkpoint whose weights training starts from, and whose unit of length it keeps; None for random ones.
    weights: NPZ of the training frames' weights; None weighs all alike.
    """

    train: list[Path]
    validation: list[Path]
    dataset: Path
    initial: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True)
class TrainingFiles:
    """Files that a training writes.

    checkpoint: the averaged weights of the best validation.
    metrics: CSV of step, epoch, train_loss, validation_loss, learning_rate, seconds; blank where not measured then.
    record: JSON.
    work: folder of resumable state, removed at the end.
    tensorboard: folder in which TensorBoard's logs are kept, replaced if it is there; None keeps none.
    """

    checkpoint: Path
    metrics: Path
    record: Path
    work: Path
    tensorboard: Path | None = None


def train_to_files(
    inputs: TrainingInputs,
    network: ArchitectureSettings,
    training: TrainingSettings,
    files: TrainingFiles,
    threads: int,
    gpus: Sequence[int] = (),
) -> None:
    """Train a model and publish it; the same call again goes on where an interrupted one stopped.

    Losses are |xhat - x|^2 / (3 sigma^2).

    Args:
        inputs: what to learn from.
        network: its settings.
        training: settings of the training.
        files: what is written.
        threads: of the processor.
        gpus: indices of the GPUs to train on; none leaves them to Lightning.

    Raises:
        TrainingError: features that cannot be trained on, initial weights of another network, weights of other frames.
        Interrupted: at SIGTERM.
    """
    if not inputs.train or not inputs.validation:
        raise TrainingError("Training needs at least one training and one validation peptide; see peptides.")
    described = read_json(inputs.dataset)
    if described.get("vocabulary_version") != VOCABULARY_VERSION:
        raise TrainingError(f"{inputs.dataset}: made with another vocabulary; delete the features and make them anew.")
    start = None if inputs.initial is None else _load_initial(inputs.initial, network, training)
    # What weights mean depends on it: those of another dataset keep theirs.
    squared = float(described["mean_squared_distance"] if start is None else start.denoiser.mean_squared_distance)
    torch.set_num_threads(max(1, threads // training.devices))
    split = [FeatureFile(path) for path in inputs.train], [FeatureFile(path) for path in inputs.validation]
    weights = None if inputs.weights is None else _read_weights(inputs.weights, split[0])
    data = TrainingData(*split, squared, weights)
    last, best = fit(data, network, training, files.work, gpus, None if start is None else start.denoiser)
    denoiser = build(network, squared)
    learned = read_state(best, "best")["state_dict"]
    denoiser.load_state_dict(
        {name.removeprefix("average."): value for name, value in learned.items() if name.startswith("average.")}
    )
    state = read_state(last, "last")
    summary = _summary(state) | {"trained_on": _trained_on(data.train).to_json()}
    if start is not None:
        summary["initial"] = _told(start, training.initial_weights)
    if training.sigma_range is not None:
        kind = architecture_of(network).conditioning
        summary["validation_loss_by_sigma_nm"] = validation_losses(denoiser, kind, data.validation, training)
    save_denoiser(files.checkpoint, denoiser, network, training, summary)
    rows = pd.DataFrame(_history(state)["rows"], columns=COLUMNS)  # blank where not measured at a step
    write_text(files.metrics, rows.to_csv(index=False, float_format="%.9g"))
    write_json(
        files.record,
        {
            "network": network.model_dump(mode="json"),
            "training": training.model_dump(mode="json"),
            "parameters": sum(parameter.numel() for parameter in denoiser.parameters()),
            "mean_squared_distance": squared,
            "loss": "mean over atoms of |xhat - x|^2 / (3 sigma^2)",
            "reweighted_frames": weights is not None or any(file.weighted for file in data.train),
            "device": torch.cuda.get_device_name() if trains_on_gpu(training) else "cpu",
            "threads": threads,
            **summary,
        },
    )
    if files.tensorboard is not None:
        shutil.rmtree(files.tensorboard, ignore_errors=True)
        files.tensorboard.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(files.work / "tensorboard", files.tensorboard)
    shutil.rmtree(files.work, ignore_errors=True)


def _history(state: dict[str, Any]) -> dict[str, Any]:
    """The state of the learning curve in Lightning's checkpoint, with its `rows`."""
    return next(dict(value) for name, value in state["callbacks"].items() if name.startswith("History"))


def _summary(state: dict[str, Any]) -> dict[str, Any]:
    """What the record and the checkpoint tell of a finished training."""
    validated = [row for row in _history(state)["rows"] if row["validation_loss"] is not None]
    chosen = min(validated, key=lambda row: row["validation_loss"])
    return {
        "steps": state["global_step"],
        "best_step": chosen["step"],
        "best_validation_loss": chosen["validation_loss"],
        "last_validation_loss": validated[-1]["validation_loss"],
        "seconds": round(_history(state)["seconds"], 3),
        "provenance": provenance("torch", "lightning", "e3nn", "numpy"),
    }
