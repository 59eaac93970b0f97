"""Walk-jump sampling in memory, the plainest there is: what the tests hold the sampler against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.sampling.noise import ChainNoise
from jamun.sampling.walk import Chains, Dynamics, jump_is_due


@dataclass(frozen=True)
class Jump:
    """The samples of one step.

    samples: (chains, atoms, 3), nm; rows of stopped chains are not samples.
    alive: which chains still run, (chains,) bool.
    evaluations: of the denoiser, so far.
    """

    samples: Tensor
    alive: Tensor
    evaluations: int


@torch.no_grad()
def walk_jump(
    denoise: Callable[[Tensor], Tensor],
    start: Tensor,
    sigma: float,
    settings: SamplingSettings,
    seed: int,
    **other: Any,
) -> Iterator[Jump]:
    """Sample without end: all chains in one batch, a Jump of one step every `settings.stride` steps; none is rejected.

    Args:
        denoise: y (chains, atoms, 3) to xhat of the same shape, nm.
        start: (atoms, 3) nm, the same clean structure for every chain; each adds noise of its own.
        sigma: nm, whatever the settings say.
        settings: how the walk goes.
        seed: of the chains' noise.
        other: fields of Dynamics.
    """
    noise = ChainNoise(seed, range(settings.chains), start.shape[0], start.dtype, start.device)
    dynamics = replace(Dynamics.from_settings(denoise, sigma, settings), **other)
    chains, step = Chains(dynamics, noise, start.expand(settings.chains, *start.shape)), 0
    while True:
        chains.step()
        step += 1
        if jump_is_due(step, settings):
            yield Jump(chains.walk.state.xhat, chains.alive, chains.walk.evaluations)
