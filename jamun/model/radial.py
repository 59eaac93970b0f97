"""Functions of the distance along an edge."""

import math

import torch
from torch import Tensor, nn

_LOG2_E = 1.0 / math.log(2.0)


def gaussian(x: Tensor) -> Tensor:
    """exp(-x^2), any shape; on processors PyTorch's exp2 is five times as fast as its exp."""
    return torch.exp2(x.square() * -_LOG2_E)


class BesselBasis(nn.Module):
    """phi_n(d) = sqrt(2/c) sin(n pi d / c) / d for n = 1..`size`, with c = `end` (Gasteiger et al. 2020, eq. 7).

    ``forward``: distances of any shape (...) in the unit of `end` -> (..., size); the limit is taken at d = 0.
    """

    frequency: Tensor

    def __init__(self, size: int, end: float) -> None:
        super().__init__()
        order = torch.arange(1, size + 1, dtype=torch.float64)
        self.register_buffer("frequency", math.pi * order / end, persistent=False)
        self.amplitude = math.sqrt(2.0 / end)

    def forward(self, distance: Tensor) -> Tensor:
        # torch.sinc, which has the limit, takes three times as long
        d = distance[..., None]
        apart = d > 0
        d = torch.where(apart, d, 1.0)
        frequency = self.frequency.to(distance.dtype)
        return torch.where(apart, torch.sin(d * frequency) * (self.amplitude / d), self.amplitude * frequency)


class GaussianBasis(nn.Module):
    """exp(-((d - mu_n) / w)^2) / 1.12 * sqrt(size), mu_n evenly spaced on [0, `end`], w their spacing.

    The constants are e3nn's (``soft_one_hot_linspace``), which give entries of unit second moment.
    ``forward``: (...) -> (..., size).
    """

    centres: Tensor

    def __init__(self, size: int, end: float) -> None:
        super().__init__()
        centres = torch.linspace(0.0, end, size, dtype=torch.float64) if size > 1 else torch.tensor([0.0]).double()
        self.spacing = end / max(size - 1, 1)
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, distance: Tensor) -> Tensor:
        scaled = (distance[..., None] - self.centres.to(distance.dtype)) / self.spacing
        return gaussian(scaled) * (math.sqrt(len(self.centres)) / 1.12)


BASES = {"bessel": BesselBasis, "gaussian": GaussianBasis}


def envelope(ratio: Tensor) -> Tensor:
    """A weight that falls smoothly from 1 at `ratio` = d / cutoff = 0 to 0 at 1, with two continuous derivatives there
    (Gasteiger et al. 2020, eq. 8)."""
    p = 6
    value = 1.0 - (p + 1) * (p + 2) / 2 * ratio**p + p * (p + 2) * ratio ** (p + 1) - p * (p + 1) / 2 * ratio ** (p + 2)
    return torch.where(ratio < 1, value, torch.zeros_like(value))
