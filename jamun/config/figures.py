"""Settings of the figures."""

from pydantic import Field

from jamun.config.base import Section


class FigureSettings(Section):
    """Appearance of figures. A change draws the figures and the report again, and recomputes nothing."""

    dpi: int = Field(150, ge=50, le=600)
    """Resolution of the PNG files."""
    colormap: str = Field("viridis", max_length=100)
    """Matplotlib colour map of free energies."""
    energy_max: float = Field(6.0, gt=0, le=50)
    """Upper end of the free-energy colour scale, in kT."""
