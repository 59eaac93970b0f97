"""Settings of the features that the network is trained on."""

from typing import ClassVar

from pydantic import Field

from jamun.config.base import Section


class FeatureSettings(Section):
    """Which frames of the MD become training data. Hydrogens are dropped, as in the paper."""

    renamed: ClassVar[dict[str, str]] = {"reweighting": "frame_weights, a section of its own,"}

    discard: int = Field(0, ge=0, le=1_000_000_000)
    """Frames dropped at the start of each trajectory."""
    stride: int = Field(1, ge=1, le=1_000_000)
    """Keep every n-th of the remaining frames."""
