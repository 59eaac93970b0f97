"""Equivariant layers.

Features are a dictionary from degree l to a tensor (2l+1, G, N, multiplicity): components first, so that every layer
is a matrix product over the last axis.
"""

import math
from collections.abc import Callable, Mapping

import torch
from e3nn import o3
from e3nn.math import normalize2mom
from torch import Tensor, nn
from torch.nn import functional

from jamun.model.products import product

Features = dict[int, Tensor]

# Factors that give activations of a normal variable unit second moment, as in e3nn's Gate and FullyConnectedNet.
SILU_GAIN = float(normalize2mom(functional.silu).cst)
LEAKY_RELU_GAIN = float(normalize2mom(functional.leaky_relu).cst)
SIGMOID_GAIN = float(normalize2mom(torch.sigmoid).cst)


def multiplicities(irreps: str) -> dict[int, int]:
    """Degree -> multiplicity, e.g. ``"120x0e + 32x1e"`` -> ``{0: 120, 1: 32}``."""
    return {irrep.l: multiplicity for multiplicity, irrep in o3.Irreps(irreps).regroup()}


def harmonics_parity(irreps: str) -> int:
    """Parity p of the spherical harmonics that features of `irreps` go with, as in ``o3.Irreps.spherical_harmonics``.

    1: all even (0e, 1e, ...), equivariant under rotations only, which can tell mirror images apart. -1: each degree its
    natural parity (-1)^l (0e, 1o, 2e, ...), equivariant under reflections too. Raises ValueError for a mixture.
    """
    pairs = {(irrep.l, irrep.p) for _, irrep in o3.Irreps(irreps)}
    for parity in (1, -1):
        if all(p == parity**degree for degree, p in pairs):
            return parity
    raise ValueError(f"irreps {irreps} mix parities; use 0e, 1e, 2e, ... or 0e, 1o, 2e, ...")


class Linear(nn.Module):
    """Mix channels of equal degree: x_l W_l / sqrt(fan-in), as e3nn's Linear without bias.

    Degrees of `outputs` that `inputs` lacks are left out of the result.
    """

    def __init__(self, inputs: Mapping[int, int], outputs: Mapping[int, int]) -> None:
        super().__init__()
        self.weight = nn.ParameterDict(
            {
                str(degree): nn.Parameter(torch.randn(inputs[degree], outputs[degree]))
                for degree in sorted(outputs)
                if degree in inputs
            }
        )

    def forward(self, features: Features) -> Features:
        return {
            int(degree): product(features[int(degree)], weight * (1.0 / math.sqrt(weight.shape[0])))
            for degree, weight in self.weight.items()
        }


class Gate(nn.Module):
    """An activation on scalars; each channel of degree l > 0 times the sigmoid of a scalar of its own (e3nn.nn.Gate).

    `activation` is SiLU where nothing else is said; `gain` is its factor that normalize2mom gives.
    """

    def __init__(
        self,
        outputs: Mapping[int, int],
        activation: Callable[[Tensor], Tensor] = functional.silu,
        gain: float = SILU_GAIN,
    ) -> None:
        super().__init__()
        self.activation, self.activation_gain = activation, gain
        self.outputs = dict(sorted(outputs.items()))
        self.gated = {degree: count for degree, count in self.outputs.items() if degree > 0}

    @property
    def inputs(self) -> dict[int, int]:
        """What the gate wants: scalars, then the gates behind them, and the gated channels."""
        return {**self.outputs, 0: self.outputs.get(0, 0) + sum(self.gated.values())}

    def forward(self, features: Features) -> Features:
        parts = features[0].split([self.outputs.get(0, 0), *self.gated.values()], dim=-1)
        result = {0: self.activation(parts[0]) * self.activation_gain} if 0 in self.outputs else {}
        for gate, degree in zip(parts[1:], self.gated, strict=True):
            result[degree] = features[degree] * (torch.sigmoid(gate) * SIGMOID_GAIN)
        return result


class NoiseScale(nn.Module):
    """Scale each channel by 1 + a + b c_noise; a and b are learned and start at 0, so that it starts neutral."""

    def __init__(self, channels: Mapping[int, int]) -> None:
        super().__init__()
        self.offset = nn.ParameterDict({str(degree): torch.zeros(count) for degree, count in channels.items()})
        self.slope = nn.ParameterDict({str(degree): torch.zeros(count) for degree, count in channels.items()})

    def forward(self, features: Features, c_noise: Tensor) -> Features:
        """`c_noise` has shape (G, 1, 1) or (1, 1, 1)."""
        return {
            degree: value * (1.0 + self.offset[str(degree)] + self.slope[str(degree)] * c_noise)
            for degree, value in features.items()
        }
