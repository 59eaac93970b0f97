"""Published checkpoints: one file of tensors and plain values, which torch reads without running code."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from jamun.config.architecture import ArchitectureSettings
from jamun.config.network import network_settings, settings_class
from jamun.config.public_network import PublicNetworkSettings
from jamun.config.training import TrainingSettings
from jamun.data.trained_on import TrainedOn
from jamun.io.atomic import atomic_path
from jamun.io.log import UserError
from jamun.io.shipped import SUFFIX, card_beside
from jamun.io.text import in_brief
from jamun.model.architectures import ARCHITECTURES, architecture_of, build
from jamun.model.network import Network
from jamun.model.public.importer import PublicCheckpointError, Told, is_public, read_public
from jamun.model.weights import read_weights

FORMAT = "jamun-denoiser"
FORMAT_VERSION = 1


class CheckpointError(UserError):
    """A file that is no checkpoint of this program, or one of another version."""


@dataclass
class LoadedDenoiser:
    """A trained network.

    denoiser: in evaluation mode, gradients off.
    sigma: the noise level that it was validated at, nm; where it was not trained over a range, the only one.
    network, training: its settings.
    record: the rest of the file, metrics and versions.
    trained_on: the molecules of its training; None where neither file nor card tells.
    """

    denoiser: Network
    sigma: float
    network: ArchitectureSettings
    training: TrainingSettings
    record: dict[str, Any]
    trained_on: TrainedOn | None = None


def _read(path: Path) -> Any:
    """What the file holds, read without running code in it."""
    if path.suffix == SUFFIX:
        return read_weights(path)
    if is_public(path):
        return public_content(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def public_content(path: Path, told: Told | None = None) -> dict[str, Any]:
    """A checkpoint of the authors' public program as one of this program; `told` is what it does not tell.

    Raises PublicCheckpointError, in one sentence, for a file that cannot be taken in.
    """
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "vocabulary_version": ARCHITECTURES[PublicNetworkSettings.name()].vocabulary_version,
    }
    return head | read_public(path, told)


def read_content(path: Path) -> dict[str, Any]:
    """The mapping in a checkpoint of this program, of this version, or of the authors' public one. Raises
    CheckpointError, PublicCheckpointError."""
    try:
        content = _read(path)
    except PublicCheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint.") from None
    except Exception as error:  # whatever PyTorch's reader makes of a file that is something else
        raise CheckpointError(f"{path}: not a checkpoint that can be read safely ({in_brief(error, 120)}).") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of this program; give one that its train rule published.")
    _require_version(path, content, "format_version", FORMAT_VERSION)
    try:
        # A file that does not say what network it has is told where the network is built.
        kind = settings_class(content.get("network") or {})
    except (AttributeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged, or of another version of this program ({error}).") from None
    _require_version(path, content, "vocabulary_version", ARCHITECTURES[kind.name()].vocabulary_version)
    return content


def _require_version(path: Path, content: dict[str, Any], what: str, expected: int) -> None:
    if content.get(what) != expected:
        raise CheckpointError(
            f"{path}: its {what} is {content.get(what)}, this program's is {expected}; train the model again or use "
            "the version that made it."
        )


def save_denoiser(
    path: Path, denoiser: Network, network: ArchitectureSettings, training: TrainingSettings, record: dict[str, Any]
) -> None:
    """Write a checkpoint atomically; `record` holds metrics and provenance, of JSON's types only."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "vocabulary_version": architecture_of(network).vocabulary_version,
        "sigma": float(training.sigma),
        "mean_squared_distance": float(denoiser.mean_squared_distance),
        "network": network.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "record": json.loads(json.dumps(record)),
        "state_dict": {name: value.detach().cpu().clone() for name, value in denoiser.state_dict().items()},
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_denoiser(path: str | Path, device: str | torch.device = "cpu") -> LoadedDenoiser:
    """Read a checkpoint that this program published, ``checkpoint.ckpt`` or a shipped ``model.safetensors``, or one
    of the authors' public program.

    Nothing in the file is executed: the first is read with ``weights_only=True``. Raises CheckpointError, in one
    sentence, for a file that is missing, is no checkpoint of this program, or comes from another version of it.
    """
    path = Path(path)
    content = read_content(path)
    try:
        network = network_settings(content["network"])
        training = TrainingSettings(**content["training"])
        denoiser = build(network, float(content["mean_squared_distance"]))
        denoiser.load_state_dict(content["state_dict"])
        sigma, record = float(content["sigma"]), dict(content["record"])
        trained_on = _trained_on(path, content)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, ValidationError) as error:
        raise CheckpointError(f"{path}: damaged, or of another version of this program ({in_brief(error)}).") from None
    denoiser.to(device).eval().requires_grad_(False)
    return LoadedDenoiser(denoiser, sigma, network, training, record, trained_on)


def _trained_on(path: Path, content: dict[str, Any]) -> TrainedOn | None:
    """The molecules of a checkpoint's training, by its record, or by the card beside a shipped model."""
    told = content["record"].get("trained_on")
    if told is not None:
        return TrainedOn.from_json(told)
    return TrainedOn.from_card(card_beside(path)) if path.suffix == SUFFIX else None


def import_checkpoint(source: Path, published: Path) -> None:
    """Take in a checkpoint of any form under another name, once it is seen to be whole. Raises CheckpointError."""
    loaded = load_denoiser(source)
    with atomic_path(published) as temporary:
        if source.suffix == SUFFIX or is_public(source):
            content = read_content(source)
            if loaded.trained_on is not None:  # which a card told, that stays behind
                content["record"] = content["record"] | {"trained_on": loaded.trained_on.to_json()}
            torch.save(content, temporary)
        else:
            shutil.copyfile(source, temporary)
