"""Walk-jump sampling: underdamped Langevin dynamics on the noisy density, and jumps back to clean structures.

The walk samples p_Y of Y = X + sigma eps by (paper: equations 2 and 3, Appendix E)

    dy = v dt,   dv = u score(y) dt - gamma v dt + sqrt(2 gamma u) dW,   u = 1/M,

with score(y) = (xhat(y) - y) / sigma^2 (equation 6). The jump is xhat(y) itself, so each step takes exactly one
evaluation of the denoiser, and the jump never feeds back into the walk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.io.seeds import derived_seed

Denoise = Callable[[Tensor], Tensor]

# Steps for which a chain draws its random numbers at a time. Fixed, since the numbers depend on the size of a draw.
_NOISE_STEPS = 32
# A chain whose sample reaches this many times the radius of the start (and 0.5 nm more) has left the molecule.
_RADIUS_FACTOR, _RADIUS_EXTRA = 2.0, 0.5


class ChainNoise:
    """Standard normal numbers (chains, atoms, 3), from a generator of each chain's own.

    A chain's numbers depend on the seed and its index alone, whatever the number of chains beside it.
    """

    def __init__(self, seed: int, chains: int, atoms: int, dtype: torch.dtype, device: torch.device) -> None:
        self._generators = [torch.Generator().manual_seed(derived_seed(seed, "chain", i)) for i in range(chains)]
        self._shape, self._dtype, self._device = (_NOISE_STEPS, atoms, 3), dtype, device
        self._ready: Tensor | None = None
        self._next = 0

    def __call__(self) -> Tensor:
        """The next numbers of every chain."""
        if self._ready is None or self._next == _NOISE_STEPS:
            drawn = [torch.randn(self._shape, generator=each, dtype=torch.float64) for each in self._generators]
            self._ready = torch.stack(drawn, 1).to(self._dtype).to(self._device)
            self._next = 0
        self._next += 1
        return self._ready[self._next - 1]


def centred(x: Tensor) -> Tensor:
    """x (..., atoms, 3) less its mean over atoms."""
    return x - x.mean(-2, keepdim=True)


@dataclass(frozen=True)
class Langevin:
    """Constants of the walk: time step dt (nm, for velocities without unit), u = 1/M, and what the O part keeps of a
    velocity, a = exp(-gamma dt)."""

    dt: float
    u: float
    keep: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings, sigma: float) -> Langevin:
        """dt = step * sigma; the friction in the settings' convention."""
        dt = settings.step * sigma
        exponent = settings.friction * (dt if settings.friction_convention == "gamma" else 1.0)
        return cls(dt, 1.0 / settings.mass, math.exp(-exponent))

    def ornstein_uhlenbeck(self, v: Tensor, noise: Tensor) -> Tensor:
        """The O part: v -> a v + sqrt(u (1 - a^2)) R."""
        return self.keep * v + math.sqrt(self.u * (1 - self.keep**2)) * noise


class Walk:
    """The state of all chains: y, v (chains, atoms, 3), and xhat(y) where the last score was evaluated.

    Positions and noise are kept mean-centred: the score has no part along a translation, so without this the centre of
    every chain would only diffuse, at the cost of floating-point accuracy.
    """

    def __init__(
        self,
        denoise: Denoise,
        start: Tensor,
        sigma: float,
        langevin: Langevin,
        integrator: str,
        noise: Callable[[], Tensor],
        remove_translation: bool = True,
    ) -> None:
        self._denoise, self._sigma, self._langevin, self._noise = denoise, sigma, langevin, noise
        self._centre = centred if remove_translation else (lambda x: x)
        self._advance = {"BAOAB": self._baoab, "ABOBA": self._aboba}[integrator]
        self.evaluations = 0
        self.y = self._centre(start + sigma * noise())
        self.v = self._centre(math.sqrt(langevin.u) * noise())
        self.xhat = start.expand_as(self.y)
        self._score: Tensor | None = None

    def _evaluate(self) -> Tensor:
        self.evaluations += 1
        self.xhat = self._denoise(self.y)
        return (self.xhat - self.y) / self._sigma**2

    def _baoab(self) -> None:
        half, u = 0.5 * self._langevin.dt, self._langevin.u
        # The last B of a step and the first of the next are at the same y: one evaluation serves both.
        score = self._evaluate() if self._score is None else self._score
        self.v = self.v + u * half * score
        self.y = self.y + half * self.v
        self.v = self._langevin.ornstein_uhlenbeck(self.v, self._centre(self._noise()))
        self.y = self.y + half * self.v
        self._score = self._evaluate()
        self.v = self.v + u * half * self._score

    def _aboba(self) -> None:
        half, u = 0.5 * self._langevin.dt, self._langevin.u
        self.y = self.y + half * self.v
        score = self._evaluate()
        self.v = self.v + u * half * score
        self.v = self._langevin.ornstein_uhlenbeck(self.v, self._centre(self._noise()))
        self.v = self.v + u * half * score
        self.y = self.y + half * self.v

    def step(self) -> None:
        """One step of every chain."""
        self._advance()

    def reset(self, chains: Tensor, start: Tensor) -> None:
        """Put the chains in the mask (chains,) back to `start` at rest: a chain that is stopped must not slow or spoil
        the others with its numbers."""
        at = chains[:, None, None]
        self.y = torch.where(at, self._centre(start), self.y)
        self.v = torch.where(at, torch.zeros_like(self.v), self.v)
        if self._score is not None:
            self._score = torch.where(at, torch.zeros_like(self._score), self._score)


@dataclass(frozen=True)
class Jump:
    """The samples of one step: its number from 1, samples (chains, atoms, 3) in nm, and which chains (chains,) bool
    still run; rows of stopped chains are not samples."""

    step: int
    samples: Tensor
    alive: Tensor
    evaluations: int


@torch.no_grad()
def walk_jump(
    denoise: Denoise,
    start: Tensor,
    sigma: float,
    settings: SamplingSettings,
    seed: int,
    remove_translation: bool = True,
) -> Iterator[Jump]:
    """Sample without end: all of `settings.chains` chains from `start`, one Jump every `settings.stride` steps.

    Parameters: denoise maps y (chains, atoms, 3) to xhat of the same shape, lengths in nm; start (atoms, 3), the same
    clean structure for every chain (each adds noise of its own); sigma in nm. A chain whose sample is not finite, or
    larger than twice the start and 0.5 nm, is stopped for good. `remove_translation` is for densities that are
    invariant under translation; turn it off for others.
    """
    atoms = start.shape[0]
    noise = ChainNoise(seed, settings.chains, atoms, start.dtype, start.device)
    langevin = Langevin.from_settings(settings, sigma)
    origin = (centred(start) if remove_translation else start).expand(settings.chains, atoms, 3)
    walk = Walk(denoise, origin, sigma, langevin, settings.integrator, noise, remove_translation)
    bound = _RADIUS_FACTOR * origin[0].norm(dim=-1).max() + _RADIUS_EXTRA
    alive = torch.ones(settings.chains, dtype=torch.bool, device=start.device)
    step = 0
    while True:
        walk.step()
        step += 1
        # A comparison with NaN is False, so a chain that is not finite is not inside.
        inside = (walk.xhat.norm(dim=-1) < bound).all(-1) if remove_translation else walk.xhat.isfinite().all((-2, -1))
        alive = alive & inside
        if not alive.all():
            walk.reset(~alive, origin)
        if step > settings.burn_in and (step - settings.burn_in) % settings.stride == 0:
            yield Jump(step, walk.xhat, alive, walk.evaluations)
