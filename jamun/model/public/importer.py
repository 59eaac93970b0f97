"""Checkpoints of the authors' public program, read as data and turned into this program's.

Such a file is Lightning's: a `state_dict`, and hyper-parameters that are pickled objects of the public program. Nothing
of it is executed (jamun.io.pickles). Every key and shape is checked; what the shapes do not tell, the generation of the
program for one, is taken from the rest of the file or asked for.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from jamun.config.public_network import LATEST_GENERATION, PublicNetworkSettings
from jamun.config.training import TrainingSettings
from jamun.io.disk import file_sha256
from jamun.io.log import UserError
from jamun.io.pickles import Global, Made
from jamun.io.text import shown
from jamun.model.public.archive import ArchiveError, TorchArchive
from jamun.model.public.codes import OTHER_ATOM_NAME
from jamun.model.public.layout import TABLES, from_public, parameter_shapes
from jamun.model.public.network import PublicDenoiser

# The score of the public program's walk is clipped at this norm of an atom's, 1/nm.
_SCORE_CLIP = 100.0
# Buffers of e3nn's modules, which say nothing that the irreps do not.
_BUFFER = re.compile(
    r"(?P<empty>.+\.tp\.weight|.+\.gate\.gate\.mul\.weight"
    r"|(?:.+\.(?:skip_connection|self_interaction)|output_head\.(?:0\.lin|1))\.bias)"
    r"|(?P<mask>.+\.output_mask)"
    r"|(?P<coupling>.+\.f\.f\.tp\._compiled_main_left_right\._w3j_1_1_1)"
)
# Buffers of the modules that scale by the noise level, which generations 1 and 2 did without.
_SCALING_BUFFER = re.compile(r"(?:.*noise_scaling\w*|skip_connections)\.(?:\d+\.)?(?:weights\.)?tp\.")
_ARCHITECTURE_KEYS = {
    "irreps_out", "irreps_hidden", "irreps_sh", "n_layers", "edge_attr_dim", "atom_type_embedding_dim",
    "atom_code_embedding_dim", "residue_code_embedding_dim", "residue_index_embedding_dim", "use_residue_information",
    "use_residue_sequence_index", "hidden_layer_factory", "output_head_factory", "test_equivariance",
    "num_atom_types", "max_sequence_length", "num_atom_codes", "num_residue_types",
}  # fmt: skip
# Hyper-parameters that only later programs have: their vocabulary is that of generation 5.
_LATER_KEYS = {"normalization_type", "sigma_data", "alignment_correction_order", "pass_topology_as_atom_graphs"}
# Values that another function, or another training, would have.
_EXPECTED: dict[str, Any] = {
    "mean_center": True, "mean_center_input": True, "mean_center_output": True, "add_fixed_noise": False,
    "add_fixed_ones": False, "normalization_type": "JAMUN",
}  # fmt: skip
_LEAVE_OUT_OF_MESSAGES = 120


class PublicCheckpointError(UserError):
    """A file that is no checkpoint of the public program, is damaged, or does not tell all that is needed."""


@dataclass(frozen=True)
class Told:
    """What a user tells of a public checkpoint; None where the file should.

    sigma: noise level of the training, nm.
    max_radius: of the public program, nm.
    mean_squared_distance: of pairs of atoms in the training data, nm^2.
    generation: of the public program, from 1.
    """

    sigma: float | None = None
    max_radius: float | None = None
    mean_squared_distance: float | None = None
    generation: int | None = None


def is_public(path: Path) -> bool:
    """Whether a file looks like a checkpoint of the public program: Lightning's, with that network's weights."""
    try:
        with open(path, "rb") as file:
            head = file.read(2**20)
    except OSError:
        return False
    return head.startswith(b"PK\x03\x04") and b"pytorch-lightning_version" in head and b"output_gain" in head


def _mapping(value: Any) -> dict[Any, Any]:
    """The items of a dictionary, or of one that would have been made (OrderedDict, omegaconf's DictConfig)."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Made) and str(value.by) == "collections.OrderedDict":
        return value.items
    return {}


def _keywords(partial: Any) -> tuple[str, dict[Any, Any]]:
    """What a functools.partial calls, and by which keywords: they stand in its state."""
    if isinstance(partial, Made) and str(partial.by) == "functools.partial" and isinstance(partial.state, tuple):
        called, _, keywords, *_ = (*partial.state, None, None, None)
        return str(called), _mapping(keywords)
    return "", {}


class _File:
    """What a public checkpoint says, before it is known to be whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = TorchArchive(path)
        except FileNotFoundError:
            raise PublicCheckpointError(f"{path}: no such checkpoint.") from None
        except (OSError, ArchiveError) as error:
            raise self.refused(f"cannot be read safely: {error}") from None
        self.content = _mapping(self.archive.content)
        self.hyper = _mapping(self.content.get("hyper_parameters"))
        self.described, self.wrapped = self._without_prefix(_mapping(self.content.get("state_dict")))
        self.architecture, self.keywords = _keywords(self.hyper.get("arch"))

    def refused(self, why: str) -> PublicCheckpointError:
        """The error that says what is wrong with the file."""
        return PublicCheckpointError(f"{self.path}: a checkpoint of the public program that {why}.")

    def asked(self, what: str, option: str) -> PublicCheckpointError:
        """The error that asks for what the file does not tell."""
        return PublicCheckpointError(
            f"{self.path}: this checkpoint of the public program does not tell {what}; run jamun import {self.path} "
            f"{option} --out model.safetensors, and use that file."
        )

    def _without_prefix(self, state: dict[Any, Any]) -> tuple[dict[str, Any], bool]:
        """The described weights by their keys without `g.` and torch.compile's `_orig_mod`; whether the network as a
        whole was compiled."""
        if not state:
            raise self.refused("has no state_dict")
        found: dict[str, Any] = {}
        for key, value in state.items():
            parts = [part for part in str(key).split(".") if part != "_orig_mod"]
            if parts[0] != "g" or len(parts) < 2:
                raise self.refused(f"has a weight {_short(key)}, which is none of its network g")
            if (name := ".".join(parts[1:])) in found:
                raise self.refused(f"has the weight {_short(name)} twice")
            found[name] = value
        return found, any(str(key).startswith("g._orig_mod.") for key in state)


def _short(text: Any) -> str:
    return shown(str(text)[:_LEAVE_OUT_OF_MESSAGES])


def _size(file: _File, shapes: Mapping[str, tuple[int, ...]], key: str, place: int) -> int:
    """One length of a weight's shape."""
    if key not in shapes:
        raise file.refused(f"lacks the weight {key}")
    if len(shapes[key]) <= place or not 1 <= shapes[key][place] <= 10**6:
        raise file.refused(f"has the weight {key} in the impossible shape {shapes[key]}")
    return shapes[key][place]


def _settings(file: _File, weights: Mapping[str, Tensor], told: Told) -> tuple[PublicNetworkSettings, str]:
    """The network's settings, as the shapes and hyper-parameters tell, and what told the generation."""
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    vectors = _size(file, shapes, "output_head.1.weight", 0)
    layers = len({key.split(".")[1] for key in shapes if key.startswith("layers.")})
    channels = _size(file, shapes, "noise_scalings.0.scale_predictor.0.weight", 0)
    sizes: dict[str, Any] = {f"{name}_embedding": _size(file, shapes, key, 1) for name, key in TABLES.items()}
    bond = _size(file, shapes, "embed_bondedness.weight", 1)
    width = _size(file, shapes, "initial_projector.gated_conv.f.f.radial_nn.0.weight", 0)
    edge = _size(file, shapes, "initial_projector.gated_conv.f.f.radial_nn.0.weight", 1)
    rows = _size(file, shapes, "initial_projector.gated_conv.f.f.radial_nn.3.weight", 0)
    embedded, per_scalar = sum(sizes.values()), channels + vectors
    reads_names = {embedded * per_scalar: True, (embedded - sizes["atom_name_embedding"]) * per_scalar: False}
    if rows not in reads_names:
        raise file.refused(f"has an initial_projector of {rows} weights, which no generation of its network has")
    generation, how = _generation(file, told, reads_names[rows])
    try:
        settings = PublicNetworkSettings(
            generation=generation,
            hidden_irreps=f"{channels - vectors}x0e + {vectors}x1e",
            n_convolutions=layers + 1,
            n_radial=edge - bond,
            radial_width=width,
            bond_embedding=bond,
            residue_index=bool(file.keywords.get("use_residue_sequence_index", False)),
            max_radius=_number(file, told.max_radius, "max_radius", "--max-radius NM", "the max_radius of its graph"),
            **sizes,
        )
    except ValidationError as error:
        reason = error.errors()[0]
        where = ".".join(map(str, reason["loc"]))
        raise file.refused(f"is of another network ({where}: {' '.join(reason['msg'].split())})") from None
    return settings, how


def _generation(file: _File, told: Told, reads_names: bool) -> tuple[int, str]:
    """The generation of the program, and what told it. The same shapes have meant different networks over time."""
    scaling = any(_SCALING_BUFFER.match(key) for key in file.described)
    if reads_names:
        possible, how = _latest(file)
    elif scaling:
        possible, how = [3], "its buffers"
    elif file.wrapped:
        possible, how = [2], "its keys"
    else:
        possible, how = [1, 2], ""
    if told.generation is not None:
        if not 1 <= told.generation <= LATEST_GENERATION:
            raise file.refused(f"cannot be of generation {told.generation}: there are 1 to {LATEST_GENERATION}")
        if told.generation not in possible:
            raise file.refused(
                f"cannot be of generation {told.generation}: {how or 'its keys and shapes'} say "
                f"{' or '.join(map(str, possible))}"
            )
        return told.generation, "told"
    if len(possible) > 1:
        meanings = {1: "1 (to January 2025)", 2: "2 (3 to 6 February 2025)", 4: "4 (to March 2025)", 5: "5 (later)"}
        which = " or ".join(meanings[number] for number in possible)
        raise file.asked(f"of which generation of the program it is, {which}", "--generation N")
    return possible[0], how


def _latest(file: _File) -> tuple[list[int], str]:
    """Generations 4 and 5 have the same shapes and another vocabulary, of which traces stand in the file."""
    moment = _moment_of_atom_names(file)
    if moment is not None:
        # Rows of codes that training never met stay exactly zero.
        main, later = bool(moment[OTHER_ATOM_NAME].any()), bool(moment[OTHER_ATOM_NAME + 1].any())
        if main != later:
            return [4 if main else 5], "the codes in use, by Adam's moments"
    if _LATER_KEYS & set(file.hyper):
        return [5], "its hyper-parameters"
    layer, _ = _keywords(file.keywords.get("hidden_layer_factory"))
    if layer.startswith("jamun.e3tools."):
        return [4], "its layers' names"
    return [4, 5], ""


def _moment_of_atom_names(file: _File) -> Tensor | None:
    """Adam's second moment of the table of atom names, (10, size); None where the file has none."""
    optimizers = file.content.get("optimizer_states")
    if not isinstance(optimizers, list) or not optimizers:
        return None
    order = [key for key in file.described if not _BUFFER.fullmatch(key)]
    place = order.index(TABLES["atom_name"])
    moments = _mapping(_mapping(_mapping(optimizers[0]).get("state")).get(place))
    if "exp_avg_sq" not in moments:
        return None
    try:
        found = file.archive.tensors({"moment": moments["exp_avg_sq"]})["moment"]
    except ArchiveError:
        return None
    return found if found.dim() == 2 and found.shape[0] > OTHER_ATOM_NAME + 1 else None


def _number(file: _File, told: float | None, key: str, option: str, what: str) -> float:
    """A positive number of the hyper-parameters, or what was told in its place."""
    found = file.hyper.get(key)
    return _agreed(file, told, found if isinstance(found, (int, float)) else None, key, option, what)


def _agreed(file: _File, told: float | None, found: float | None, key: str, option: str, what: str) -> float:
    value = told if found is None else found
    if value is None:
        raise file.asked(what, option)
    if not math.isfinite(value) or not 0 < value < 1e4:
        raise file.refused(f"has the {key} {value}, which is no positive number")
    # The public program keeps some of them in float32.
    if told is not None and not math.isclose(told, value, rel_tol=1e-6):
        raise file.refused(f"has the {key} {value:g}, and not {told:g}; leave {option.split()[0]} out")
    return float(value)


def _sigma(file: _File, told: float | None) -> float:
    """Noise level of the training, nm: a constant distribution's."""
    found = None
    distribution = file.hyper.get("sigma_distribution")
    if isinstance(distribution, Made) and isinstance(distribution.by, Global):
        state = _mapping(distribution.state)
        if distribution.by.name == "ConstantSigma" and "sigma" in state:
            value = state["sigma"]
            if isinstance(value, Made):
                try:
                    value = float(file.archive.tensors({"sigma": value})["sigma"])
                except (ArchiveError, RuntimeError, ValueError) as error:
                    raise file.refused(f"has a sigma that cannot be read ({error})") from None
            # It was rounded to float32: six digits say what was meant.
            found = float(f"{value:.6g}") if isinstance(value, (int, float)) else None
    return _agreed(file, told, found, "sigma", "--sigma NM", "the noise level sigma that it was trained at")


def _check_architecture(file: _File) -> None:
    """Refuse the hyper-parameters of another function."""
    for key, expected in _EXPECTED.items():
        if key in file.hyper and file.hyper[key] != expected:
            raise file.refused(
                f"has {key} {_short(file.hyper[key])}, which this program does not know; it wants {expected}"
            )
    if "arch" not in file.hyper:
        return
    if not file.architecture.endswith(".E3Conv"):
        raise file.refused(f"has the network {_short(file.architecture or file.hyper['arch'])} and not E3Conv")
    for key in file.keywords:
        if key not in _ARCHITECTURE_KEYS:
            raise file.refused(f"has the unknown setting {_short(key)} of its network")
    if file.keywords.get("use_residue_information", True) is not True:
        raise file.refused("knows no residues (use_residue_information), which this program does not read")
    for key, expected in (("irreps_sh", "1x0e+1x1e"), ("irreps_out", "1x1e")):
        found = str(file.keywords.get(key, expected)).replace(" ", "")
        if found != expected:
            raise file.refused(f"has {key} {_short(found)}, which this program does not know; it wants {expected}")
    for key, expected in (("hidden_layer_factory", ".ConvBlock"), ("output_head_factory", ".EquivariantMLP")):
        called, inner = _keywords(file.keywords.get(key))
        convolution, _ = _keywords(inner.get("conv"))
        if (called and not called.endswith(expected)) or (convolution and not convolution.endswith(".Conv")):
            raise file.refused(f"has the layer {_short(convolution or called)}, which this program does not know")


def _check_weights(file: _File, weights: Mapping[str, Tensor], settings: PublicNetworkSettings) -> None:
    """Refuse weights that are missing, of another shape, unknown, or not finite."""
    expected = parameter_shapes(settings)
    irreps = str(file.keywords.get("irreps_hidden", settings.hidden_irreps)).replace(" ", "")
    if irreps != settings.hidden_irreps.replace(" ", ""):
        raise file.refused(f"has shapes of {settings.hidden_irreps}, but tells of irreps_hidden {_short(irreps)}")
    for key, shape in expected.items():
        if key not in weights:
            raise file.refused(f"lacks the weight {key}")
        if tuple(weights[key].shape) != shape:
            raise file.refused(f"has the weight {key} in the shape {tuple(weights[key].shape)} in place of {shape}")
        if not weights[key].is_floating_point() or not bool(weights[key].isfinite().all()):
            raise file.refused(f"has numbers in the weight {key} that are not finite")
    for key in weights:
        if key not in expected:
            raise file.refused(f"has the unknown weight {_short(key)}")


def _weights(file: _File) -> dict[str, Tensor]:
    """The parameters by their keys; buffers are checked and left out."""
    try:
        tensors = file.archive.tensors(file.described)
    except ArchiveError as error:
        raise file.refused(f"cannot be read safely: {error}") from None
    weights = {}
    for key, value in tensors.items():
        kind = _BUFFER.fullmatch(key)
        if kind is None:
            weights[key] = value
            continue
        shape = tuple(value.shape)
        if (
            (kind["empty"] and shape != (0,))
            or (kind["mask"] and len(shape) != 1)
            or (kind["coupling"] and shape != (3, 3, 3))
        ):
            raise file.refused(f"has the buffer {_short(key)} in the unknown shape {shape}")
    return weights


def _sampling(sigma: float) -> dict[str, Any]:
    """Settings of the public program's walk (jamun.config.sampling), which the model brings with it."""
    return {
        "integrator": "BAOAB", "step": 1.0, "friction": 1.0, "friction_convention": "per_step", "mass": 1.0,
        "score_clip": _SCORE_CLIP * sigma, "inverse_temperature": 1.0, "burn_in": 0, "stride": 1,
    }  # fmt: skip


def read_public(path: Path, told: Told | None = None) -> dict[str, Any]:
    """A checkpoint of the public program as one of this program (jamun.model.checkpoint), less its format; `told` is
    what the file does not tell.

    Returns sigma (nm), mean_squared_distance (nm^2), network, training and sampling (settings), record, state_dict.
    Raises PublicCheckpointError, in one sentence, for a file that is none, is damaged, holds what is not known, or does
    not tell what is needed.
    """
    told = told or Told()
    file = _File(path)
    _check_architecture(file)
    weights = _weights(file)
    settings, how = _settings(file, weights, told)
    _check_weights(file, weights, settings)
    sigma = _sigma(file, told.sigma)
    squared = _number(
        file,
        told.mean_squared_distance,
        "average_squared_distance",
        "--mean-squared-distance NM2",
        "the average_squared_distance of its training data",
    )
    try:
        training = TrainingSettings(sigma=sigma)
    except ValidationError:
        raise file.refused(f"has the sigma {sigma:g} nm, which no walk here can have") from None
    denoiser = PublicDenoiser(settings, squared)
    state = {key: value.float() for key, value in from_public(weights, denoiser).items()}
    plain = {
        key: file.content[key]
        for key in ("epoch", "global_step", "pytorch-lightning_version")
        if isinstance(file.content.get(key), (int, str))
    }
    imported = {
        "file": path.name,
        "sha256": file_sha256(path),
        "parameters": sum(value.numel() for value in weights.values()),
        "generation": settings.generation,
        "generation_by": how,
        **plain,
    }
    return {
        "sigma": sigma,
        "mean_squared_distance": squared,
        "network": settings.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "sampling": _sampling(sigma),
        "record": {"imported": imported},
        "state_dict": {"mean_squared_distance": torch.tensor(squared, dtype=torch.float64), **state},
    }
