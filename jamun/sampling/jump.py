"""The jump from the walk's noise level to a clean structure, at once or down through lower levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from jamun.sampling.walk import centred

DenoiseAt = Callable[[Tensor, float], Tensor]


def descend(
    denoise: DenoiseAt,
    y: Tensor,
    xhat: Tensor,
    sigma: float,
    levels: Sequence[float],
    remove_translation: bool = True,
) -> Tensor:
    """Denoise in several steps: (chains, atoms, 3) in nm, one evaluation of `denoise(y, level)` for each level.

    From xhat (chains, atoms, 3), the estimate of y at sigma, each next level s_k (nm, decreasing) has

        y_k = xhat_{k-1} + s_k / s_{k-1} (y_{k-1} - xhat_{k-1}),   xhat_k = xhat(y_k; s_k),

    Euler's steps along the flow dy/ds = (y - xhat(y; s)) / s, which carries the density at one noise level to that at a
    lower one without new noise (deterministic, as DDIM). Without levels it is xhat itself.
    """
    before = sigma
    for level in levels:
        y = xhat + level / before * (y - xhat)
        if remove_translation:
            y = centred(y)
        xhat, before = denoise(y, level), level
    return xhat
