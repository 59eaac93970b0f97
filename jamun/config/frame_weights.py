"""Settings of the weights of MD frames."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jamun.config.base import Quantity, Section


class FrameWeightSettings(Section):
    """Weights of MD frames by Markov state models of the residues' slow states, which take the starts of short
    simulations out of the populations: of training frames, and of the reference that samples are compared with."""

    lag: Annotated[float, Quantity("ps", gt=0, le=1_000_000)] = Field(50.0, description="Lag time of the models.")
    strength: float = Field(
        2.0,
        gt=0,
        le=1000,
        description="Transitions out of a state that those of the same step in other peptides count as.",
    )
    smallest: float = Field(
        0.02, gt=0, le=1, description="Smallest weight of a frame: what is rare has to be learned from something."
    )
    largest: float = Field(10.0, ge=1, le=1000, description="Largest weight of a frame, whose mean is 1.")
