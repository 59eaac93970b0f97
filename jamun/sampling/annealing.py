"""Annealed denoising: the jump from the walk's noise level to a clean structure, at once or through lower levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from jamun.sampling.score import DenoiseAt
from jamun.sampling.walk import centred

# y and its estimate at a noise level (nm), after so many steps of the walk there.
Correct = Callable[[Tensor, Tensor, float, int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Annealing:
    """The way down.

    levels: decreasing noise levels below that of the walk, nm, one evaluation each; none denoises at once.
    order: of the steps between levels, 1 or 2.
    corrector_steps: of the walk at each level, one number a level; empty for none.
    correct: makes them.
    remove_translation: keep positions mean-centred.
    """

    levels: Sequence[float] = ()
    order: int = 1
    corrector_steps: Sequence[int] = ()
    correct: Correct | None = None
    remove_translation: bool = True

    @property
    def evaluations(self) -> int:
        """Of the denoiser, beside that of the walk."""
        return len(self.levels) + (sum(self.corrector_steps) if self.correct is not None else 0)


def annealed_denoising(denoise: DenoiseAt, y: Tensor, xhat: Tensor, sigma: float, annealing: Annealing) -> Tensor:
    """Denoise in several steps.

    From xhat, the estimate of y at sigma, each next level s_k (nm, decreasing) has

        y_k = z + s_k / s_{k-1} (y_{k-1} - z),   xhat_k = xhat(y_k; s_k).

    These are steps along the flow dy/ds = (y - xhat(y; s)) / s, which carries the density at one noise level to that at
    a lower one without new noise. Of order 1, z is xhat_{k-1}, and they are Euler's (DDIM without noise). Of order 2,
    z is xhat in the middle of the step, in ln s, on the line through the last two estimates: the multistep solver
    DPM-Solver++(2M) of Lu et al. (arXiv:2211.01095), for no more evaluations.

    Where there are corrector steps, as many steps of the walk are made at that level before the next: what the steps
    down got wrong is forgotten as far as a walk at that level forgets (the corrector of Song et al.,
    arXiv:2011.13456). The line of order 2 begins anew there.

    Args:
        denoise: y and a level, in nm, to the estimate.
        y: noisy positions (chains, atoms, 3), nm.
        xhat: their estimate at sigma, of the same shape.
        sigma: noise level of the walk, nm.
        annealing: the way down.

    Returns:
        The estimate (chains, atoms, 3) in nm at the last level; xhat itself without levels.
    """
    earlier: Tensor | None = None
    before, last = sigma, 0.0
    for place, level in enumerate(annealing.levels):
        step = math.log(before / level)
        z = xhat if annealing.order == 1 or earlier is None else xhat + 0.5 * step / last * (xhat - earlier)
        y = z + level / before * (y - z)
        if annealing.remove_translation:
            y = centred(y)
        earlier, xhat, before, last = xhat, denoise(y, level), level, step
        if annealing.correct is not None and annealing.corrector_steps and annealing.corrector_steps[place]:
            y, xhat = annealing.correct(y, xhat, level, annealing.corrector_steps[place])
            earlier = None
    return xhat
