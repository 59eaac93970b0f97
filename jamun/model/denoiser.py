"""The equivariant denoiser xhat(y; sigma, z) (paper: section 3.4, Appendices B and H), which is told of hands."""

import itertools
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamun.config.network import NetworkSettings
from jamun.model.conditioning import Conditioning
from jamun.model.convolution import Convolution, Edges
from jamun.model.geometry import centre, edge_geometry, neighbour_lists, pair_geometry
from jamun.model.layers import SILU_GAIN, Features, Gate, Linear, NoiseScale, harmonics_parity, multiplicities
from jamun.model.network import Network, preconditioning
from jamun.model.products import product
from jamun.model.radial import BASES, envelope

# Sizes of the embedding tables: room for the vocabulary to grow without changing the shape of published weights.
ELEMENT_CODES, ATOM_NAME_CODES, RESIDUE_CODES, RESIDUE_PLACES = 16, 96, 48, 32

# Up to so many atoms all pairs are computed, edges or not; beyond, those within the cutoff, unless an atom has more
# than this part of all atoms for neighbours (benchmarks/longer_chains.py).
MOST_ATOMS_DENSE, MOST_NEIGHBOURS = 100, 0.5


@dataclass
class Prepared:
    """What does not change with positions: computed once for a walk. Valid as long as the weights are.

    mask: (G or 1, N).
    edge_weight: (G or 1, N, N), zero where there can be no edge.
    bonded: (G or 1, N, N, 2), one-hot.
    hand: (G or 1, N, 1), 1 or -1.
    nodes: scalars (1, G or 1, N, channels) of the atoms.
    kept: the first convolution's products, or None.
    """

    mask: Tensor
    edge_weight: Tensor
    bonded: Tensor
    hand: Tensor
    nodes: Features
    kept: dict[str, list[Tensor]] | None


@dataclass
class Pairs:
    """Pairs of atoms: M = N of them an atom, or its M neighbours.

    distance: (G, N, M) without unit.
    harmonics: for each degree (2l+1, G, N, M), of r_i - r_j.
    weight: (G or 1, N, M), zero where there can be no edge.
    bonded: (G or 1, N, M, 2), one-hot.
    neighbours: as of jamun.model.convolution.Edges.
    """

    distance: Tensor
    harmonics: list[Tensor]
    weight: Tensor
    bonded: Tensor
    neighbours: Tensor | None


def _listed(positions: Tensor, prepared: Prepared, lists: Tensor, lmax: int) -> Pairs:
    """The pairs of atoms (G, N, 3) with those in their `lists` (G, N, M) of neighbours."""
    graphs, atoms, _ = positions.shape
    first = torch.arange(graphs, device=lists.device)[:, None, None]
    neighbours = (lists + first * atoms).flatten()
    second = positions.flatten(0, 1).index_select(0, neighbours).view(*lists.shape, 3)
    distance, harmonics = edge_geometry((positions[:, :, None] - second).movedim(-1, 0), lmax)
    weight = prepared.edge_weight.expand(graphs, -1, -1).gather(2, lists)
    bonded = prepared.bonded.expand(graphs, -1, -1, -1).gather(2, lists[..., None].expand(-1, -1, -1, 2))
    return Pairs(distance, harmonics, weight, bonded, neighbours)


class Radial(nn.Module):
    """The hidden layer of a convolution's radial network: SiLU([bond embedding, radial basis] W / sqrt(fan-in))."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.bond = nn.Parameter(torch.randn(settings.bond_embedding, settings.radial_width))
        self.distance = nn.Parameter(torch.randn(settings.n_radial, settings.radial_width))

    def forward(self, edge_features: Tensor, bond_table: Tensor) -> Tensor:
        """`edge_features` (G, N, M, n_radial + 2): the basis, then bonded or not as one-hot; `bond_table` (2, size).
        Embedding and first layer are both linear in the one-hot, so they are one small matrix."""
        scale = (self.bond.shape[0] + self.distance.shape[0]) ** -0.5
        matrix = torch.cat([self.distance, bond_table @ self.bond]) * scale
        return functional.silu(product(edge_features, matrix))


class Block(nn.Module):
    """Convolution, gate, self-interaction; scaled by the noise level and added to what came in.

    Where the input has another number of scalars than the output (the initial block), a linear map stands in for the
    identity of the skip connection.
    """

    def __init__(self, inputs: dict[int, int], hidden: dict[int, int], settings: NetworkSettings) -> None:
        super().__init__()
        self.radial = Radial(settings)
        self.gate = Gate(hidden)
        parity = harmonics_parity(settings.hidden_irreps)
        self.convolution = Convolution(inputs, self.gate.inputs, settings.lmax, settings.radial_width, parity)
        self.interaction = Linear(hidden, hidden)
        self.scale = NoiseScale(hidden)
        same = all(hidden[degree] == count for degree, count in inputs.items() if degree in hidden)
        self.skip = None if same else Linear(inputs, hidden)

    def forward(
        self,
        features: Features,
        edges: Edges,
        c_noise: Tensor,
        kept: dict[str, list[Tensor]] | None = None,
    ) -> Features:
        messages = self.convolution(features, edges, kept)
        update = self.scale(self.interaction(self.gate(messages)), c_noise)
        before = features if self.skip is None else self.skip(features)
        return {degree: before[degree] + value if degree in before else value for degree, value in update.items()}


class Head(nn.Module):
    """One vector of an atom's features: mix, gate the vectors by scalars, mix to a single vector."""

    def __init__(self, hidden: dict[int, int]) -> None:
        super().__init__()
        self.gate = Gate({1: hidden[1]})
        self.mix = Linear(hidden, self.gate.inputs)
        self.vector = Linear({1: hidden[1]}, {1: 1})

    def forward(self, features: Features) -> Tensor:
        """Features of all degrees -> (G, N, 3)."""
        vectors: Tensor = self.vector(self.gate(self.mix(features)))[1]
        return vectors[..., 0].permute(1, 2, 0)


class Denoiser(Network):
    """xhat(y) = c_skip y + c_out F(c_in y; c_noise), an estimate of E[X | Y = y] for Y = X + sigma eps.

    F sees c_in y, whose mean squared pair distance is 1, so its radial basis acts on c_in |r_ij|. The settings' lengths
    (`radial_range`, `cutoff`) are those of clean structures, in nm, and become range / sqrt(A): the basis and the edges
    then fit at every noise level (Appendix B). With a cutoff, edges fade out smoothly. There are no self-edges; the sum
    over the n - 1 neighbours is divided by n - 1, and by the same with a cutoff, so that it stays smooth. (Dividing by
    its root lets the nearly parallel messages of six blocks grow: F of the public network then starts at 10^3 instead
    of 1, which Appendix B's normalisation is for.)

    With even features (0e, 1e, ...) the network commutes with rotations and translations, and tells mirror images
    apart by the paths of odd degrees, such as the cross product of two vectors. What these give an atom is multiplied
    by its hand h, a pseudoscalar (irrep 0o) of +1 or -1. So all features are true scalars and vectors, and the network
    is exactly equivariant under reflections M of positions and hands together, xhat(M y; M h) = M xhat(y; h): a D
    peptide is the mirror image of the L peptide, whatever the weights are. Hands are those of each atom's own
    surroundings, so that in a chain of both each residue is as in a chain of its own hand. With features of natural
    parity (0e, 1o, ...) there are no such paths, and the network cannot tell mirror images apart.

    The gain of the output starts at 0, so that a new denoiser is c_skip y, the best linear one.

    Args:
        settings: of the network.
        mean_squared_distance: A, the mean squared distance of pairs of atoms in the training data, nm^2.
    """

    knows_hands = True

    def __init__(self, settings: NetworkSettings, mean_squared_distance: float) -> None:
        super().__init__(mean_squared_distance)
        self.settings = settings
        hidden = multiplicities(settings.hidden_irreps)
        self.parity = harmonics_parity(settings.hidden_irreps)
        unit = math.sqrt(mean_squared_distance)
        self.cutoff = None if settings.cutoff is None else settings.cutoff / unit
        self.basis = BASES[settings.radial_basis](settings.n_radial, (settings.cutoff or settings.radial_range) / unit)
        self.bond_table = nn.Parameter(torch.randn(2, settings.bond_embedding))
        tables = {
            "element": (ELEMENT_CODES, settings.element_embedding),
            "atom_name": (ATOM_NAME_CODES, settings.atom_name_embedding),
            "residue": (RESIDUE_CODES, settings.residue_embedding),
            "residue_index": (RESIDUE_PLACES, settings.residue_index_embedding),
        }
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(count, size) for name, (count, size) in tables.items() if size > 0}
        )
        embedded = sum(size for _, size in tables.values())
        # As many scalars as the hidden ones less the gates' worth: the public settings then have 10.5 M parameters.
        first = {0: max(hidden[0] - sum(count for degree, count in hidden.items() if degree), 8)}
        self.embed = Linear({0: embedded}, first)
        read = {degree: hidden[degree] for degree in (0, 1)}  # by the head; the last block makes nothing else
        stages = [first, *[hidden] * (settings.n_convolutions - 1), read]
        self.blocks = nn.ModuleList(Block(before, after, settings) for before, after in itertools.pairwise(stages))
        self.head = Head(read)
        self.gain = nn.Parameter(torch.zeros(()))

    def prepare(self, conditioning: Conditioning | Prepared) -> Prepared:
        """Compute what does not depend on positions or sigma.

        Give the result to ``forward`` in place of the conditioning to save its repetition, under ``torch.no_grad()``
        where weights are not trained. Of a single molecule that stands for the whole batch the first convolution's
        products with the atoms' features are stored too.
        """
        if isinstance(conditioning, Prepared):
            return conditioning
        mask = conditioning.mask
        dtype = self.gain.dtype
        atoms = mask.shape[1]
        edge = mask[:, :, None] & mask[:, None, :] & ~torch.eye(atoms, dtype=torch.bool, device=mask.device)
        neighbours = (mask.sum(1) - 1).clamp(min=1).to(dtype)
        bonded = functional.one_hot((conditioning.bonded & edge).long(), 2).to(dtype)
        codes = {"residue_index": conditioning.residue_index.clamp(max=RESIDUE_PLACES - 1)}
        embedded = [table(codes.get(name, getattr(conditioning, name))) for name, table in self.embeddings.items()]
        nodes = self.embed({0: torch.cat(embedded, -1)[None]})
        kept = self._blocks()[0].convolution.transform(nodes, everything=True) if mask.shape[0] == 1 else None
        edge_weight = edge * (SILU_GAIN / neighbours)[:, None, None]
        return Prepared(mask, edge_weight, bonded, conditioning.hand[..., None].to(dtype), nodes, kept)

    def forward(self, y: Tensor, sigma: float | Tensor, conditioning: Conditioning | Prepared) -> Tensor:
        """Denoise; see Network."""
        prepared = self.prepare(conditioning)
        sigma = torch.as_tensor(sigma, dtype=torch.float64, device=y.device).reshape(-1, 1, 1)
        c_in, c_skip, c_out, c_noise = (
            value.to(y.dtype) for value in preconditioning(sigma, self.mean_squared_distance)
        )
        y = centre(y, prepared.mask)
        update = self.network(c_in * y, c_noise, prepared)
        return centre(c_skip * y + c_out * update, prepared.mask)

    def network(self, positions: Tensor, c_noise: Tensor, prepared: Prepared) -> Tensor:
        """F: positions (G, N, 3) without unit, c_noise (G or 1, 1, 1) -> (G, N, 3) without unit."""
        pairs = self._pairs(positions, prepared)
        graphs = positions.shape[0]
        edge_weight = pairs.weight
        if self.cutoff is not None:
            edge_weight = edge_weight * envelope(pairs.distance / self.cutoff)
        edge_weight = edge_weight[..., None]
        edge_features = torch.cat([self.basis(pairs.distance), pairs.bonded.expand(graphs, -1, -1, -1)], -1)
        features, kept = prepared.nodes, prepared.kept
        if kept is None:
            features = {degree: value.expand(-1, graphs, -1, -1) for degree, value in features.items()}
        for block in self._blocks():
            hidden_edges = block.radial(edge_features, self.bond_table) * edge_weight
            edges = Edges(hidden_edges, pairs.harmonics, hand=prepared.hand, neighbours=pairs.neighbours)
            features = block(features, edges, c_noise, kept)
            kept = None
        vectors: Tensor = self.head(features)
        return vectors * self.gain

    def _pairs(self, positions: Tensor, prepared: Prepared) -> Pairs:
        """All pairs, or those within the cutoff where the molecule is so large that they are far fewer."""
        atoms = positions.shape[1]
        if self.cutoff is not None and atoms > MOST_ATOMS_DENSE and not self.fixed_shapes:
            lists = neighbour_lists(positions, prepared.edge_weight, self.cutoff)
            if lists.shape[2] <= MOST_NEIGHBOURS * atoms:
                return _listed(positions, prepared, lists, self.settings.lmax)
        distance, harmonics = pair_geometry(positions, self.settings.lmax)
        return Pairs(distance, harmonics, prepared.edge_weight, prepared.bonded, None)

    def _blocks(self) -> list[Block]:
        return cast("list[Block]", list(self.blocks))

    def flops(self, atoms: int) -> int:
        """Floating-point operations of the matrix products in the convolutions and radial layers, a graph forward."""
        radial = 2 * atoms * atoms * (self.settings.n_radial + 2) * self.settings.radial_width
        return sum(block.convolution.flops(atoms) + radial for block in self._blocks())

    def bytes_per_graph(self, atoms: int) -> int:
        """Memory that one evaluation takes for each graph, estimated from its largest tensors.

        These have a number for each pair of atoms and: function of the radial basis, once; hidden radial unit, three
        times while a convolution's are made; feature of an atom, with its components in the harmonics' place, five
        times while messages are. The rest is small beside them. Lists of neighbours take less, but how much is known
        with the positions only, so all pairs are counted.
        """
        settings = self.settings
        features = sum(multiplicities(settings.hidden_irreps).values())
        per_pair = (settings.n_radial + 2) + 3 * settings.radial_width + 5 * features + 3 * (settings.lmax + 1) ** 2
        return self.gain.element_size() * atoms**2 * per_pair
