"""The whole configuration: sections, models, and how it is read."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, SerializeAsAny, StringConstraints, ValidationError, WrapValidator, model_validator

from jamun import layout
from jamun.config.ablation import AblationSettings
from jamun.config.architecture import ArchitectureSettings
from jamun.config.base import NAME, Quantity, Section
from jamun.config.errors import ConfigurationError, sentence
from jamun.config.evaluation import EvaluationSettings
from jamun.config.features import FeatureSettings
from jamun.config.figures import FigureSettings
from jamun.config.frame_weights import FrameWeightSettings
from jamun.config.network import NetworkSettings, network_settings, of_its_architecture, settings_class
from jamun.config.peptides import PeptideSettings
from jamun.config.populations import PopulationSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.simulate import SimulateSettings
from jamun.config.source import SourceSettings
from jamun.config.training import TrainingSettings
from jamun.io.shipped import DEFAULT_MODEL, ShippedModel, ShippedModelError, sampling_in, shipped_model
from jamun.io.text import one_line, read_text, shown

logger = logging.getLogger(__name__)

Name = Annotated[str, StringConstraints(pattern=NAME)]
Split = Literal["train", "validation", "test"]

# Sections that a command reads, and keys that it may be thought to read, and does not: the workflow alone reads them.
_READ = {
    "build": ("peptides",),
    "simulate": ("peptides", "simulate"),
    "sample": ("peptides", "sampling", "evaluation", "figures"),
    "evaluate": ("evaluation", "figures"),
    "populations": ("peptides", "simulate", "sampling", "populations", "evaluation", "figures"),
}
_NOT_READ = {
    "simulate": ("simulate.batched", "splits.*.simulate"),
    "sample": ("models.*.sampling",),
    "evaluate": ("evaluation.wasserstein", "frame_weights"),
    "populations": (
        "simulate.batched",
        "simulate.replicas",
        "simulate.starts",
        "splits.*.simulate",
        "models.*.sampling",
    ),
}

# Stands for a checkpoint's path, alone or before a colon and a name.
SHIPPED = "shipped"


@contextmanager
def _told_at(kind: type[Section], *where: str) -> Iterator[None]:
    """Say what is wrong with settings of a kind by their place in the configuration."""
    try:
        yield
    except ValidationError as error:
        raise ValueError(sentence(error, kind, where)) from None


class ModelEntry(Section):
    """A model of the dataset: trained here, or trained before and given as a checkpoint."""

    checkpoint: str | None = None
    """Path of a checkpoint. `shipped` is the default model of the program, `shipped:NAME` another of its models (`jamun
    models` lists them). These, and any other model as safetensors, are sampled with the settings that they bring,
    except for keys of `sampling` below. null: the model is trained here."""
    samples: str | None = None
    """Samples of another program, in place of sampling: a trajectory for each test peptide. {peptide} stands for its
    name. They are compared as they are."""
    topology: str | None = None
    """Structure that names the atoms of `samples`, with {peptide} for the name. null: the PDB of the same name beside
    them."""
    seconds: Annotated[float, Quantity("s", gt=0, le=1e9)] | None = None
    """Wall clock of the `samples` of one peptide. null: not known."""
    device: str | None = Field(None, max_length=100)
    """What the `samples` were made on, in words. null: not known."""
    simulate: dict[str, Any] | None = None
    """Plain MD of each test peptide in place of samples, made here: keys of `simulate` that differ, such as
    {production: 100 ps}. It shows what MD reaches on this machine without a model."""
    network: dict[str, Any] = Field(default_factory=dict)
    """Keys of `network` that differ for this model."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Keys of `training` that differ for this model."""
    sampling: dict[str, Any] = Field(default_factory=dict)
    """Keys of `sampling` that differ for this model."""

    @model_validator(mode="after")
    def _trained_or_brought(self) -> "ModelEntry":
        if self.checkpoint is not None and (self.network or self.training):
            raise ValueError("a model with a checkpoint is not trained here: leave out its network and training keys")
        if self.samples is not None and (self.checkpoint or self.network or self.training or self.sampling):
            raise ValueError(
                "a model with samples is not sampled here: leave out checkpoint, network, training, sampling"
            )
        if self.simulate is not None and (
            self.samples or self.checkpoint or self.network or self.training or self.sampling
        ):
            raise ValueError(
                "a model with simulate is plain MD: leave out samples, checkpoint, network, training, sampling"
            )
        if self.samples is None and (self.topology or self.seconds or self.device):
            raise ValueError("topology, seconds and device are of samples that another program made: give samples too")
        return self


class SplitEntry(Section):
    """Settings that differ for the peptides of one split."""

    simulate: dict[str, Any] = Field(default_factory=dict)
    """Keys of `simulate` that differ for this split."""


class Configuration(Section):
    """A dataset, its models, and the settings of every stage."""

    dataset: Name = "capped_demo"
    """Name of the dataset: the folder below results/."""
    peptides: PeptideSettings = Field(default_factory=PeptideSettings)
    """Sequences and splits."""
    source: SourceSettings = Field(default_factory=SourceSettings)
    """Where the MD comes from."""
    simulate: SimulateSettings = Field(default_factory=SimulateSettings)
    """Molecular dynamics."""
    splits: dict[Split, SplitEntry] = Field(default_factory=dict)
    """Settings that differ for a split, by its name, such as longer MD of test peptides."""
    frame_weights: FrameWeightSettings | None = None
    """Weights of MD frames from a Markov model of their transitions, for training and for the reference. Use them if
    simulations are shorter than their slow motions. null: all frames count alike."""
    features: FeatureSettings = Field(default_factory=FeatureSettings)
    """Training features."""
    network: Annotated[SerializeAsAny[NetworkSettings], WrapValidator(of_its_architecture)] = Field(
        default_factory=NetworkSettings
    )
    """Denoiser network."""
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    """Training of the denoiser."""
    models: dict[Name, ModelEntry] = Field(default_factory=lambda: {"default": ModelEntry()}, min_length=1)
    """Models, by name."""
    checkpoint: str | None = None
    """For the command line: a checkpoint to evaluate, under the name given as `model`."""
    model: Name | None = None
    """For the command line: the only model that targets are made for."""
    partial: bool = False
    """For the command line: evaluate only test peptides that already have MD and samples. Nothing is simulated, trained
    or sampled."""
    sampling: SamplingSettings = Field(default_factory=SamplingSettings)
    """Walk-jump sampling."""
    populations: PopulationSettings = Field(default_factory=PopulationSettings)
    """Populations by short MD from samples."""
    ablation: AblationSettings = Field(default_factory=AblationSettings)
    """Test peptides sampled again with other settings."""
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    """Comparison with MD."""
    figures: FigureSettings = Field(default_factory=FigureSettings)
    """Looks of the figures."""

    @model_validator(mode="after")
    def _consistent(self) -> "Configuration":
        if self.frame_weights is not None and not self.source.exists:
            raise ValueError("frame_weights weighs MD, and source is none: leave frame_weights out")
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
        for name in [*self.models, *([self.model] if self.checkpoint is not None and self.model else [])]:
            try:
                self.shipped_of(name)
            except ShippedModelError as error:
                raise ValueError(f"checkpoint of model {name!r}: {str(error).rstrip('.')}") from None
        if layout.BESIDE in (*self.models, self.model):
            raise ValueError(
                f"model {layout.BESIDE!r}: figures/{layout.BESIDE} holds the figures of all models side by side; "
                "give it another name"
            )
        for name in self.models:
            try:
                self.network_of(name)
            except ValidationError as error:
                kind = settings_class(self._network_values(name))
                raise ValueError(sentence(error, kind, ("models", name, "network"))) from None
            except ValueError as error:
                raise ValueError(f"models.{name}.network: {error}") from None
            with _told_at(TrainingSettings, "models", name, "training"):
                self.training_of(name)
            with _told_at(SamplingSettings, "models", name, "sampling"):
                self._check_jumps(name, self.sampling_of(name), f"models.{name}.sampling")
        for name in self.models:
            self._check_initial_weights(name)
        for name in self.splits:
            with _told_at(SimulateSettings, "splits", name, "simulate"):
                self.simulate_of(name)
        for name in self.models:
            self._check_plain_md(name)
        for name in self.ablation.rows:
            self._check_ablated(name)
        self._check_populated()
        if not self.source.exists:
            self._check_without_md()
        return self

    def _check_initial_weights(self, name: str) -> None:
        """Raise ValueError, with a sentence, for a model that training cannot start from."""
        initial, where = self.initial_of(name), f"models.{name}.training.initial_weights"
        if initial is None:
            return
        if initial not in self.models:
            raise ValueError(f"{where}: {initial!r} is not one of models ({', '.join(self.models)})")
        if name in self._ancestors(name):
            raise ValueError(f"{where}: a model cannot start from its own weights, as {name!r} would by {initial!r}")
        if self.is_outside(initial):
            raise ValueError(f"{where}: {initial!r} has samples and no weights; give another model")
        if self.checkpoint_of(initial) is None and self.network_of(name) != self.network_of(initial):
            raise ValueError(f"{where}: the network of {initial!r} is another; give both models the same network keys")

    def _check_plain_md(self, name: str) -> None:
        """Raise ValueError, with a sentence, for plain MD in place of a model that cannot be simulated."""
        with _told_at(SimulateSettings, "models", name, "simulate"):
            settings = self.plain_md_of(name)
        if settings is not None and settings.batched:
            raise ValueError(
                f"models.{name}.simulate: plain MD has a wall clock of its own, and batched simulations share one: "
                "give batched: false"
            )

    def _check_populated(self) -> None:
        """Raise ValueError, with a sentence, for models whose samples short MD cannot begin from."""
        for name in self.populations.models:
            if name not in self.models:
                raise ValueError(f"populations.models: {name!r} is not one of models ({', '.join(self.models)})")
        if self.populations.models and self.simulate_of("test").solvent != "implicit":
            raise ValueError(
                "populations.models: short MD is made in implicit solvent; set simulate.solvent to implicit, or leave "
                "populations.models out"
            )

    def _check_without_md(self) -> None:
        """Raise ValueError, with a sentence, for what needs MD where there is none."""
        for split in ("train", "validation"):
            if getattr(self.peptides, split):
                raise ValueError(f"peptides.{split}: with source.kind none there is no MD to train on; list test only")
        if self.ablation.rows:
            raise ValueError("ablation: with source.kind none there is no MD to compare with; leave it out")
        for name in self.active_models():
            if self.is_trained(name):
                raise ValueError(
                    f"model {name!r} cannot be trained with source.kind none: give it a checkpoint under models, or "
                    "checkpoint=PATH model=NAME on the command line"
                )

    def _check_ablated(self, name: str) -> None:
        """Raise ValueError, with a sentence, for a row of the ablation that cannot be sampled."""
        where = f"ablation.variants.{name}" if name in self.ablation.variants else "ablation"
        model = self.ablated_model(name)
        if model not in self.models:
            raise ValueError(f"{where}: model {model!r} is not one of models ({', '.join(self.models)})")
        if self.is_outside(model):
            raise ValueError(
                f"{where}: model {model!r} has samples and cannot sample; name another under ablation.model"
            )
        with _told_at(SamplingSettings, where):
            settings = self.ablated_sampling(name)
        self._check_jumps(model, settings, where)

    def _check_jumps(self, model: str, settings: SamplingSettings, where: str) -> None:
        """Raise ValueError, with a sentence, for levels of the jump that are not below that of a model's walk."""
        if settings.sigma is None and settings.jump_sigmas and self.models[model].checkpoint is None:
            sigma = self.training_of(model).sigma
            if settings.jump_sigmas[0] >= sigma:
                raise ValueError(
                    f"{where}: jump_sigmas must decrease from below the walk's sigma, but "
                    f"{settings.jump_sigmas[0]:g} nm follows {sigma:g} nm"
                )

    def active_models(self) -> list[str]:
        """Names of the models that targets are about: all of them, or the one named by `model`."""
        return [self.model] if self.model is not None else list(self.models)

    def populated_models(self) -> list[str]:
        """Those of the active models whose samples get populations."""
        return [name for name in self.active_models() if name in self.populations.models]

    def evaluated_models(self) -> list[str]:
        """Names of what is evaluated: the active models, and the weighted MD of those that get populations."""
        return [*self.active_models(), *(name + layout.POPULATED for name in self.populated_models())]

    def analyses(self) -> dict[str, dict[str, str]]:
        """The files of every analysis of samples against MD that is made, by its rule."""
        asked = {"wasserstein": layout.WASSERSTEIN} if self.evaluation.wasserstein.enabled else {}
        return layout.EVALUATION | asked

    def checkpoint_of(self, name: str) -> str | None:
        """Path of the checkpoint that model `name` was brought as, or None where it is trained here."""
        path = self._path_of(name)
        shipped = self.shipped_of(name)
        return path if shipped is None else str(shipped.weights)

    def outside_of(self, name: str, peptide: str) -> tuple[str, str] | None:
        """Trajectory and topology of a peptide's samples by model `name` that no network makes, or None."""
        if not self.is_outside(name):
            return None
        entry = self.models[name]
        if entry.simulate is not None:
            names = {"dataset": self.dataset, "model": name, "peptide": peptide}
            return layout.PLAIN_MD["trajectory"].format(**names), layout.PLAIN_MD["topology"].format(**names)
        topology = entry.topology or str(Path(str(entry.samples)).with_suffix(".pdb"))
        return str(entry.samples).replace("{peptide}", peptide), topology.replace("{peptide}", peptide)

    def is_outside(self, name: str) -> bool:
        """Whether the samples of model `name` are no network's: another program's, or plain MD."""
        entry = self.models.get(name)
        return entry is not None and (entry.samples is not None or entry.simulate is not None)

    def plain_md_of(self, name: str) -> SimulateSettings | None:
        """Settings of the plain MD that stands in place of the samples of model `name`, or None."""
        differences = self.models[name].simulate if name in self.models else None
        return None if differences is None else self.simulate.with_changes(differences)

    def is_trained(self, name: str) -> bool:
        """Whether model `name` is trained here."""
        return self.checkpoint_of(name) is None and not self.is_outside(name)

    def shipped_of(self, name: str) -> ShippedModel | None:
        """The model of the program that `name` stands for, or None. Raises ShippedModelError where there is none."""
        word, _, wanted = (self._path_of(name) or "").partition(":")
        return shipped_model(wanted or DEFAULT_MODEL) if word == SHIPPED else None

    def _path_of(self, name: str) -> str | None:
        """What is written as the checkpoint of model `name`."""
        if self.checkpoint is not None and name == self.model:
            return self.checkpoint
        return self.models[name].checkpoint

    def initial_of(self, name: str) -> str | None:
        """The model whose weights the training of `name` starts from, or None."""
        return self.training_of(name).initial_weights if self.is_trained(name) else None

    def _ancestors(self, name: str) -> list[str]:
        """The models that `name` starts from, directly or not; ends with the one that comes twice, if one does."""
        found: list[str] = []
        while (initial := self.initial_of(found[-1] if found else name)) is not None:
            found.append(initial)
            if initial == name or initial in found[:-1] or initial not in self.models:
                break
        return found

    def needed_models(self) -> list[str]:
        """Names of the active models, and then of those that their trainings start from."""
        active = self.active_models()
        return list(dict.fromkeys([*active, *(initial for name in active for initial in self._ancestors(name))]))

    def simulate_of(self, split: Split) -> SimulateSettings:
        """The simulate section with the differences of `split`."""
        return self.simulate.with_changes(self.splits[split].simulate if split in self.splits else {})

    def md_record_of(self, split: Split) -> str:
        """Pattern of the record whose wall clock samples are held against: that of a peptide's MD, or where many ran
        batched that of one simulation by itself."""
        batched = not self.source.imported and self.simulate_of(split).batched
        return layout.MD_SINGLE if batched else layout.MD["record"]

    def _network_values(self, name: str) -> dict[str, Any]:
        """Keys of the network of model `name`; the section's hold only for a model of the same architecture."""
        section, own = self.network.model_dump(), self.models[name].network
        return section | own if own.get("architecture", section["architecture"]) == section["architecture"] else own

    def network_of(self, name: str) -> ArchitectureSettings:
        """The network section with the differences of model `name`."""
        return network_settings(self._network_values(name))

    def training_of(self, name: str) -> TrainingSettings:
        """The training section with the differences of model `name`."""
        return self.training.with_changes(self.models[name].training)

    def sampling_of(self, name: str) -> SamplingSettings:
        """The sampling section with what model `name` brings, if it is a shipped one or another as safetensors (of
        its chains no more than there are samples), and its differences."""
        differences = self.models[name].sampling if name in self.models else {}
        merged = self.sampling.model_dump()
        # A name may be of a model brought in an earlier run, of which the configuration does not know.
        known = name in self.models or name == self.model
        if brought := sampling_in(self.checkpoint_of(name)) if known else {}:
            merged |= brought
            merged["chains"] = min(merged["chains"], differences.get("samples", merged["samples"]))
        return SamplingSettings(**(merged | differences))

    def unused_sampling(self) -> str | None:
        """A sentence on keys of `sampling` that are set here and that no active model takes, since a shipped model
        brings values of its own; None where there is no such key."""
        drawn = [name for name in self.active_models() if not self.is_outside(name)]
        own = self.sampling.of_a_model()
        unused = sorted(
            key
            for key in own.keys() & self.sampling.model_fields_set
            if drawn and all(self.sampling_of(name).of_a_model()[key] != own[key] for name in drawn)
        )
        if not unused:
            return None
        keys = ", ".join(f"sampling.{key}" for key in unused)
        return f"{keys}: no model uses it, since each has its own; set it under models.{drawn[0]}.sampling."

    def unused_by(self, command: str) -> str | None:
        """The end of a sentence on keys that are set here and that a command does not read, though its stage of the
        workflow does, or on all of them where it reads none; None where there are no such keys."""
        there = _set_keys(self)
        if there and not any(key in _READ[command] for key in there):
            return f"no key in it is read by `jamun {command}`, which reads {', '.join(_READ[command])}."
        unread = [key for key in there if any(fnmatchcase(key, name) for name in _NOT_READ.get(command, ()))]
        return f"`jamun {command}` does not read {', '.join(unread)}, as the workflow does." if unread else None

    def ablated_model(self, name: str) -> str:
        """The model that the row `name` of the ablation samples with."""
        return self.ablation.variants.get(name, {}).get("model") or self.ablation.model or next(iter(self.models))

    def ablated_sampling(self, name: str) -> SamplingSettings:
        """The sampling settings of the row `name` of the ablation."""
        return self.ablation.sampling_of(name, self.sampling_of(self.ablated_model(name)))


def _set_keys(section: Section) -> list[str]:
    """Names of keys that are set to other than their defaults, those below them after a dot."""
    found = []
    for name in sorted(section.model_fields_set):
        value = getattr(section, name)
        if value == type(section).model_fields[name].get_default(call_default_factory=True):
            continue
        entries = value if isinstance(value, dict) else {}
        below = {name: value} | {f"{name}.{key}": entry for key, entry in entries.items()}
        for own, each in below.items():
            found += [own, *(f"{own}.{key}" for key in (_set_keys(each) if isinstance(each, Section) else ()))]
    return found


def parse(raw: Any, source: str = "configuration") -> Configuration:
    """Validate a mapping as read from YAML.

    Raises ConfigurationError with one sentence that names `source` and the key.
    """
    if not isinstance(raw, dict):
        raise ConfigurationError(one_line(f"{source}: expected a mapping of sections, found {shown(raw)}."))
    for key in raw:
        if not isinstance(key, str):
            raise ConfigurationError(one_line(f"{source}: {shown(key)} is no key; keys are words."))
    try:
        return Configuration.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(one_line(f"{source}: {sentence(error, Configuration)}.")) from None


class _Loader(yaml.SafeLoader):
    """YAML in which no key stands twice: of two, PyYAML drops the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for place, key in enumerate(keys):
            if any(key.value == other.value for other in keys[:place]):
                told = f"the key {shown(key.value)} is there twice; keep one"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
        return super().construct_mapping(node, deep)


def _reason(error: Exception) -> str:
    """Why a file is not YAML, in a few words."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def read(path: str | Path) -> Any:
    """What a YAML file holds, an empty mapping for an empty one. Raises ConfigurationError for a file that is missing
    or no YAML."""
    try:
        raw = yaml.load(read_text(Path(path)), _Loader)
    except FileNotFoundError:
        raise ConfigurationError(one_line(f"{path}: no such configuration file.")) from None
    # ValueError: an integer of thousands of digits, a date that is none.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(one_line(f"{path}: not readable as YAML ({_reason(error)}).")) from None
    return {} if raw is None else raw


def load(path: str | Path) -> Configuration:
    """Read a YAML file and validate it. Raises ConfigurationError as `read` and `parse` do."""
    return parse(read(path), str(path))


def settings_for(command: str, config: Any = None) -> Configuration:
    """The configuration of a command: given as one, as the path of its file, or as what the file holds; None for the
    defaults. Logs a warning for keys that the command does not read.

    Raises ConfigurationError as `load` does, and for anything else.
    """
    if config is None:
        return Configuration()
    if not isinstance(config, (Configuration, Mapping, str, Path)):
        raise ConfigurationError(
            f"config is {shown(config)}; give a configuration, the path of its file, or a mapping of its sections."
        )
    if isinstance(config, Configuration):
        settings, source = config, "configuration"
    elif isinstance(config, Mapping):
        settings, source = parse(dict(config)), "configuration"
    else:
        settings, source = load(config), str(config)
    if unused := settings.unused_by(command):
        logger.warning("%s: %s", source, unused)
    return settings
