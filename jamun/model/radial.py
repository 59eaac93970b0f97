"""Functions of the distance along an edge."""

import math

import torch
from torch import Tensor, nn


class BesselBasis(nn.Module):
    """phi_n(d) = sqrt(2/c) sin(n pi d / c) / d for n = 1..`size`, with c = `end` (Gasteiger et al. 2020, eq. 7).

    ``forward``: distances of any shape (...) in the unit of `end` -> (..., size); the limit is taken at d = 0.
    """

    frequency: Tensor
    amplitude: Tensor

    def __init__(self, size: int, end: float) -> None:
        super().__init__()
        order = torch.arange(1, size + 1, dtype=torch.float64)
        self.register_buffer("frequency", order / end, persistent=False)
        self.register_buffer("amplitude", math.sqrt(2.0 / end) * math.pi * order / end, persistent=False)

    def forward(self, distance: Tensor) -> Tensor:
        # torch.sinc is smooth at zero: sin(n pi d / c) / d = (n pi / c) sinc(n d / c)
        argument = distance[..., None] * self.frequency.to(distance.dtype)
        return torch.sinc(argument) * self.amplitude.to(distance.dtype)


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
        return torch.exp(-scaled.square()) * (math.sqrt(len(self.centres)) / 1.12)


BASES = {"bessel": BesselBasis, "gaussian": GaussianBasis}


def envelope(ratio: Tensor) -> Tensor:
    """A weight that falls smoothly from 1 at `ratio` = d / cutoff = 0 to 0 at 1, with two continuous derivatives there
    (Gasteiger et al. 2020, eq. 8)."""
    p = 6
    value = 1.0 - (p + 1) * (p + 2) / 2 * ratio**p + p * (p + 2) * ratio ** (p + 1) - p * (p + 1) / 2 * ratio ** (p + 2)
    return torch.where(ratio < 1, value, torch.zeros_like(value))
