"""Names, shapes and order of the public program's weights, and where each stands in jamun.model.public.network.

Flat weights of e3nn hold blocks one after another, each row-major: a Linear (input channel, output channel) for each
degree; a tensor product (input channel, output channel) for each path, by input, then harmonic, then output. The last
radial layer makes the weights of a tensor product out of hidden units: its rows are these weights, its columns the
units, and its bias is one unit more. The product of the initial block has an input for each embedding table, so its
paths alternate.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from jamun.config.public_network import PublicNetworkSettings
from jamun.model.convolution import Convolution
from jamun.model.layers import Linear
from jamun.model.public.codes import ROWS
from jamun.model.public.network import PublicDenoiser

Shapes = dict[str, tuple[int, ...]]

TABLES = {
    "element": "atom_embedder.atom_type_embedding.weight",
    "atom_name": "atom_embedder.atom_code_embedding.weight",
    "residue": "atom_embedder.residue_code_embedding.weight",
    "residue_index": "atom_embedder.residue_index_embedding.weight",
}


def block_prefixes(settings: PublicNetworkSettings) -> list[str]:
    """Where the keys of each block begin."""
    layers = [f"layers.{number}" for number in range(settings.n_convolutions - 1)]
    return [f"{name}.gated_conv." for name in ("initial_projector", *layers)]


def _noise_shapes(prefix: str, channels: int) -> Shapes:
    return {
        f"{prefix}.scale_predictor.0.weight": (channels, 1),
        f"{prefix}.scale_predictor.0.bias": (channels,),
        f"{prefix}.scale_predictor.2.weight": (channels, channels),
        f"{prefix}.scale_predictor.2.bias": (channels,),
    }


def parameter_shapes(settings: PublicNetworkSettings) -> Shapes:
    """Every parameter of the public program with its shape, in the order of its files."""
    scalars, vectors = settings.channels[0], settings.channels[1]
    gated, channels = scalars + vectors, scalars + vectors
    fan_in, width = settings.bond_embedding + settings.n_radial, settings.radial_width
    first = sum(settings.embeddings_read.values())
    shapes: Shapes = {
        "output_gain": (),
        "embed_bondedness.weight": (2, settings.bond_embedding),
        **{TABLES[name]: (ROWS[name], size) for name, size in settings.embeddings.items()},
        **_noise_shapes("initial_noise_scaling", sum(settings.embeddings.values())),
    }
    mixed = scalars**2 + vectors**2
    for number, prefix in enumerate(block_prefixes(settings)):
        inputs = (scalars, vectors) if number else (first, 0)
        # 0x0->0, 0x1->1, 1x0->1, 1x1->0, 1x1->1
        paths = inputs[0] * (gated + vectors) + inputs[1] * (vectors + gated + vectors)
        shapes |= {
            f"{prefix}f.f.radial_nn.0.weight": (width, fan_in),
            f"{prefix}f.f.radial_nn.0.bias": (width,),
            f"{prefix}f.f.radial_nn.3.weight": (paths, width),
            f"{prefix}f.f.radial_nn.3.bias": (paths,),
            f"{prefix}skip_connection.weight": (inputs[0] * scalars + inputs[1] * vectors,),
            f"{prefix}self_interaction.weight": (mixed,),
        }
    layers = range(settings.n_convolutions - 1)
    for number in layers:
        shapes |= _noise_shapes(f"noise_scalings.{number}", channels)
    for number in layers:
        shapes |= _noise_shapes(f"skip_connections.{number}.weights", channels)
    shapes["output_head.0.lin.weight"] = (scalars * gated + vectors**2,)
    shapes["output_head.1.weight"] = (vectors,)
    return shapes


def _linear_from(flat: Tensor, linear: Linear, prefix: str) -> dict[str, Tensor]:
    parts = flat.split([weight.numel() for weight in linear.weight.values()])
    return {
        f"{prefix}.weight.{degree}": part.reshape(weight.shape)
        for part, (degree, weight) in zip(parts, linear.weight.items(), strict=True)
    }


def _path_blocks(convolution: Convolution, inputs: list[int] | None) -> Iterator[tuple[str, int, int, int]]:
    """The blocks of the radial layer's rows in the file's order: the path's name, the first of its input channels that
    the block is about, how many those are, and its output channels. `inputs` are the sizes of an initial block's
    tables, or None."""
    for degree, channels in convolution.inputs.items():
        start = 0
        for size in inputs or [channels]:
            for path in convolution.paths:
                if path.l1 == degree:
                    yield path.name, start, size, convolution.outputs[path.l3]
            start += size


def _convolution_from(
    weight: Tensor, bias: Tensor, convolution: Convolution, inputs: list[int] | None, prefix: str
) -> dict[str, Tensor]:
    rows = torch.cat([weight, bias[:, None]], 1)  # (paths, width + 1)
    pieces: dict[str, list[Tensor]] = {path.name: [] for path in convolution.paths}
    place = 0
    for name, _, fan_in, fan_out in _path_blocks(convolution, inputs):
        block = rows[place : place + fan_in * fan_out].reshape(fan_in, fan_out, -1)
        pieces[name].append(block)
        place += fan_in * fan_out
    found = {}
    for path in convolution.paths:
        whole = torch.cat(pieces[path.name])  # (in, out, width + 1)
        order = (2, 0, 1) if convolution.aggregated[path.l3] else (0, 2, 1)
        found[f"{prefix}.weight.{path.name}"] = whole.permute(order).contiguous()
    return found


def _noise_names(prefix: str, ours: str) -> dict[str, str]:
    """Public key -> ours, of a noise layer."""
    return {
        f"{prefix}.scale_predictor.{place}.{what}": f"{ours}.{layer}.{what}"
        for place, layer in ((0, "first"), (2, "second"))
        for what in ("weight", "bias")
    }


def _same(settings: PublicNetworkSettings) -> dict[str, str]:
    """Public key -> ours, for the weights that stand in both as they are."""
    names = {"output_gain": "gain", "embed_bondedness.weight": "bond_table"}
    names |= {key: f"embeddings.{name}.weight" for name, key in TABLES.items()}
    names |= _noise_names("initial_noise_scaling", "embedding_scale")
    for number in range(settings.n_convolutions - 1):
        names |= _noise_names(f"noise_scalings.{number}", f"scales.{number}")
        names |= _noise_names(f"skip_connections.{number}.weights", f"mixings.{number}")
    return names


def from_public(weights: Mapping[str, Tensor], denoiser: PublicDenoiser) -> dict[str, Tensor]:
    """The state of `denoiser`, whose own weights do not matter, but for A, from the public program's parameters by the
    keys of `parameter_shapes` and of these shapes."""
    settings = denoiser.settings
    state = {ours: weights[key] for key, ours in _same(settings).items()}
    sizes = list(settings.embeddings_read.values())
    for number, (prefix, block) in enumerate(zip(block_prefixes(settings), denoiser.of_blocks(), strict=True)):
        name = f"blocks.{number}"
        first = weights[f"{prefix}f.f.radial_nn.0.weight"].T
        state[f"{name}.radial.bond"] = first[: settings.bond_embedding].contiguous()
        state[f"{name}.radial.distance"] = first[settings.bond_embedding :].contiguous()
        state[f"{name}.radial.bias"] = weights[f"{prefix}f.f.radial_nn.0.bias"]
        last = (weights[f"{prefix}f.f.radial_nn.3.weight"], weights[f"{prefix}f.f.radial_nn.3.bias"])
        inputs = None if number else sizes
        state |= _convolution_from(*last, block.convolution, inputs, f"{name}.convolution")
        state |= _linear_from(weights[f"{prefix}skip_connection.weight"], block.skip, f"{name}.skip")
        state |= _linear_from(weights[f"{prefix}self_interaction.weight"], block.interaction, f"{name}.interaction")
    state |= _linear_from(weights["output_head.0.lin.weight"], denoiser.head_mix, "head_mix")
    state |= _linear_from(weights["output_head.1.weight"], denoiser.head_vector, "head_vector")
    return state
