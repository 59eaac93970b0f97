"""Splittings of underdamped Langevin dynamics, the walk's steps.

The walk samples p_Y^beta, with p_Y the density of Y = X + sigma eps, by (paper: equations 2 and 3, Appendix E)

    dy = v dt,   dv = u beta score(y) dt - gamma v dt + sqrt(2 gamma u) dW,   u = 1/M.

A is the drift of positions, B the kick of the force, O the exact solution of friction and noise; the letters of a
splitting are its order within a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from jamun.config.sampling import SamplingSettings


@dataclass(frozen=True)
class Langevin:
    """Constants of the walk.

    dt: time step, nm, for velocities without unit.
    u: 1/M.
    keep: what the O part keeps of a velocity, a = exp(-gamma dt).
    beta: inverse temperature.
    largest_score: largest norm of an atom's score, 1/nm, or None.
    """

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


class PhaseSpaceState(NamedTuple):
    """Where chains are.

    y: noisy positions (chains, atoms, 3), nm.
    v: velocities (chains, atoms, 3), without unit.
    force: (chains, atoms, 3) at y, 1/nm; None where an integrator does not carry it from step to step, and before the
        first step.
    xhat: the last estimate (chains, atoms, 3), nm.
    """

    y: Tensor
    v: Tensor
    force: Tensor | None
    xhat: Tensor


class Evaluated(NamedTuple):
    """The estimate of positions and the force there, all (chains, atoms, 3).

    y, xhat: nm.
    force: 1/nm.
    """

    y: Tensor
    xhat: Tensor
    force: Tensor


Evaluate = Callable[[Tensor], Evaluated]


class Integrator(Protocol):
    """A splitting.

    estimates_ends: whether a step's last estimate is that of where it ends, so that a step can be rejected by it and a
        walk can begin from an estimate. Such an integrator carries the force of a step's end to the next.
    """

    @property
    def estimates_ends(self) -> bool: ...

    def step(
        self, state: PhaseSpaceState, langevin: Langevin, evaluate: Evaluate, noise: Callable[[], Tensor]
    ) -> tuple[PhaseSpaceState, Tensor]:
        """The state after a step, and the positions (chains, atoms, 3) that its estimate is of."""


class BAOAB:
    """Half a kick, half a drift, friction and noise, half a drift, half a kick (Leimkuhler and Matthews 2013). One
    evaluation serves the last kick of a step and the first of the next, which are at the same y."""

    estimates_ends = True

    def step(
        self, state: PhaseSpaceState, langevin: Langevin, evaluate: Evaluate, noise: Callable[[], Tensor]
    ) -> tuple[PhaseSpaceState, Tensor]:
        """See Integrator.step."""
        half, u = 0.5 * langevin.dt, langevin.u
        force = evaluate(state.y).force if state.force is None else state.force
        v = state.v + u * half * force
        y = state.y + half * v
        v = langevin.ornstein_uhlenbeck(v, noise())
        end = evaluate(y + half * v)
        return PhaseSpaceState(end.y, v + u * half * end.force, end.force, end.xhat), end.y


class ABOBA:
    """Half a drift, half a kick, friction and noise, half a kick, half a drift; its estimate is of the middle."""

    estimates_ends = False

    def step(
        self, state: PhaseSpaceState, langevin: Langevin, evaluate: Evaluate, noise: Callable[[], Tensor]
    ) -> tuple[PhaseSpaceState, Tensor]:
        """See Integrator.step."""
        half, u = 0.5 * langevin.dt, langevin.u
        middle = evaluate(state.y + half * state.v)
        v = state.v + u * half * middle.force
        v = langevin.ornstein_uhlenbeck(v, noise())
        v = v + u * half * middle.force
        return PhaseSpaceState(middle.y + half * v, v, None, middle.xhat), middle.y


# By the name that `sampling.integrator` gives; jamun.config.sampling.ESTIMATES_ENDS says the same of each.
INTEGRATORS: dict[str, Integrator] = {"BAOAB": BAOAB(), "ABOBA": ABOBA()}
