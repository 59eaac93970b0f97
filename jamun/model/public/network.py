"""The public network, with the last radial layer contracted with the features.

It differs from jamun.model.denoiser in its edges (bonds beside the pairs within a radius, each in one direction), in
the mean over messages, in biases, in activations, and in how the noise level enters. The convolution is the same one:

    out_i = 1/n_i sum_e W(h_e) (x_j (x) Y_ij),     W(h) = sum_k h[k] A_k + b,

over the n_i edges e from atoms j to atom i. A bond and a radial edge between the same atoms have the same Y, so their
hidden units add up to those of one pair, and the bias b is one more hidden unit, the number of the pair's edges. What
jamun.model.convolution contracts is then a dense array over pairs, though not a symmetric one.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamun.config.public_network import PublicNetworkSettings
from jamun.model.convolution import Convolution, Edges
from jamun.model.geometry import centre, pair_geometry
from jamun.model.layers import LEAKY_RELU_GAIN, Features, Gate, Linear
from jamun.model.network import Network, preconditioning
from jamun.model.products import product
from jamun.model.public.codes import ROWS, PublicConditioning
from jamun.model.radial import gaussian

# What the public program divides its gaussians by (e3nn's soft_one_hot_linspace).
_GAUSSIAN_SCALE = 1.12


def _leaky_gate(outputs: dict[int, int]) -> Gate:
    return Gate(outputs, functional.leaky_relu, LEAKY_RELU_GAIN)


@dataclass
class PublicPrepared:
    """What does not change with positions: computed once for a walk. Valid as long as the weights are.

    mask: (G or 1, N) bool, False on padding.
    pairs: (G or 1, N, N) bool, which atoms may be joined; no atom with itself.
    bonds: (G or 1, N, N) bool, of a bond's receiver and sender.
    embedding: (G or 1, N, scalars), of the atoms.
    """

    mask: Tensor
    pairs: Tensor
    bonds: Tensor
    embedding: Tensor


@dataclass
class Joined:
    """The edges of noisy structures, for pairs of receiver and sender.

    gaussians: (G, N, N, radial), of the scaled distances.
    radial: (G, N, N, 1), for pairs within the radius the weight of a message in the mean over the edges that reach the
        receiver, times the root of a convolution's width; 0 for others.
    bonded: (G, N, N, 1), the same for bonds.
    harmonics: for degrees 0 and 1, (2l+1, G, N, N), of the vector from receiver to sender.
    """

    gaussians: Tensor
    radial: Tensor
    bonded: Tensor
    harmonics: list[Tensor]


class NoiseLayer(nn.Module):
    """Numbers for each channel from c_noise: a layer, SELU, a layer; `start` is what they are before training."""

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.second.weight)
        nn.init.constant_(self.second.bias, start)

    def forward(self, c_noise: Tensor) -> Tensor:
        """(G or 1, 1, 1) -> (G or 1, 1, channels)."""
        numbers: Tensor = self.second(functional.selu(self.first(c_noise)))
        return numbers


class Radial(nn.Module):
    """The hidden layer of a convolution's radial network: SiLU([bond embedding, gaussians] W + b), no gain."""

    def __init__(self, settings: PublicNetworkSettings) -> None:
        super().__init__()
        fan_in = settings.bond_embedding + settings.n_radial
        bound = fan_in**-0.5  # as torch.nn.Linear draws its own

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

        self.bond = drawn(settings.bond_embedding, settings.radial_width)
        self.distance = drawn(settings.n_radial, settings.radial_width)
        self.bias = drawn(settings.radial_width)

    def forward(self, joined: Joined, bond_table: Tensor) -> Tensor:
        """Hidden units of pairs, (G, N, N, width + 1): those of a pair's edges added up, and a 1 for each edge."""
        from_distance = product(joined.gaussians, self.distance)
        radial, bonded = bond_table @ self.bond + self.bias
        hidden = functional.silu(from_distance + radial) * joined.radial
        hidden = torch.addcmul(hidden, functional.silu(from_distance + bonded), joined.bonded)
        return torch.cat([hidden, joined.radial + joined.bonded], -1)


class Block(nn.Module):
    """gate(convolution) mixed by channels, and a linear map of the input added."""

    def __init__(self, inputs: dict[int, int], hidden: dict[int, int], settings: PublicNetworkSettings) -> None:
        super().__init__()
        self.radial = Radial(settings)
        self.gate = _leaky_gate(hidden)
        # One more hidden unit for the bias of the public program's last radial layer.
        self.convolution = Convolution(inputs, self.gate.inputs, settings.lmax, settings.radial_width + 1)
        bound = settings.radial_width**-0.5
        for weight in self.convolution.weight.values():
            nn.init.uniform_(weight, -bound, bound)
        self.interaction = Linear(hidden, hidden)
        self.skip = Linear(inputs, hidden)

    def forward(self, features: Features, joined: Joined, bond_table: Tensor) -> Features:
        units = self.radial(joined, bond_table)
        edges = Edges(units, joined.harmonics, units.transpose(1, 2).contiguous())
        update = self.interaction(self.gate(self.convolution(features, edges)))
        skipped = self.skip(features)
        return {degree: value + skipped[degree] if degree in skipped else value for degree, value in update.items()}


class PublicDenoiser(Network):
    """xhat(y) = c_skip y + c_out F(c_in y; c_noise) with the F of the public program.

    Args:
        settings: the network's settings.
        mean_squared_distance: A, the mean squared distance of pairs in the training data (nm^2).

    A message goes over each bond once, from the atom that comes first in the molecule to the other, and in both
    directions between all atoms that are near: those whose scaled distance is below
    R = sqrt(max_radius^2 + 6 sigma^2). The gaussians end at R in generation 1, and at R / c_in in the others. The order
    of atoms matters twice: it directs the bonds, and where an atom has more than `max_neighbours` the first in this
    order count, as on the GPUs that the public program runs on.

    Vectors are even (1e): the network commutes with rotations and translations, not with reflections.
    """

    def __init__(self, settings: PublicNetworkSettings, mean_squared_distance: float) -> None:
        super().__init__(mean_squared_distance)
        self.settings = settings
        hidden = settings.channels
        self.bond_table = nn.Parameter(torch.randn(2, settings.bond_embedding))
        sizes = settings.embeddings
        self.embeddings = nn.ModuleDict({name: nn.Embedding(ROWS[name], size) for name, size in sizes.items()})
        scalars = {0: sum(settings.embeddings_read.values())}
        channels = sum(hidden.values())
        self.embedding_scale = NoiseLayer(sum(sizes.values()), 1.0)
        stages = [scalars, *[hidden] * (settings.n_convolutions - 1)]
        self.blocks = nn.ModuleList(Block(before, hidden, settings) for before in stages)
        self.scales = nn.ModuleList(NoiseLayer(channels, 1.0) for _ in stages[1:])
        self.mixings = nn.ModuleList(NoiseLayer(channels, 1.0) for _ in stages[1:])
        self.head_gate = _leaky_gate(hidden)
        self.head_mix = Linear(hidden, self.head_gate.inputs)
        self.head_vector = Linear({1: hidden[1]}, {1: 1})
        self.gain = nn.Parameter(torch.zeros(()))

    def prepare(self, conditioning: PublicConditioning | PublicPrepared) -> PublicPrepared:
        """What does not depend on positions or sigma; valid as long as the weights are."""
        if isinstance(conditioning, PublicPrepared):
            return conditioning
        mask = conditioning.mask
        itself = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        pairs = mask[:, :, None] & mask[:, None, :] & ~itself
        rows = conditioning.rows(self.settings.generation, self.settings.residue_index)
        embedding = torch.cat([table(rows[name]) for name, table in self.embeddings.items()], -1)
        return PublicPrepared(mask, pairs, conditioning.bonds, embedding)

    def forward(self, y: Tensor, sigma: float | Tensor, conditioning: PublicConditioning | PublicPrepared) -> Tensor:
        """Denoise; see Network."""
        prepared = self.prepare(conditioning)
        level = torch.as_tensor(sigma, dtype=torch.float64, device=y.device).reshape(-1, 1, 1)
        c_in, c_skip, c_out, _ = (value.to(y.dtype) for value in preconditioning(level, self.mean_squared_distance))
        y = centre(y, prepared.mask)
        update = self.network(c_in * y, level, prepared)
        return centre(c_skip * y + c_out * update, prepared.mask)

    def join(self, positions: Tensor, sigma: Tensor, prepared: PublicPrepared) -> Joined:
        """The edges at scaled positions (G, N, 3), sigma (G or 1, 1, 1) in nm and float64."""
        radius = (self.settings.max_radius**2 + 6.0 * sigma.square()).sqrt()
        c_in = preconditioning(sigma, self.mean_squared_distance)[0]
        end = (radius if self.settings.generation == 1 else radius / c_in).to(positions.dtype)
        distance, harmonics = pair_geometry(positions, 1)
        near = prepared.pairs & (distance < radius.to(positions.dtype))
        limit = self.settings.max_neighbours
        if limit is not None and positions.shape[1] > limit + 1:
            # The public program counts an atom among its own neighbours, and leaves it out afterwards.
            itself = torch.eye(positions.shape[1], dtype=torch.bool, device=near.device) & prepared.mask[:, :, None]
            near = near & ((near | itself).cumsum(-1) <= limit + 1)
        radial, bonded = near[..., None].to(positions.dtype), prepared.bonds[..., None].to(positions.dtype)
        # A mean over the edges; the convolution divides by the root of its width, which the public network does not.
        weight = (self.settings.radial_width + 1) ** 0.5 / (radial + bonded).sum(2, keepdim=True).clamp(min=1.0)
        steps = torch.arange(1, self.settings.n_radial + 1, dtype=positions.dtype, device=positions.device)
        width = end[..., None] / (self.settings.n_radial + 1)
        gaussians = gaussian(distance[..., None] / width - steps) / _GAUSSIAN_SCALE
        # r_j - r_i for receiver i: the other way round than pair_geometry's.
        return Joined(gaussians, radial * weight, bonded * weight, [harmonics[0], -harmonics[1]])

    def network(self, positions: Tensor, sigma: Tensor, prepared: PublicPrepared) -> Tensor:
        """F: scaled positions (G, N, 3), sigma (G or 1, 1, 1) in nm and float64 -> (G, N, 3) without unit."""
        joined = self.join(positions, sigma, prepared)
        c_noise = preconditioning(sigma, self.mean_squared_distance)[3].to(positions.dtype)
        features = self.blocks[0](self._embedded(prepared, c_noise), joined, self.bond_table)
        for block, scale, mixing in zip(self.blocks[1:], self.scales, self.mixings, strict=True):
            update = block(self._scaled(features, scale(c_noise)), joined, self.bond_table)
            features = self._mixed(features, update, torch.sigmoid(mixing(c_noise)))
        vectors: Tensor = self.head_vector(self.head_gate(self.head_mix(features)))[1]
        return vectors[..., 0].permute(1, 2, 0) * self.gain

    def _embedded(self, prepared: PublicPrepared, c_noise: Tensor) -> Features:
        """What the first block reads of the atoms."""
        scaled = prepared.embedding * self.embedding_scale(c_noise)
        sizes = self.settings.embeddings
        parts = dict(zip(sizes, scaled.split(list(sizes.values()), -1), strict=True))
        return {0: torch.cat([parts[name] for name in self.settings.embeddings_read], -1)[None]}

    def _by_degree(self, values: Tensor) -> Features:
        """Numbers for each channel, (G or 1, 1, channels), by degree."""
        channels = self.settings.channels
        return dict(zip(channels, values.split(list(channels.values()), -1), strict=True))

    def _scaled(self, features: Features, factors: Tensor) -> Features:
        return {degree: features[degree] * factor for degree, factor in self._by_degree(factors).items()}

    def _mixed(self, before: Features, after: Features, weights: Tensor) -> Features:
        """w old + (1 - w) new for each channel; the other way round in generations 1 and 2."""
        if self.settings.generation < 3:
            before, after = after, before
        return {
            degree: torch.lerp(after[degree], before[degree], weight)
            for degree, weight in self._by_degree(weights).items()
        }

    def of_blocks(self) -> list[Block]:
        """The blocks, the first one first."""
        return cast("list[Block]", list(self.blocks))

    def flops(self, atoms: int) -> int:
        """Floating-point operations of the matrix products in the convolutions and radial layers, a graph forward."""
        radial = 2 * atoms * atoms * self.settings.n_radial * self.settings.radial_width
        return sum(block.convolution.flops(atoms) + radial for block in self.of_blocks())

    def bytes_per_graph(self, atoms: int) -> int:
        """Memory that one forward pass without gradients takes for each graph, estimated from its largest tensors.

        These have a number for each pair of atoms and: gaussian, once; hidden radial unit, four times while a
        convolution's are made; feature of an atom, five times while messages are.
        """
        settings = self.settings
        features = sum(settings.channels.values())
        per_pair = settings.n_radial + 4 * (settings.radial_width + 1) + 5 * features + 12
        return self.gain.element_size() * atoms**2 * per_pair
