"""The jump from the walk's noise level to a clean structure, at once or down through lower levels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from jamun.sampling.score import DenoiseAt
from jamun.sampling.walk import centred

# y and its estimate at a noise level (nm), after so many steps of the walk there.
Correct = Callable[[Tensor, Tensor, float, int], tuple[Tensor, Tensor]]


def descend(
    denoise: DenoiseAt,
    y: Tensor,
    xhat: Tensor,
    sigma: float,
    levels: Sequence[float],
    order: int = 1,
    remove_translation: bool = True,
    correct: Correct | None = None,
    corrector_steps: Sequence[int] = (),
) -> Tensor:
    """Denoise in several steps: (chains, atoms, 3) in nm, one evaluation of `denoise(y, level)` for each level.

    From xhat (chains, atoms, 3), the estimate of y at sigma, each next level s_k (nm, decreasing) has

        y_k = z + s_k / s_{k-1} (y_{k-1} - z),   xhat_k = xhat(y_k; s_k).

    These are steps along the flow dy/ds = (y - xhat(y; s)) / s, which carries the density at one noise level to that at
    a lower one without new noise. Of order 1, z is xhat_{k-1}, and they are Euler's (DDIM without noise). Of order 2,
    z is xhat in the middle of the step, in ln s, on the line through the last two estimates: the multistep solver
    DPM-Solver++(2M) of Lu et al. (arXiv:2211.01095), for no more evaluations. Without levels it is xhat itself.

    Where `corrector_steps` has a number for a level, `correct` walks as many steps there before the next: what the
    steps down got wrong is forgotten as far as a walk at that level forgets (the corrector of Song et al.,
    arXiv:2011.13456). The line of order 2 begins anew there.
    """
    before, earlier, last = sigma, None, 0.0
    for place, level in enumerate(levels):
        step = math.log(before / level)
        z = xhat if order == 1 or earlier is None else xhat + 0.5 * step / last * (xhat - earlier)
        y = z + level / before * (y - z)
        if remove_translation:
            y = centred(y)
        earlier, xhat, before, last = xhat, denoise(y, level), level, step
        if correct is not None and corrector_steps and corrector_steps[place]:
            y, xhat = correct(y, xhat, level, corrector_steps[place])
            earlier = None
    return xhat
