"""The whole configuration: sections, models, and how it is read."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from jamun.config.base import Section
from jamun.config.evaluation import EvaluationSettings
from jamun.config.features import FeatureSettings
from jamun.config.figures import FigureSettings
from jamun.config.network import NetworkSettings
from jamun.config.peptides import PeptideSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.simulate import SimulateSettings
from jamun.config.source import SourceSettings
from jamun.config.training import TrainingSettings

# A name becomes a folder: no separators, nothing hidden, nothing that climbs out of results/.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


Split = Literal["train", "validation", "test"]


class ConfigurationError(ValueError):
    """A configuration that cannot be run; the message is one sentence for the user."""


class ModelEntry(Section):
    """One model of the dataset: trained here, or brought from elsewhere as a checkpoint."""

    checkpoint: str | None = Field(None, description="Path of a checkpoint to use; null trains the model here.")
    network: dict[str, Any] = Field(default_factory=dict, description="Keys of `network` that differ for this model.")
    training: dict[str, Any] = Field(default_factory=dict, description="Keys of `training` that differ for this model.")

    @model_validator(mode="after")
    def _trained_or_brought(self) -> ModelEntry:
        if self.checkpoint is not None and (self.network or self.training):
            raise ValueError("a model with a checkpoint is not trained here: leave out its network and training keys")
        return self


class SplitEntry(Section):
    """What differs for the peptides of one split."""

    simulate: dict[str, Any] = Field(default_factory=dict, description="Keys of `simulate` that differ for this split.")


class Configuration(Section):
    """A dataset, the models on it, and every stage's settings."""

    dataset: Name = Field("capped_demo", description="Name of the dataset: the folder below results/.")
    peptides: PeptideSettings = Field(default_factory=PeptideSettings, description="Sequences and splits.")
    source: SourceSettings = Field(default_factory=SourceSettings, description="Where the MD comes from.")
    simulate: SimulateSettings = Field(default_factory=SimulateSettings, description="Molecular dynamics.")
    splits: dict[Split, SplitEntry] = Field(
        default_factory=dict, description="What differs for a split, by its name, such as longer MD of test peptides."
    )
    features: FeatureSettings = Field(default_factory=FeatureSettings, description="Training features.")
    network: NetworkSettings = Field(default_factory=NetworkSettings, description="Denoiser network.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="Training of the denoiser.")
    models: dict[Name, ModelEntry] = Field(
        default_factory=lambda: {"default": ModelEntry()}, min_length=1, description="Models, by name."
    )
    checkpoint: str | None = Field(
        None, description="On the command line: a checkpoint to evaluate, under the name given as `model`."
    )
    model: Name | None = Field(None, description="On the command line: the one model that the targets are about.")
    sampling: SamplingSettings = Field(default_factory=SamplingSettings, description="Walk-jump sampling.")
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description="Comparison with MD.")
    figures: FigureSettings = Field(default_factory=FigureSettings, description="Looks of the figures.")

    @model_validator(mode="after")
    def _consistent(self) -> Configuration:
        if self.checkpoint is not None and self.model is None:
            raise ValueError("checkpoint needs a name for its results: give model=NAME beside it")
        if self.checkpoint is None and self.model is not None and self.model not in self.models:
            raise ValueError(
                f"model {self.model!r} is not one of models ({', '.join(self.models)}): "
                "give one of those, or checkpoint=PATH beside it"
            )
        if self.checkpoint is not None and self.model in self.models:
            entry = self.models[self.model]
            if entry.checkpoint != self.checkpoint:
                raise ValueError(
                    f"model {self.model!r} is already configured under models: give the checkpoint another name"
                )
        for name in self.models:
            try:
                self.network_of(name)
                self.training_of(name)
            except ValidationError as error:
                raise ValueError(f"models.{name}: {_sentence(error)}") from None
        for name in self.splits:
            try:
                self.simulate_of(name)
            except ValidationError as error:
                raise ValueError(f"splits.{name}.simulate: {_sentence(error)}") from None
        return self

    def active_models(self) -> list[str]:
        """Names of the models that targets are about: all of them, or the one named by `model`."""
        return [self.model] if self.model is not None else list(self.models)

    def checkpoint_of(self, name: str) -> str | None:
        """Path of the checkpoint that model `name` was brought as, or None where it is trained here."""
        if self.checkpoint is not None and name == self.model:
            return self.checkpoint
        return self.models[name].checkpoint

    def simulate_of(self, split: Split) -> SimulateSettings:
        """The simulate section with the differences of `split`."""
        differences = self.splits[split].simulate if split in self.splits else {}
        return SimulateSettings(**(self.simulate.model_dump() | differences))

    def network_of(self, name: str) -> NetworkSettings:
        """The network section with the differences of model `name`."""
        return NetworkSettings(**(self.network.model_dump() | self.models[name].network))

    def training_of(self, name: str) -> TrainingSettings:
        """The training section with the differences of model `name`."""
        return TrainingSettings(**(self.training.model_dump() | self.models[name].training))


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Field names of the section that `location` (without its last part) leads to, or [] where it is no section."""
    section: Any = Configuration
    for part in location[:-1]:
        field = getattr(section, "model_fields", {}).get(part)
        section = field.annotation if field is not None else None
    return list(getattr(section, "model_fields", {}))


def _sentence(error: ValidationError) -> str:
    """The first problem of a pydantic error, as one sentence that names the key."""
    problem = error.errors()[0]
    location = problem["loc"]
    key = ".".join(str(part) for part in location) or "configuration"
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(location[-1]), _known_keys(location), n=1)
        return f"{key} is not a known key" + (f"; did you mean {close[0]}?" if close else "")
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:] if message[:2] != message[:2].upper() else message
    shown = problem["input"]
    if problem["type"] == "value_error" and not location:
        return message[:400]
    if isinstance(shown, (str, int, float, bool, type(None))) and problem["type"] != "value_error":
        return f"{key}: {message}, got {shown!r}"[:400]
    return f"{key}: {message}"[:400]


def parse(raw: Any, source: str = "configuration") -> Configuration:
    """Validate a mapping as read from YAML.

    Raises ConfigurationError with one sentence that names `source` and the key.
    """
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{source}: expected a mapping of sections, found {type(raw).__name__}.")
    try:
        return Configuration(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        raise ConfigurationError(f"{source}: {_sentence(error)}.") from None


def load(path: str | Path) -> Configuration:
    """Read a YAML file and validate it. Raises ConfigurationError, also for a file that is missing or no YAML."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such configuration file.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:200]}).") from None
    return parse(raw or {}, str(path))
