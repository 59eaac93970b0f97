"""The denoiser's network in plain e3nn and PyTorch Geometric: an edge list, a weight vector an edge, scattered sums.

Slow and memory-hungry on purpose; tests and benchmarks/denoiser.py hold the dense form against it. It takes its
parameters from a Denoiser, so gradients arrive at the same leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor
from torch_geometric.utils import scatter

from jamun.model.conditioning import Conditioning
from jamun.model.convolution import Convolution
from jamun.model.denoiser import RESIDUE_PLACES, Denoiser, preconditioning
from jamun.model.geometry import COINCIDENT
from jamun.model.layers import SILU_GAIN
from jamun.model.radial import envelope


def as_irreps(channels: Mapping[int, int], parity: int = 1) -> o3.Irreps:
    """The irreps of a mapping degree -> multiplicity, in order of degree; `parity` as in harmonics_parity."""
    return o3.Irreps([(channels[degree], (degree, parity**degree)) for degree in sorted(channels)])


def per_edge_weights(convolution: Convolution) -> Tensor:
    """The last radial layer as a matrix (K, weights an edge) in e3nn's order of weights."""
    flat = []
    for path in convolution.paths:
        weight = convolution.weight[path.name]
        first = weight if convolution.aggregated[path.l3] else weight.transpose(0, 1)
        flat.append(first.reshape(convolution.width, -1))
    return torch.cat(flat, 1)


def _mix(linear: torch.nn.Module, x: Tensor, irreps: o3.Irreps, outputs: o3.Irreps) -> Tensor:
    """Apply the weights of our Linear by e3nn's."""
    layer = o3.Linear(irreps, outputs, internal_weights=False, shared_weights=True).to(x.device, x.dtype)
    weights = [linear.weight[str(irreps[ins.i_in].ir.l)].reshape(-1) for ins in layer.instructions]
    return layer(x, torch.cat(weights))


def _e3nn_product(inputs: o3.Irreps, harmonics: o3.Irreps, outputs: o3.Irreps) -> torch.nn.Module:
    return o3.FullyConnectedTensorProduct(inputs, harmonics, outputs, shared_weights=False, internal_weights=False)


class PerEdgeNetwork:
    """Callable with the arguments of ``Denoiser.forward``; holds e3nn modules, no parameters of its own."""

    def __init__(self, denoiser: Denoiser, product: Callable[..., torch.nn.Module] | None = None) -> None:
        """`product` makes the tensor product of (inputs, harmonics, outputs) with a weight vector an edge in e3nn's
        order, such as another library's; default is e3nn's own."""
        self.denoiser, self._make_product = denoiser, product or _e3nn_product
        default = torch.get_default_dtype()
        torch.set_default_dtype(denoiser.gain.dtype)  # e3nn rounds its constants to the default type
        try:
            self._build(denoiser)
        finally:
            torch.set_default_dtype(default)

    def _build(self, denoiser: Denoiser) -> None:
        parameter = denoiser.gain
        self.parity = denoiser.parity
        self.harmonics = o3.Irreps.spherical_harmonics(denoiser.settings.lmax, p=self.parity)
        self.products, self.gates = [], []
        for block in denoiser.blocks:
            hidden = block.gate.outputs
            gated = as_irreps({degree: n for degree, n in hidden.items() if degree}, self.parity)
            gate = e3nn_nn.Gate(
                o3.Irreps(f"{hidden[0]}x0e"),
                [torch.nn.functional.silu],
                o3.Irreps([(n, "0e") for n, _ in gated]),
                [torch.sigmoid] * len(gated),
                gated,
            )
            product = self._make_product(
                as_irreps(block.convolution.inputs, self.parity),
                self.harmonics,
                as_irreps(block.convolution.outputs, self.parity),
            )
            self.products.append(product.to(parameter.device, parameter.dtype))
            self.gates.append(gate.to(parameter.device, parameter.dtype))
        vectors = denoiser.head.gate.outputs[1]
        head_gate = e3nn_nn.Gate("", [], f"{vectors}x0e", [torch.sigmoid], as_irreps({1: vectors}, self.parity))
        self.head_gate = head_gate.to(parameter.device, parameter.dtype)

    def __call__(self, y: Tensor, sigma: float | Tensor, conditioning: Conditioning) -> Tensor:
        denoiser = self.denoiser
        graphs = y.shape[0]
        mask = conditioning.mask.expand(graphs, -1)
        sigma = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1).expand(graphs).to(y.device)
        graph, atom = mask.nonzero(as_tuple=True)
        count = mask.sum(1)
        coefficients = [value.to(y.dtype) for value in preconditioning(sigma, denoiser.mean_squared_distance)]
        c_in, c_skip, c_out, c_noise = (value[graph][:, None] for value in coefficients)

        def centred(x: Tensor) -> Tensor:
            sums = x.new_zeros(graphs, 3).index_add(0, graph, x)
            return x - (sums / count[:, None])[graph]

        position = centred(y[graph, atom])
        receiver, sender = self._edges(graph)
        vector = (c_in * position)[receiver] - (c_in * position)[sender]
        squared = vector.square().sum(1)
        apart = squared > COINCIDENT**2
        length = torch.where(apart, squared, 1.0).sqrt() * apart
        safe = torch.where(apart[:, None], vector, vector.new_tensor([0.0, 1.0, 0.0]))
        directions = o3.spherical_harmonics(self.harmonics, safe, normalize=True, normalization="component")
        directions = torch.cat([directions[:, :1], directions[:, 1:] * apart[:, None]], 1)
        weight = 1.0 / (count[graph[receiver]] - 1).to(y.dtype)
        if denoiser.cutoff is not None:
            weight = weight * envelope(length / denoiser.cutoff)
        bonded = conditioning.bonded.expand(graphs, -1, -1)[graph[receiver], atom[receiver], atom[sender]]
        edge = torch.cat([denoiser.bond_table[bonded.long()], denoiser.basis(length)], 1)

        codes = [
            table(
                (
                    conditioning.residue_index.clamp(max=RESIDUE_PLACES - 1)
                    if name == "residue_index"
                    else getattr(conditioning, name)
                ).expand(graphs, -1)[graph, atom]
            )
            for name, table in denoiser.embeddings.items()
        ]
        embedded = torch.cat(codes, 1)
        first = denoiser.blocks[0].convolution.inputs[0]
        x = _mix(denoiser.embed, embedded, o3.Irreps(f"{embedded.shape[1]}x0e"), o3.Irreps(f"{first}x0e"))
        for block, product, gate in zip(denoiser.blocks, self.products, self.gates, strict=True):
            hidden = as_irreps(block.gate.outputs, self.parity)
            matrix = torch.cat([block.radial.bond, block.radial.distance])
            units = torch.nn.functional.silu(edge @ matrix / matrix.shape[0] ** 0.5) * SILU_GAIN
            per_edge = units @ per_edge_weights(block.convolution) / units.shape[1] ** 0.5
            messages = product(x[sender], directions, per_edge) * weight[:, None]
            summed = scatter(messages, receiver, dim_size=len(x))
            update = _mix(block.interaction, gate(summed), hidden, hidden)
            scale = torch.cat(
                [
                    (1 + block.scale.offset[str(ir.l)] + block.scale.slope[str(ir.l)] * c_noise).repeat_interleave(
                        ir.dim, 1
                    )
                    for _, ir in hidden
                ],
                1,
            )
            if block.skip is None:
                before = x[:, : hidden.dim]  # degrees that the last block does not make stand behind
                before = torch.nn.functional.pad(before, (0, hidden.dim - before.shape[1]))
            else:
                before = _mix(block.skip, x, as_irreps(block.convolution.inputs, self.parity), hidden)
            x = before + update * scale
        vectors = denoiser.head.gate.outputs[1]
        mixed = _mix(denoiser.head.mix, x, hidden, as_irreps({0: vectors, 1: vectors}, self.parity))
        gated = as_irreps({1: vectors}, self.parity)
        f = _mix(denoiser.head.vector, self.head_gate(mixed), gated, as_irreps({1: 1}, self.parity)) * denoiser.gain
        xhat = centred(c_skip * position + c_out * f)
        return y.new_zeros(y.shape).index_put((graph, atom), xhat)

    @staticmethod
    def _edges(graph: Tensor) -> tuple[Tensor, Tensor]:
        """All ordered pairs of different atoms of the same graph."""
        same = graph[:, None] == graph[None, :]
        same.fill_diagonal_(False)
        return same.nonzero(as_tuple=True)
