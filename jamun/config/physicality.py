"""Settings of the physicality of samples and of the basins that they cover."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jamun.config.base import Quantity, Section


class PhysicalitySettings(Section):
    """What counts as broken, clashing and covered (definitions: docs/evaluation.md)."""

    bond_tolerance: Annotated[float, Quantity("nm", gt=0, le=0.2)] = Field(
        0.03, description="A bond farther than this from its mean length in the MD is broken."
    )
    angle_tolerance: float = Field(
        0.5, gt=0, le=3.2, description="An angle farther than this from its mean in the MD is bent, radians."
    )
    clash_distance: Annotated[float, Quantity("nm", gt=0, le=1.0)] = Field(
        0.22, description="Heavy atoms more than three bonds apart that come nearer than this clash."
    )
    basin_energy: float = Field(
        4.0, gt=0, le=100, description="Basins reach up to this free energy above the map's minimum, kcal/mol."
    )
    basin_barrier: float = Field(
        1.0, ge=0, le=20, description="Minima with a lower barrier than this between them are one basin, kT."
    )
    basin_smoothing: float = Field(
        0.2,
        ge=0,
        le=1.0,
        description="Standard deviation of the Gaussian that smooths the map for its basins, radians.",
    )
    basin_frames: int = Field(
        10, ge=1, le=1_000_000_000, description="Basins with fewer MD frames than this are left out as noise."
    )
