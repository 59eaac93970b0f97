"""Settings of the weights of MD frames."""

from typing import Annotated

from pydantic import Field

from jamun.config.base import Quantity, Section


class FrameWeightSettings(Section):
    """Weights of MD frames from Markov state models of the slow coordinates of residues. They remove the effect of the
    starts of short simulations on populations, in training and in the reference for samples."""

    lag: Annotated[float, Quantity("ps", gt=0, le=1_000_000)] = 50.0
    """Lag time of the models."""
    strength: float = Field(2.0, gt=0, le=1000)
    """Weight of the prior, in transitions out of a state. The prior comes from the same coordinate of other
    peptides."""
    smallest: float = Field(0.02, gt=0, le=1)
    """Smallest weight of a frame. Rare states keep at least this weight in training."""
    largest: float = Field(10.0, ge=1, le=1000)
    """Largest weight of a frame. The mean weight is 1."""
