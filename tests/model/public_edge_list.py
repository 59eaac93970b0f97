"""The public network as an edge list, in plain e3nn and PyTorch Geometric: a weight vector an edge, scattered means.

Slow and memory-hungry on purpose: it is how the public program computes. Tests and benchmarks/public_network.py hold
jamun.model.public.network against it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor
from torch.nn import functional
from torch_geometric.utils import scatter

from jamun.config.public_network import PublicNetworkSettings
from jamun.model.denoiser import preconditioning
from jamun.model.geometry import COINCIDENT
from jamun.model.public.codes import PublicConditioning
from jamun.model.public.layout import block_prefixes

_TABLES = {
    "element": "atom_type",
    "atom_name": "atom_code",
    "residue": "residue_code",
    "residue_index": "residue_index",
}


class EdgeListNetwork:
    """Callable with the arguments of ``PublicDenoiser.forward``; `weights` are by the public program's keys."""

    def __init__(self, settings: PublicNetworkSettings, squared: float, weights: Mapping[str, Tensor]) -> None:
        self.settings, self.squared, self.weights = settings, squared, weights
        gain = weights["output_gain"]
        default = torch.get_default_dtype()
        torch.set_default_dtype(gain.dtype)  # e3nn rounds its constants to the default type
        try:
            self._build()
        finally:
            torch.set_default_dtype(default)

    def _build(self) -> None:
        settings = self.settings
        self.hidden = o3.Irreps(settings.hidden_irreps)
        scalars, vectors = settings.channels[0], settings.channels[1]
        self.gated = o3.Irreps(f"{scalars + vectors}x0e + {vectors}x1e")
        self.gate = e3nn_nn.Gate(
            f"{scalars}x0e", [functional.leaky_relu], f"{vectors}x0e", [torch.sigmoid], f"{vectors}x1e"
        )
        tables = o3.Irreps([(size, "0e") for size in settings.embeddings_read.values()])  # not simplified
        self.inputs = [tables, *[self.hidden] * (settings.n_convolutions - 1)]
        self.products = [
            o3.FullyConnectedTensorProduct(irreps, "1x0e + 1x1e", self.gated, shared_weights=False)
            for irreps in self.inputs
        ]
        free = {"internal_weights": False, "shared_weights": True}
        self.skips = [o3.Linear(irreps.simplify(), self.hidden, **free) for irreps in self.inputs]
        self.interaction = o3.Linear(self.hidden, self.hidden, **free)
        self.head_mix, self.head_vector = (
            o3.Linear(self.hidden, self.gated, **free),
            o3.Linear(f"{vectors}x1e", "1x1e", **free),
        )

    def _noise(self, prefix: str, c_noise: Tensor) -> Tensor:
        """(graphs, 1) -> (graphs, channels)."""
        first, second = (
            [self.weights[f"{prefix}.scale_predictor.{place}.{what}"] for what in ("weight", "bias")]
            for place in (0, 2)
        )
        return functional.linear(functional.selu(functional.linear(c_noise, *first)), *second)

    def _per_component(self, channels: Tensor) -> Tensor:
        """Numbers for each channel, repeated for the components of vectors."""
        return torch.cat([part.repeat_interleave(ir.dim, -1) for part, (_, ir) in self._split(channels)], -1)

    def _split(self, channels: Tensor) -> list[tuple[Tensor, tuple[int, o3.Irrep]]]:
        return list(zip(channels.split([count for count, _ in self.hidden], -1), self.hidden, strict=True))

    def edges(self, position: Tensor, graph: Tensor, atom: Tensor, bonds: Tensor, cutoff: Tensor) -> tuple[Tensor, ...]:
        """Senders, receivers and kinds (0 radial, 1 bonded) of all edges: position (n, 3) in nm, graph and atom (n,),
        bonds (G, N, N) of receiver and sender, cutoff (n,) in nm."""
        distance = (position[:, None] - position[None, :]).norm(dim=-1)
        near = (graph[:, None] == graph[None, :]) & (distance < cutoff[:, None])  # an atom is near itself
        if self.settings.max_neighbours is not None:
            near = near & (near.cumsum(1) <= self.settings.max_neighbours + 1)
        near.fill_diagonal_(False)
        receiver, sender = near.nonzero(as_tuple=True)
        place = {(int(g), int(a)): number for number, (g, a) in enumerate(zip(graph, atom, strict=True))}
        joined = [(place[g, sender], place[g, receiver]) for g, receiver, sender in bonds.nonzero().tolist()]
        first, second = torch.tensor(joined, dtype=torch.long).reshape(-1, 2).T
        kind = torch.cat([torch.zeros_like(sender), torch.ones_like(first)])
        return torch.cat([sender, first]), torch.cat([receiver, second]), kind

    def __call__(self, y: Tensor, sigma: float | Tensor, conditioning: PublicConditioning) -> Tensor:
        graphs = y.shape[0]
        mask = conditioning.mask.expand(graphs, -1)
        graph, atom = mask.nonzero(as_tuple=True)
        count = mask.sum(1)
        level = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1).expand(graphs)
        coefficients = preconditioning(level, torch.tensor(self.squared, dtype=torch.float64))
        c_in, c_skip, c_out, c_noise = (value.to(y.dtype)[graph][:, None] for value in coefficients)

        def centred(x: Tensor) -> Tensor:
            return x - (x.new_zeros(graphs, 3).index_add(0, graph, x) / count[:, None])[graph]

        position = centred(y[graph, atom])
        radius = (self.settings.max_radius**2 + 6.0 * level.square()).sqrt()
        cutoff = (radius / coefficients[0]).to(y.dtype)[graph]
        end = cutoff if self.settings.generation > 1 else radius.to(y.dtype)[graph]
        bonds = conditioning.bonds.expand(graphs, -1, -1)
        sender, receiver, kind = self.edges(position.detach(), graph, atom, bonds, cutoff)
        vector = (c_in * position)[sender] - (c_in * position)[receiver]
        squared = vector.square().sum(1)
        apart = squared > COINCIDENT**2
        length = torch.where(apart, squared, 1.0).sqrt() * apart
        safe = torch.where(apart[:, None], vector, vector.new_tensor([0.0, 1.0, 0.0]))
        directions = o3.spherical_harmonics([0, 1], safe, normalize=True, normalization="component")
        directions = torch.cat([directions[:, :1], directions[:, 1:] * apart[:, None]], 1)
        centres = torch.arange(1, self.settings.n_radial + 1, dtype=y.dtype) / (self.settings.n_radial + 1)
        gaussians = length[:, None] / end[receiver][:, None] - centres
        gaussians = torch.exp(-(gaussians * (self.settings.n_radial + 1)).square()) / 1.12
        edge = torch.cat([self.weights["embed_bondedness.weight"][kind], gaussians], 1)

        x = self._embedded(conditioning, graphs, graph, atom, c_noise)
        for number, prefix in enumerate(block_prefixes(self.settings)):
            inputs = x
            if number:
                inputs = x * self._per_component(self._noise(f"noise_scalings.{number - 1}", c_noise))
            update = self._block(number, prefix, inputs, edge, directions, sender, receiver)
            if number:
                weight = torch.sigmoid(self._noise(f"skip_connections.{number - 1}.weights", c_noise))
                weight = self._per_component(weight if self.settings.generation > 2 else 1 - weight)
                update = weight * x + (1 - weight) * update
            x = update
        vectors = self.gate(self.head_mix(x, self.weights["output_head.0.lin.weight"]))
        vectors = vectors[:, self.settings.channels[0] :]
        f = self.head_vector(vectors, self.weights["output_head.1.weight"]) * self.weights["output_gain"]
        xhat = centred(c_skip * position + c_out * f)
        return y.new_zeros(y.shape).index_put((graph, atom), xhat)

    def _embedded(
        self, conditioning: PublicConditioning, graphs: int, graph: Tensor, atom: Tensor, c_noise: Tensor
    ) -> Tensor:
        rows = conditioning.rows(self.settings.generation, self.settings.residue_index)
        parts = {
            name: self.weights[f"atom_embedder.{key}_embedding.weight"][rows[name].expand(graphs, -1)[graph, atom]]
            for name, key in _TABLES.items()
        }
        scales = self._noise("initial_noise_scaling", c_noise).split([part.shape[1] for part in parts.values()], -1)
        scaled = {name: part * scale for (name, part), scale in zip(parts.items(), scales, strict=True)}
        return torch.cat([scaled[name] for name in self.settings.embeddings_read], 1)

    def _block(
        self,
        number: int,
        prefix: str,
        x: Tensor,
        edge: Tensor,
        directions: Tensor,
        sender: Tensor,
        receiver: Tensor,
    ) -> Tensor:
        def layer(values: Tensor, place: int) -> Tensor:
            name = f"{prefix}f.f.radial_nn.{place}"
            return functional.linear(values, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

        per_edge = layer(functional.silu(layer(edge, 0)), 3)
        messages = self.products[number](x[sender], directions, per_edge)
        mean = scatter(messages, receiver, dim_size=len(x), reduce="mean")
        mixed = self.interaction(self.gate(mean), self.weights[f"{prefix}self_interaction.weight"])
        return mixed + self.skips[number](x, self.weights[f"{prefix}skip_connection.weight"])
