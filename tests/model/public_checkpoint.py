"""Checkpoints as the authors' public program writes them, of any size, with pickled objects of modules that are not
there: made by torch.save with stand-ins for these modules, and their random weights."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jamun.config.public_network import PublicNetworkSettings
from jamun.model.convolution import Convolution
from jamun.model.layers import Linear
from jamun.model.public.layout import _path_blocks, _same, block_prefixes, parameter_shapes
from jamun.model.public.network import PublicDenoiser

SIGMA, MAX_RADIUS, SQUARED = 0.04, 1.0, 0.332
SMALL = {
    "hidden_irreps": "12x0e + 5x1e",
    "n_convolutions": 3,
    "n_radial": 8,
    "radial_width": 16,
    "bond_embedding": 8,
    "element_embedding": 4,
    "atom_name_embedding": 4,
    "residue_embedding": 6,
    "residue_index_embedding": 3,
}


def random_weights(settings: PublicNetworkSettings, seed: int = 20260) -> dict[str, Tensor]:
    """The weights that reference.npz was computed with, for the default settings: one draw a parameter, in the order
    of the files, normal and scaled so that no gain, bias or row is zero."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in parameter_shapes(settings).items():
        if key == "output_gain":
            weights[key] = torch.tensor(0.12)
            continue
        value = torch.randn(shape, generator=generator)
        if "radial_nn.0.weight" in key:
            value = 0.25 * value
        elif "radial_nn" in key:
            value = 0.3 * value
        elif "scale_predictor.0" in key:
            value = 0.8 * value
        elif "scale_predictor.2.weight" in key:
            value = 0.05 * value
        elif "scale_predictor.2.bias" in key:
            value = 0.3 * value if key.startswith("skip_connections") else 1 + 0.2 * value
        weights[key] = value
    return weights


def without_atom_names(weights: dict[str, Tensor], settings: PublicNetworkSettings) -> dict[str, Tensor]:
    """The weights of generation 4 less those that generations 1 to 3 had not."""
    scalars, vectors = settings.channels[0], settings.channels[1]
    first, stop = (
        size * (scalars + 2 * vectors)
        for size in (settings.element_embedding, settings.element_embedding + settings.atom_name_embedding)
    )
    prefix = block_prefixes(settings)[0]
    cuts = {f"{prefix}f.f.radial_nn.3.{what}": (first, stop) for what in ("weight", "bias")}
    cuts[f"{prefix}skip_connection.weight"] = tuple(
        size * scalars
        for size in (settings.element_embedding, settings.element_embedding + settings.atom_name_embedding)
    )
    return {
        key: torch.cat([value[: cuts[key][0]], value[cuts[key][1] :]]) if key in cuts else value
        for key, value in weights.items()
    }


def buffers(settings: PublicNetworkSettings) -> dict[str, Tensor]:
    """The buffers of e3nn's modules that stand among the weights."""
    scalars, vectors = settings.channels[0], settings.channels[1]
    node, gated = scalars + 3 * vectors, scalars + 4 * vectors
    layers = range(settings.n_convolutions - 1)
    found: dict[str, Tensor] = {}

    def product(name: str, mask: int) -> None:
        found[f"{name}.weight"], found[f"{name}.output_mask"] = torch.zeros(0), torch.ones(mask)

    for number, prefix in enumerate(block_prefixes(settings)):
        product(f"{prefix}f.gate.gate.mul", 3 * vectors)
        product(f"{prefix}f.f.tp", gated)
        if number:
            found[f"{prefix}f.f.tp._compiled_main_left_right._w3j_1_1_1"] = torch.ones(3, 3, 3)
        for name in ("skip_connection", "self_interaction"):
            found[f"{prefix}{name}.bias"], found[f"{prefix}{name}.output_mask"] = torch.zeros(0), torch.ones(node)
    if settings.generation >= 3:
        product("initial_noise_scaling.tp", 5)
        for number in layers:
            for name in (
                f"noise_scalings.{number}",
                f"skip_connections.{number}.weights",
                f"skip_connections.{number}",
            ):
                product(f"{name}.tp", node)
    product("output_head.0.gate.gate.mul", 3 * vectors)
    for name, mask in (("output_head.0.lin", gated), ("output_head.1", 3)):
        found[f"{name}.bias"], found[f"{name}.output_mask"] = torch.zeros(0), torch.ones(mask)
    return found


@contextlib.contextmanager
def stand_ins(*names: str) -> Iterator[list[type]]:
    """Classes of these full names, in modules that exist inside the block only."""
    before = dict(sys.modules)
    classes = []
    for full in names:
        module, name = full.rsplit(".", 1)
        parts = module.split(".")
        for end in range(1, len(parts) + 1):  # pickle imports the packages too
            sys.modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
        kind = type(name, (), {"__module__": module})
        setattr(sys.modules[module], name, kind)
        classes.append(kind)
    try:
        yield classes
    finally:
        for module in set(sys.modules) - set(before):
            del sys.modules[module]


def content(
    settings: PublicNetworkSettings, weights: dict[str, Tensor], prefix: str = "g._orig_mod."
) -> dict[str, Any]:
    """What a file holds, less the hyper-parameters that are objects (see `write`)."""
    state = OrderedDict((prefix + key, value) for key, value in {**weights, **buffers(settings)}.items())
    return {
        "epoch": 1,
        "global_step": 7,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state,
        "loops": {},
        "callbacks": {},
        "optimizer_states": [{"state": {}, "param_groups": []}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "max_radius": MAX_RADIUS,
            "average_squared_distance": SQUARED,
            "add_fixed_noise": False,
            "add_fixed_ones": False,
            "mean_center": True,
        },
    }


def write(
    path: Path,
    held: dict[str, Any],
    settings: PublicNetworkSettings,
    library: str = "jamun.e3tools",
    sigma: float | None = SIGMA,
    **architecture: Any,
) -> Path:
    """Write a file, with the network's and the noise level's pickled objects among its hyper-parameters.

    Args:
        library: the package that the layers are of.
        sigma: of its ConstantSigma, nm; None for another distribution.
        architecture: settings of the network that differ.
    """
    names = ["jamun.model.arch.e3conv.E3Conv", f"{library}.nn._conv.ConvBlock", f"{library}.nn._conv.Conv"]
    names += [f"{library}.nn._mlp.EquivariantMLP", "jamun.distributions._distributions.ConstantSigma"]
    names += ["jamun.distributions._distributions.UniformSigma"]
    with stand_ins(*names) as (network, block, convolution, head, constant, uniform):
        keywords = {
            "irreps_out": "1x1e",
            "irreps_hidden": settings.hidden_irreps,
            "irreps_sh": "1x0e + 1x1e",
            "n_layers": settings.n_convolutions - 1,
            "use_residue_information": True,
            "use_residue_sequence_index": False,
            "hidden_layer_factory": functools.partial(block, conv=functools.partial(convolution)),
            "output_head_factory": functools.partial(head),
        }
        level = (constant if sigma is not None else uniform)()
        level.sigma = torch.tensor(sigma or 0.0)
        objects = {"arch": functools.partial(network, **(keywords | architecture)), "sigma_distribution": level}
        hyper = objects | held.get("hyper_parameters", {})
        torch.save(held | {"hyper_parameters": hyper}, path)
    return path


def _linear_to(linear: Linear) -> Tensor:
    return torch.cat([weight.reshape(-1) for weight in linear.weight.values()])


def _convolution_to(convolution: Convolution, inputs: list[int] | None) -> tuple[Tensor, Tensor]:
    rows = []
    for name, start, fan_in, fan_out in _path_blocks(convolution, inputs):
        path = next(path for path in convolution.paths if path.name == name)
        order = (1, 2, 0) if convolution.aggregated[path.l3] else (0, 2, 1)
        block = convolution.weight[name].permute(order)[start : start + fan_in]
        rows.append(block.reshape(fan_in * fan_out, -1))
    whole = torch.cat(rows)
    return whole[:, :-1], whole[:, -1]


def to_public(denoiser: PublicDenoiser) -> dict[str, Tensor]:
    """The public program's parameters, in the order of its files, from the network's; gradients pass through."""
    settings = denoiser.settings
    own = dict(denoiser.named_parameters())
    found: dict[str, Tensor] = {key: own[ours] for key, ours in _same(settings).items()}
    sizes = list(settings.embeddings_read.values())
    for number, (prefix, block) in enumerate(zip(block_prefixes(settings), denoiser.of_blocks(), strict=True)):
        radial = block.radial
        found[f"{prefix}f.f.radial_nn.0.weight"] = torch.cat([radial.bond, radial.distance]).T
        found[f"{prefix}f.f.radial_nn.0.bias"] = radial.bias
        weight, bias = _convolution_to(block.convolution, None if number else sizes)
        found[f"{prefix}f.f.radial_nn.3.weight"], found[f"{prefix}f.f.radial_nn.3.bias"] = weight, bias
        found[f"{prefix}skip_connection.weight"] = _linear_to(block.skip)
        found[f"{prefix}self_interaction.weight"] = _linear_to(block.interaction)
    found["output_head.0.lin.weight"] = _linear_to(denoiser.head_mix)
    found["output_head.1.weight"] = _linear_to(denoiser.head_vector)
    return {key: found[key] for key in parameter_shapes(settings)}
