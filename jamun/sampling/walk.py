"""The walk: underdamped Langevin dynamics on the noisy density.

The walk samples p_Y^beta, with p_Y the density of Y = X + sigma eps, by (paper: equations 2 and 3, Appendix E)

    dy = v dt,   dv = u beta score(y) dt - gamma v dt + sqrt(2 gamma u) dW,   u = 1/M,

with score(y) = (xhat(y) - y) / sigma^2 (equation 6); beta is 1 in the paper. The jump is xhat(y) itself, so each step
takes exactly one evaluation of the denoiser, and the jump never feeds back into the walk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.sampling.noise import ChainNoise

Denoise = Callable[[Tensor], Tensor]
# Which estimates (chains, atoms, 3) the walk may go to, (chains,) bool.
Allowed = Callable[[Tensor], Tensor]

# A chain whose sample reaches this many times the radius of the start (and 0.5 nm more) has left the molecule.
_RADIUS_FACTOR, _RADIUS_EXTRA = 2.0, 0.5
# Draws of a chain before its first step: of its noise and of its velocities.
DRAWS_AT_START = 2


def centred(x: Tensor) -> Tensor:
    """x (..., atoms, 3) less its mean over atoms."""
    return x - x.mean(-2, keepdim=True)


@dataclass(frozen=True)
class Langevin:
    """Constants of the walk: time step dt (nm, for velocities without unit), u = 1/M, what the O part keeps of a
    velocity, a = exp(-gamma dt), the inverse temperature beta, and the largest norm of an atom's score (1/nm)."""

    dt: float
    u: float
    keep: float
    beta: float = 1.0
    largest_score: float | None = None

    @classmethod
    def from_settings(cls, settings: SamplingSettings, sigma: float) -> Langevin:
        """dt = step * sigma; the friction in the settings' convention."""
        dt = settings.step * sigma
        exponent = settings.friction * (dt if settings.friction_convention == "gamma" else 1.0)
        largest = None if settings.score_clip is None else settings.score_clip / sigma
        return cls(dt, 1.0 / settings.mass, math.exp(-exponent), settings.inverse_temperature, largest)

    def ornstein_uhlenbeck(self, v: Tensor, noise: Tensor) -> Tensor:
        """The O part: v -> a v + sqrt(u (1 - a^2)) R."""
        return self.keep * v + math.sqrt(self.u * (1 - self.keep**2)) * noise

    def force(self, score: Tensor) -> Tensor:
        """beta score, where the score (..., atoms, 3) of each atom is shortened to the largest norm, if there is one.

        Clipped first, so that the largest force is beta times the largest score.
        """
        if self.largest_score is not None:
            # The least that a norm is divided by keeps a score of zero from becoming NaN; NaN stays NaN.
            norm = score.norm(dim=-1, keepdim=True).clamp(min=self.largest_score)
            score = score * (self.largest_score / norm)
        return score if self.beta == 1.0 else self.beta * score


class Place(NamedTuple):
    """Where chains are: see Walk."""

    y: Tensor
    v: Tensor
    force: Tensor | None
    xhat: Tensor


class Walk:
    """The state of chains that walk side by side: y, v, and force (all (chains, atoms, 3)), which is that at y, or None
    before the first step and for ABOBA. xhat is the last estimate, of the positions `evaluated`.

    Positions and noise are kept mean-centred: the score has no part along a translation, so without this the centre of
    every chain would only diffuse, at the cost of floating-point accuracy.
    """

    def __init__(
        self,
        denoise: Denoise,
        sigma: float,
        langevin: Langevin,
        integrator: str,
        noise: Callable[[], Tensor],
        place: Place,
        remove_translation: bool = True,
    ) -> None:
        self._denoise, self._sigma, self._langevin, self._noise = denoise, sigma, langevin, noise
        self._centre = centred if remove_translation else (lambda x: x)
        self._advance = {"BAOAB": self._baoab, "ABOBA": self._aboba}[integrator]
        self.evaluations = 0
        self.y, self.v, self.force, self.xhat = place
        self.evaluated = self.y

    @classmethod
    def begin(
        cls,
        denoise: Denoise,
        start: Tensor,
        sigma: float,
        langevin: Langevin,
        integrator: str,
        noise: Callable[[], Tensor],
        remove_translation: bool = True,
    ) -> Walk:
        """Chains that begin at `start` (chains, atoms, 3) with noise added, and velocities of their distribution."""
        place = Place(start, start, None, start)
        walk = cls(denoise, sigma, langevin, integrator, noise, place, remove_translation)
        walk.y = walk._centre(start + sigma * noise())
        walk.draw_velocities()
        return walk

    def draw_velocities(self) -> None:
        """Velocities anew, of their distribution."""
        self.v = self._centre(math.sqrt(self._langevin.u) * self._noise())

    @property
    def place(self) -> Place:
        """Where the chains are; later steps leave these tensors as they are."""
        return Place(self.y, self.v, self.force, self.xhat)

    def _evaluate(self) -> Tensor:
        self.evaluations += 1
        self.evaluated = self.y
        self.xhat = self._denoise(self.y)
        return self._langevin.force((self.xhat - self.y) / self._sigma**2)

    def _baoab(self) -> None:
        half, u = 0.5 * self._langevin.dt, self._langevin.u
        # The last B of a step and the first of the next are at the same y: one evaluation serves both.
        force = self._evaluate() if self.force is None else self.force
        self.v = self.v + u * half * force
        self.y = self.y + half * self.v
        self.v = self._langevin.ornstein_uhlenbeck(self.v, self._centre(self._noise()))
        self.y = self.y + half * self.v
        self.force = self._evaluate()
        self.v = self.v + u * half * self.force

    def _aboba(self) -> None:
        half, u = 0.5 * self._langevin.dt, self._langevin.u
        self.y = self.y + half * self.v
        force = self._evaluate()
        self.v = self.v + u * half * force
        self.v = self._langevin.ornstein_uhlenbeck(self.v, self._centre(self._noise()))
        self.v = self.v + u * half * force
        self.y = self.y + half * self.v

    def step(self) -> None:
        """One step of every chain."""
        self._advance()

    def turn_back(self, chains: Tensor, before: Place) -> None:
        """Put the chains in the mask (chains,) back to where they were before a step of BAOAB, with their velocities
        reversed: what a rejected step does in generalized hybrid Monte Carlo (Horowitz 1991), without which the density
        would not be kept."""
        at = chains[:, None, None]
        self.y = self.evaluated = torch.where(at, before.y, self.y)
        self.v = torch.where(at, -before.v, self.v)
        self.force = torch.where(at, before.force, self.force)
        self.xhat = torch.where(at, before.xhat, self.xhat)

    def reset(self, chains: Tensor, start: Tensor) -> None:
        """Put the chains in the mask (chains,) back to `start` at rest. A chain that is stopped must not slow or spoil
        the others with its numbers."""
        at = chains[:, None, None]
        self.y = torch.where(at, self._centre(start), self.y)
        self.v = torch.where(at, torch.zeros_like(self.v), self.v)
        if self.force is not None:
            self.force = torch.where(at, torch.zeros_like(self.force), self.force)


class Chains:
    """Chains that walk side by side, and which of them are still at the molecule.

    origin: (chains, atoms, 3), the clean structure of each chain. A chain whose estimate is not finite, or larger than
    twice its start and 0.5 nm, is stopped for good. Without `remove_translation`, which is for densities that are not
    invariant under translation, only the former stops it.

    Where `allowed` is given, the walk is that of the density restricted to the y whose estimate is allowed: a step from
    there to elsewhere is rejected, and the chain turns back. (Of BAOAB alone, whose estimates are of the ends of its
    steps.) A chain whose noise put it elsewhere goes to its clean start; `entered` (chains,) tells which have been
    where they may.
    """

    def __init__(
        self,
        denoise: Denoise,
        origin: Tensor,
        sigma: float,
        settings: SamplingSettings,
        noise: Callable[[], Tensor],
        place: Place | None = None,
        alive: Tensor | None = None,
        remove_translation: bool = True,
        allowed: Allowed | None = None,
        entered: Tensor | None = None,
    ) -> None:
        langevin = Langevin.from_settings(settings, sigma)
        self._origin = centred(origin) if remove_translation else origin
        self._removed = remove_translation
        self._bound = _RADIUS_FACTOR * self._origin.norm(dim=-1).amax(-1, keepdim=True) + _RADIUS_EXTRA
        options = (sigma, langevin, settings.integrator, noise)
        if place is None:
            self.walk = Walk.begin(denoise, self._origin, *options, remove_translation)
        else:
            self.walk = Walk(denoise, *options, place, remove_translation)
        yes = torch.ones(len(origin), dtype=torch.bool, device=origin.device)
        self.alive = yes if alive is None else alive
        self._allowed, self.entered = allowed, ~yes if entered is None else entered

    def keep_inside(self, samples: Tensor) -> None:
        """Stop the chains whose samples (chains, atoms, 3) are not finite or outside the bound."""
        # A comparison with NaN is False, so a chain that is not finite is not inside.
        inside = (samples.norm(dim=-1) < self._bound).all(-1) if self._removed else samples.isfinite().all((-2, -1))
        self.alive = self.alive & inside
        if not self.alive.all():
            self.walk.reset(~self.alive, self._origin)

    def step(self) -> Tensor:
        """One step of every chain. Returns which turned back, (chains,) bool."""
        before = self.walk.place
        self.walk.step()
        turned = torch.zeros_like(self.entered)
        if self._allowed is not None:
            allowed = self._allowed(self.walk.xhat)
            turned = self.entered & ~allowed & self.alive
            self.entered = self.entered | allowed
            if turned.any():
                self.walk.turn_back(turned, before)
            if not self.entered.all():
                self.walk.reset(~self.entered, self._origin)
        self.keep_inside(self.walk.xhat)
        return turned


def walk_at(
    denoise: Denoise,
    y: Tensor,
    xhat: Tensor,
    sigma: float,
    steps: int,
    settings: SamplingSettings,
    noise: Callable[[], Tensor],
    remove_translation: bool = True,
    allowed: Allowed | None = None,
) -> tuple[Tensor, Tensor]:
    """y and its estimate xhat (both (chains, atoms, 3)) after `steps` steps of BAOAB at sigma (nm), from y with new
    velocities, with step, friction and inverse temperature of the settings. `allowed`, see Chains; chains that are not
    where they may be are let go on. Takes steps + 1 draws of noise and `steps` evaluations.
    """
    langevin = Langevin.from_settings(settings, sigma)
    place = Place(y, y, langevin.force((xhat - y) / sigma**2), xhat)
    walk = Walk(denoise, sigma, langevin, "BAOAB", noise, place, remove_translation)
    walk.draw_velocities()
    inside = None if allowed is None else allowed(xhat)
    for _ in range(steps):
        before = walk.place
        walk.step()
        if inside is not None and allowed is not None:
            here = allowed(walk.xhat)
            walk.turn_back(inside & ~here, before)
            inside = inside | here
    return walk.y, walk.xhat


def corrector_draws(settings: SamplingSettings) -> int:
    """Draws of noise of each jump, with those of velocities at each level that has a corrector."""
    return sum(steps + 1 for steps in settings.corrector_steps if steps)


def jumps_by(steps: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """How many jumps chains have made that have walked `steps` (chains,) steps."""
    return np.maximum(0, steps - settings.burn_in) // settings.stride


def jump_is_due(step: int, settings: SamplingSettings) -> bool:
    """Whether a chain jumps after its step number `step`, from 1."""
    return step > settings.burn_in and (step - settings.burn_in) % settings.stride == 0


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
    allowed: Allowed | None = None,
) -> Iterator[Jump]:
    """Sample without end, in memory: all chains in one batch, a Jump every `settings.stride` steps.

    Parameters: denoise maps y (chains, atoms, 3) to xhat of the same shape, lengths in nm; start (atoms, 3), the same
    clean structure for every chain (each adds noise of its own); sigma in nm, whatever the settings say; allowed, see
    Chains. Jumps are of one step, and no sample is rejected.
    """
    noise = ChainNoise(seed, range(settings.chains), start.shape[0], start.dtype, start.device)
    origin = start.expand(settings.chains, *start.shape)
    options = {"remove_translation": remove_translation, "allowed": allowed}
    chains = Chains(denoise, origin, sigma, settings, noise, **options)
    step = 0
    while True:
        chains.step()
        step += 1
        if jump_is_due(step, settings):
            yield Jump(step, chains.walk.xhat, chains.alive, chains.walk.evaluations)
