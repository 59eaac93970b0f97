"""The walk: underdamped Langevin dynamics on the noisy density.

The force is that of score(y) = (xhat(y) - y) / sigma^2 (paper: equation 6). The jump is xhat(y) itself, so each step
takes exactly one evaluation of the denoiser, and the jump never feeds back into the walk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.sampling.integrators import INTEGRATORS, Evaluated, Integrator, Langevin, PhaseSpaceState

Denoise = Callable[[Tensor], Tensor]
# Which estimates (chains, atoms, 3) the walk may go to, (chains,) bool.
Allowed = Callable[[Tensor], Tensor]
Noise = Callable[[], Tensor]

# A chain whose sample reaches this many times the radius of the start (and 0.5 nm more) has left the molecule.
_RADIUS_FACTOR, _RADIUS_EXTRA = 2.0, 0.5
# Draws of a chain before its first step: of its noise and of its velocities.
DRAWS_AT_START = 2


def centred(x: Tensor) -> Tensor:
    """x (..., atoms, 3) less its mean over atoms."""
    return x - x.mean(-2, keepdim=True)


@dataclass(frozen=True)
class Dynamics:
    """How chains walk at one noise level.

    denoise: y (chains, atoms, 3) in nm to its estimate.
    sigma: the noise level, nm.
    langevin: constants of the walk.
    integrator: its steps.
    remove_translation: keep positions and noise mean-centred. The score has no part along a translation, so without
        this the centre of every chain would only diffuse, at the cost of floating-point accuracy. Not for densities
        that are not invariant under translation.
    allowed: where given, the walk is that of the density restricted to the y whose estimate is allowed.
    """

    denoise: Denoise
    sigma: float
    langevin: Langevin
    integrator: Integrator = INTEGRATORS["BAOAB"]
    remove_translation: bool = True
    allowed: Allowed | None = None

    @classmethod
    def from_settings(
        cls,
        denoise: Denoise,
        sigma: float,
        settings: SamplingSettings,
        allowed: Allowed | None = None,
    ) -> Dynamics:
        """The dynamics of the settings.

        Args:
            denoise: y (chains, atoms, 3) to xhat of the same shape, nm.
            sigma: noise level in nm, whatever the settings say.
            settings: integrator, step, friction, mass, clip and temperature.
            allowed: which estimates a step may lead to; None allows all.
        """
        langevin, integrator = Langevin.from_settings(settings, sigma), INTEGRATORS[settings.integrator]
        return cls(denoise, sigma, langevin, integrator, allowed=allowed)

    def centre(self, x: Tensor) -> Tensor:
        """x (..., atoms, 3) less its mean over atoms, if translation is removed."""
        return centred(x) if self.remove_translation else x


class Walk:
    """Chains that walk side by side.

    state: where they are.
    evaluated: the positions (chains, atoms, 3) in nm that `state.xhat` is the estimate of.
    evaluations: of the denoiser, so far.
    """

    def __init__(self, dynamics: Dynamics, noise: Noise, state: PhaseSpaceState) -> None:
        self._dynamics, self._noise = dynamics, noise
        # A state of another integrator may have a force that this one would not carry.
        carried = state.force if dynamics.integrator.estimates_ends else None
        self.state, self.evaluated, self.evaluations = state._replace(force=carried), state.y, 0

    @classmethod
    def begin(cls, dynamics: Dynamics, noise: Noise, start: Tensor) -> Walk:
        """Chains that begin at `start` (chains, atoms, 3) with noise added, and velocities of their distribution."""
        walk = cls(dynamics, noise, PhaseSpaceState(start, start, None, start))
        walk.state = walk.state._replace(y=dynamics.centre(start + dynamics.sigma * noise()))
        walk.draw_velocities()
        return walk

    def draw_velocities(self) -> None:
        """Velocities anew, of their distribution."""
        drawn = math.sqrt(self._dynamics.langevin.u) * self._noise()
        self.state = self.state._replace(v=self._dynamics.centre(drawn))

    def _evaluate(self, y: Tensor) -> Evaluated:
        self.evaluations += 1
        xhat = self._dynamics.denoise(y)
        return Evaluated(y, xhat, self._dynamics.langevin.force((xhat - y) / self._dynamics.sigma**2))

    def step(self) -> None:
        """One step of every chain."""
        dynamics = self._dynamics
        self.state, self.evaluated = dynamics.integrator.step(
            self.state, dynamics.langevin, self._evaluate, lambda: dynamics.centre(self._noise())
        )

    def reject(self, chains: Tensor, before: PhaseSpaceState) -> None:
        """Put the chains in the mask (chains,) back to where they were before the step, and flip their velocities: what
        a rejected step does in generalized hybrid Monte Carlo (Horowitz 1991), without which the density would not be
        kept. Of an integrator that estimates the ends of its steps."""
        at, now = chains[:, None, None], self.state
        assert before.force is not None
        assert now.force is not None
        y = torch.where(at, before.y, now.y)
        force, xhat = torch.where(at, before.force, now.force), torch.where(at, before.xhat, now.xhat)
        self.state, self.evaluated = PhaseSpaceState(y, torch.where(at, -before.v, now.v), force, xhat), y

    def reset(self, chains: Tensor, start: Tensor) -> None:
        """Put the chains in the mask (chains,) back to `start` at rest. A chain that is stopped must not slow or spoil
        the others with its numbers."""
        at, now = chains[:, None, None], self.state
        self.state = now._replace(
            y=torch.where(at, self._dynamics.centre(start), now.y),
            v=torch.where(at, torch.zeros_like(now.v), now.v),
            force=None if now.force is None else torch.where(at, torch.zeros_like(now.force), now.force),
        )


class Chains:
    """Chains that walk side by side, and which of them are still at the molecule.

    A chain whose estimate is not finite, or larger than twice its start and 0.5 nm, is stopped for good. Where
    translation is not removed, only the former stops it. Where not every estimate is allowed, a step from an allowed
    one to another is rejected; a chain whose noise put it elsewhere goes to its clean start.

    walk: where they are.
    alive: (chains,) bool, those that were not stopped.
    entered: (chains,) bool, those that have been where they may.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        noise: Noise,
        origin: Tensor,
        state: PhaseSpaceState | None = None,
        alive: Tensor | None = None,
        entered: Tensor | None = None,
    ) -> None:
        """Args: origin (chains, atoms, 3), the clean structure of each chain in nm; the others where chains go on."""
        self._dynamics, self._origin = dynamics, dynamics.centre(origin)
        self._bound = _RADIUS_FACTOR * self._origin.norm(dim=-1).amax(-1, keepdim=True) + _RADIUS_EXTRA
        self.walk = Walk.begin(dynamics, noise, self._origin) if state is None else Walk(dynamics, noise, state)
        yes = torch.ones(len(origin), dtype=torch.bool, device=origin.device)
        self.alive = yes if alive is None else alive
        self.entered = ~yes if entered is None else entered

    def keep_inside(self, samples: Tensor) -> None:
        """Stop the chains whose samples (chains, atoms, 3) are not finite or outside the bound."""
        # A comparison with NaN is False, so a chain that is not finite is not inside.
        bounded = self._dynamics.remove_translation
        inside = (samples.norm(dim=-1) < self._bound).all(-1) if bounded else samples.isfinite().all((-2, -1))
        self.alive = self.alive & inside
        if not self.alive.all():
            self.walk.reset(~self.alive, self._origin)

    def step(self) -> Tensor:
        """One step of every chain. Returns which steps were rejected, (chains,) bool."""
        before = self.walk.state
        self.walk.step()
        rejected = torch.zeros_like(self.entered)
        if self._dynamics.allowed is not None:
            allowed = self._dynamics.allowed(self.walk.state.xhat)
            rejected = self.entered & ~allowed & self.alive
            self.entered = self.entered | allowed
            if rejected.any():
                self.walk.reject(rejected, before)
            if not self.entered.all():
                self.walk.reset(~self.entered, self._origin)
        self.keep_inside(self.walk.state.xhat)
        return rejected


def walk_at(dynamics: Dynamics, y: Tensor, xhat: Tensor, steps: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """A walk that begins from an estimate, with new velocities.

    Chains that are not where they may be are let go on. Takes steps + 1 draws of noise and `steps` evaluations.

    Args:
        dynamics: of an integrator that estimates the ends of its steps.
        y: noisy positions (chains, atoms, 3), nm.
        xhat: their estimate, of the same shape.
        steps: how many.
        noise: standard normal numbers (chains, atoms, 3).

    Returns:
        y and its estimate after the steps.
    """
    force = dynamics.langevin.force((xhat - y) / dynamics.sigma**2)
    walk = Walk(dynamics, noise, PhaseSpaceState(y, y, force, xhat))
    walk.draw_velocities()
    inside = None if dynamics.allowed is None else dynamics.allowed(xhat)
    for _ in range(steps):
        before = walk.state
        walk.step()
        if inside is not None and dynamics.allowed is not None:
            here = dynamics.allowed(walk.state.xhat)
            walk.reject(inside & ~here, before)
            inside = inside | here
    return walk.state.y, walk.state.xhat


def corrector_draws(settings: SamplingSettings) -> int:
    """Draws of noise of each jump, with those of velocities at each level that has a corrector."""
    return sum(steps + 1 for steps in settings.corrector_steps if steps)


def jumps_by(steps: np.ndarray, settings: SamplingSettings) -> np.ndarray:
    """How many jumps chains have made that have walked `steps` (chains,) steps."""
    jumps: np.ndarray = np.maximum(0, steps - settings.burn_in) // settings.stride
    return jumps


def jump_is_due(step: int, settings: SamplingSettings) -> bool:
    """Whether a chain jumps after its step number `step`, from 1."""
    return step > settings.burn_in and (step - settings.burn_in) % settings.stride == 0
