"""Settings of the physicality of samples and of the basins that they cover."""

from typing import Annotated

from pydantic import Field

from jamun.config.base import Count, Quantity, Section


class PhysicalitySettings(Section):
    """What counts as a bond outlier, as a clash and as covered (definitions: docs/evaluation.md)."""

    bond_tolerance: Annotated[float, Quantity("nm", gt=0, le=0.2)] = 0.03
    """A bond is an outlier if its length differs by more than this from its mean in the MD."""
    angle_tolerance: float = Field(0.5, gt=0, le=3.2)
    """An angle is bent if it differs by more than this from its mean in the MD, radians."""
    clash_distance: Annotated[float, Quantity("nm", gt=0, le=1.0)] = 0.22
    """Heavy atoms more than three bonds apart clash if they are closer than this."""
    basin_energy: float = Field(4.0, gt=0, le=100)
    """Basins extend up to this free energy above the minimum of the map, kcal/mol."""
    basin_barrier: float = Field(1.0, ge=0, le=20)
    """Two minima with a lower barrier between them are one basin, kT."""
    basin_smoothing: float = Field(0.2, ge=0, le=1.0)
    """Standard deviation of the Gaussian that smooths the map before basins are found, radians."""
    basin_frames: Count = 10
    """Basins with fewer MD frames are left out as noise."""
