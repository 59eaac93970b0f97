"""The convolution: a tensor product with weights that depend on the edge, without ever making those weights.

Atom i receives

    out_i = sum_j W(h_ij) (x_j (x) Y_ij),     W(h) = sum_k h[k] A_k,

with h_ij the K hidden units of the radial layer, Y_ij the spherical harmonics of r_i - r_j, (x) the Clebsch-Gordan
product of every path (l1, l2 -> l3), and A_k the weights of the radial network's last, linear layer. In the usual form
each edge gets its own W(h_ij): 28,992 numbers an edge for the public network. Because the last layer is linear, the
sums can be taken in another order. For each output degree the cheaper of two is used:

- aggregate first (wide outputs, such as scalars):  sum_k A_k [ sum_j h_ij[k] (x_j (x) Y_ij) ]
- transform first (narrow outputs, such as vectors): sum_j sum_k h_ij[k] ((A_k x_j) (x) Y_ij)

Both are batched matrix products on a dense [graph, atom, atom] layout, where h_ij = 0 for pairs that are no edge. In
large molecules with a cutoff the last axis has an atom's M neighbours only ([graph, atom, neighbour], as long as the
longest list; h_ij = 0 on what is left over), so that time and memory grow with the number of atoms.
Weights, paths and normalisation are those of e3nn's FullyConnectedTensorProduct ('component' irreps, 'element' paths).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import torch
from e3nn import o3
from torch import Tensor, nn

from jamun.model.layers import Features
from jamun.model.products import product

# Up to so many hidden units, where products are in a narrower type, Y is multiplied with these before the sums, which
# then are products of matrices alone (benchmarks/denoiser.py: 16 gain 17 %, 32 lose 10 %). In float32 the operations
# that this adds cost more than it saves.
_NARROW = 16
# The order of the sums is chosen for graphs of this many atoms; either order gives the same result.
_TYPICAL_ATOMS = 32


@dataclass(frozen=True)
class Path:
    """One way (l1, l2 -> l3) of the tensor product, with the non-zero Clebsch-Gordan coefficients."""

    l1: int
    l2: int
    l3: int
    entries: tuple[tuple[int, int, int, float], ...]  # (m1, m2, m3, coefficient)

    @property
    def name(self) -> str:
        return f"{self.l1}_{self.l2}_{self.l3}"

    @property
    def odd(self) -> bool:
        """Whether the degrees sum to an odd number, as those of the cross product 1 x 1 -> 1 do: of vectors such a path
        makes a pseudovector, which a reflection does not turn round."""
        return bool((self.l1 + self.l2 + self.l3) % 2)

    def of_component(self, m3: int) -> list[tuple[int, int, float]]:
        """(m1, m2, coefficient) that contribute to output component `m3`."""
        return [(m1, m2, value) for m1, m2, m, value in self.entries if m == m3]


def _coupling(l1: int, l2: int, l3: int) -> tuple[tuple[int, int, int, float], ...]:
    table = o3.wigner_3j(l1, l2, l3, dtype=torch.float64)
    places = (table.abs() > 1e-9).nonzero().tolist()
    return tuple((m1, m2, m3, float(table[m1, m2, m3])) for m1, m2, m3 in places)


def _sum_of_products(pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """sum a b, each term added where it is made: these arrays are as large as the products' own."""
    (first, second), *rest = pairs
    total = first * second
    for a, b in rest:
        total = torch.addcmul(total, a, b)
    return total


def _of_graphs(rows: Tensor, columns: Tensor) -> Tensor:
    """A product a graph, (G, N, M) and (G or 1, M, W) -> (G, N, W)."""
    if columns.shape[0] > 1:
        return rows @ columns
    return product(rows.flatten(0, 1), columns[0]).view(*rows.shape[:2], -1)


@dataclass
class Edges:
    """What a convolution needs to know of the pairs of atoms: M = N of them an atom, or its M neighbours.

    hidden: (G, N, M, K), of receiver i and sender j, zero where there is no edge.
    harmonics: for each degree (2l+1, G, N, M), of r_i - r_j: symmetric for even degrees, antisymmetric for odd ones.
    by_sender: `hidden` with the sender first, where it is not symmetric in the atoms; None where it is.
    hand: (G or 1, N, 1), 1 or -1, of receiver i: a pseudoscalar that paths of odd degrees are multiplied by; None is 1.
    neighbours: (G N M) int64, the second atom of each pair, numbered through all graphs (jamun.model.geometry), where
        `hidden` is symmetric in the atoms; None where M is all atoms in their order.
    """

    hidden: Tensor
    harmonics: list[Tensor]
    by_sender: Tensor | None = None
    hand: Tensor | None = None
    neighbours: Tensor | None = None
    _moments: dict[int, Tensor] = field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        """Whether products are in a narrower type (autocast)."""
        return torch.is_autocast_enabled(self.hidden.device.type)

    def moments(self, degree: int) -> Tensor:
        """Hidden units times all components of Y of a degree, (G, 2l+1, N, N K); the same for all paths, so kept."""
        if degree not in self._moments:
            found = self.hidden[:, None]
            if degree:
                found = found * self.harmonics[degree].movedim(0, 1)[..., None]
            if self.narrow and found.dtype == torch.float32:  # once, and not for each product
                found = found.to(torch.get_autocast_dtype(found.device.type))
            self._moments[degree] = found.flatten(3)
        return self._moments[degree]

    @property
    def sent(self) -> Tensor:
        """The hidden units (G, N, N, K) of sender j and receiver i."""
        return self.hidden if self.by_sender is None else self.by_sender

    def of_senders(self, features: Tensor) -> Tensor:
        """Features (G, N, U) of atoms -> those of the sender of each pair, (G, 1 or N, M, U)."""
        if self.neighbours is None:
            return features[:, None]
        return features.flatten(0, 1).index_select(0, self.neighbours).view(*self.hidden.shape[:3], -1)

    def received(self, messages: Tensor) -> Tensor:
        """Messages (G, N, M, W) from the first atom of each pair to the second -> their sums by receiver, (G, N, W)."""
        if self.neighbours is None:
            return messages.sum(1)
        graphs, atoms = messages.shape[:2]
        summed = messages.new_zeros(graphs * atoms, messages.shape[-1])
        # Not in place: gradients of the messages pass through it.
        summed = summed.index_add(0, self.neighbours, messages.flatten(0, 2))
        return summed.view(graphs, atoms, -1)


class Convolution(nn.Module):
    """sum_j W(h_ij)(x_j (x) Y_ij) with W linear in h; see the module's text.

    Weights are drawn from N(0, 1). ``weight[path]`` has shape (K, U, W) for outputs that are aggregated first and
    (U, K, W) for those that are transformed first.

    Args:
        inputs: multiplicity of each degree of the input.
        outputs: multiplicity of each degree of the output.
        lmax: highest degree of Y.
        width: number K of hidden radial units.
        parity: that of Y and the features (jamun.model.layers.harmonics_parity). With -1, paths whose three degrees sum
            to an odd number, such as the cross product 1 x 1 -> 1, do not exist.
    """

    def __init__(
        self, inputs: Mapping[int, int], outputs: Mapping[int, int], lmax: int, width: int, parity: int = 1
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.width = dict(sorted(inputs.items())), dict(sorted(outputs.items())), width
        # e3nn's order: by input, then harmonic, then output
        self.paths = [
            Path(l1, l2, l3, _coupling(l1, l2, l3))
            for l1 in self.inputs
            for l2 in range(lmax + 1)
            for l3 in self.outputs
            if abs(l1 - l2) <= l3 <= l1 + l2 and parity ** (l1 + l2 + l3) == 1
        ]
        self.paths_to = {l3: [path for path in self.paths if path.l3 == l3] for l3 in self.outputs}
        self.aggregated = {l3: self._aggregate_is_cheaper(l3) for l3 in self.outputs}
        # 'component' normalisation of irreps, 'element' normalisation of paths; 1/sqrt(K) of the radial layer
        self.gain = {
            l3: math.sqrt((2 * l3 + 1) / max(sum(self.inputs[path.l1] for path in paths), 1) / width)
            for l3, paths in self.paths_to.items()
        }
        self.weight = nn.ParameterDict()
        for path in self.paths:
            fan_in, fan_out = self.inputs[path.l1], self.outputs[path.l3]
            shape = (width, fan_in, fan_out) if self.aggregated[path.l3] else (fan_in, width, fan_out)
            self.weight[path.name] = nn.Parameter(torch.randn(shape))

    def _aggregate_is_cheaper(self, l3: int) -> bool:
        n, k, w = _TYPICAL_ATOMS, self.width, self.outputs[l3]
        fans = [(self.inputs[path.l1], path) for path in self.paths_to[l3]]
        aggregate = sum(n * k * u * (2 * l3 + 1) * (n + w) for u, _ in fans)
        transform = sum(n * k * w * (2 * path.l1 + 1) * (n + u) for u, path in fans)
        return aggregate <= transform

    def flops(self, atoms: int) -> int:
        """Floating-point operations of the matrix products of a forward pass for one graph (a product and a sum count
        as two)."""
        n, k, total = atoms, self.width, 0
        for path in self.paths:
            u, w = self.inputs[path.l1], self.outputs[path.l3]
            components = 2 * path.l3 + 1 if self.aggregated[path.l3] else 2 * path.l1 + 1
            total += n * k * components * (u * w + n * (u if self.aggregated[path.l3] else w))
        return 2 * total

    def transform(self, features: Features, everything: bool = False) -> dict[str, list[Tensor]]:
        """A_k x_j for each path that is transformed first (or for all), by component m1: (G, N, K, W).

        Independent of positions: where the features never change, the result may be kept.
        """
        transformed = {}
        for path in self.paths:
            if self.aggregated[path.l3] and not everything:
                continue
            weight = self.weight[path.name]
            if self.aggregated[path.l3]:
                weight = weight.transpose(0, 1)
            # One product for all components: a product this narrow (U columns in) gains most from more rows.
            made = product(features[path.l1], weight.reshape(weight.shape[0], -1))
            transformed[path.name] = list(made.unflatten(-1, weight.shape[1:]).unbind(0))
        return transformed

    def forward(self, features: Features, edges: Edges, kept: dict[str, list[Tensor]] | None = None) -> Features:
        """Features {l: (2l+1, G, N, multiplicity)} of all atoms; `kept` is what ``transform(..., everything=True)``
        gave for these features, with G or one graph."""
        transformed = self.transform(features) if kept is None else kept
        result = {}
        for l3, paths in self.paths_to.items():
            components: list[Tensor] = []
            for path in paths:
                if path.name in transformed:
                    parts = self._spread(path, transformed[path.name], edges)
                else:
                    parts = self._gather(path, features[path.l1], edges)
                if path.odd and edges.hand is not None:
                    parts = [part * edges.hand for part in parts]
                pairs = zip(components, parts, strict=True)
                components = [old + part for old, part in pairs] if components else list(parts)
            if not paths:
                graphs, atoms = edges.hidden.shape[:2]
                components = [edges.hidden.new_zeros(graphs, atoms, self.outputs[l3])] * (2 * l3 + 1)
            result[l3] = torch.stack(components) * self.gain[l3] if l3 else components[0][None] * self.gain[l3]
        return result

    @staticmethod
    def _by_moments(path: Path, edges: Edges) -> bool:
        """Whether hidden units are multiplied by Y first; for l2 = 0 it is constant."""
        return edges.neighbours is None and (path.l2 == 0 or (edges.narrow and edges.hidden.shape[-1] <= _NARROW))

    def _gather(self, path: Path, features: Tensor, edges: Edges) -> list[Tensor]:
        """Aggregate first: components of sum_k A_k sum_j h_ij[k] (x_j (x) Y_ij)."""
        graphs, atoms = edges.hidden.shape[:2]
        weight = self.weight[path.name].flatten(0, 1)
        senders = [edges.of_senders(component) for component in features]
        by_moments = self._by_moments(path, edges) and (path.l2 == 0 or edges.by_sender is None)
        parts = []
        for m3 in range(2 * path.l3 + 1):
            if by_moments and path.l2 == 0:  # one product a graph; by sender, nothing is copied for it
                ((m1, _, value),) = path.of_component(m3)
                summed = edges.sent.flatten(2).transpose(1, 2) @ (features[m1] * value)
            elif by_moments:  # the same, for all components of Y side by side; by sender Y_ij is (-1)^l Y_ji
                entries = path.of_component(m3)
                hidden = torch.cat([edges.moments(path.l2)[:, m2] for _, m2, _ in entries], 1)
                sent = torch.cat([features[m1] * ((-1.0) ** path.l2 * value) for m1, _, value in entries], 1)
                summed = hidden.transpose(1, 2) @ sent
            else:
                messages = _sum_of_products(
                    ((coefficient * edges.harmonics[path.l2][m2])[..., None], senders[m1])
                    for m1, m2, coefficient in path.of_component(m3)
                )
                summed = edges.hidden.flatten(0, 1).transpose(1, 2) @ messages.flatten(0, 1)
            parts.append(product(summed.reshape(graphs * atoms, -1), weight).view(graphs, atoms, -1))
        return parts

    def _spread(self, path: Path, transformed: list[Tensor], edges: Edges) -> list[Tensor]:
        """Transform first: components of sum_j sum_k h_ij[k] ((A_k x_j) (x) Y_ij)."""
        graphs, atoms, _, width = edges.hidden.shape
        if self._by_moments(path, edges):
            moments = edges.moments(path.l2).flatten(1, 2)
            sums = [_of_graphs(moments, source.flatten(1, 2)).unflatten(1, (-1, atoms)) for source in transformed]
            return [
                reduce(torch.add, (value * sums[m1][:, m2] for m1, m2, value in path.of_component(m3)))
                for m3 in range(2 * path.l3 + 1)
            ]
        # with j in the batch of the products, spread[j, i] = sum_k h_ij[k] (A_k x_j)
        hidden = edges.sent.reshape(graphs * atoms, -1, width)
        spread = []
        for source in transformed:
            made = hidden @ source.expand(graphs, -1, -1, -1).flatten(0, 1)
            spread.append(made.view(*edges.hidden.shape[:3], -1))
        sign = (-1.0) ** path.l2  # Y_ij, read at [j, i]
        return [
            edges.received(
                _sum_of_products(
                    ((sign * coefficient * edges.harmonics[path.l2][m2])[..., None], spread[m1])
                    for m1, m2, coefficient in path.of_component(m3)
                )
            )
            for m3 in range(2 * path.l3 + 1)
        ]
