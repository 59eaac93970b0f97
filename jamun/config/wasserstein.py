"""Settings of the 2-Wasserstein distances as they are published for ManyPeptidesMD."""

from typing import Annotated

from pydantic import Field

from jamun.config.base import Quantity
from jamun.config.dynamics import TransportSettings


class WassersteinSettings(TransportSettings):
    """E-W2, T-W2 and TICA-W2 by the definitions of Prose and ManyPeptidesMD (docs/benchmarks.md)."""

    enabled: bool = False
    """Compute them. They take minutes for each peptide and model."""
    transport_frames: int = Field(10_000, ge=10, le=10_000)
    """Number of frames of each ensemble in the optimal transport. Published numbers use 10,000, which take 4.3 GB of
    memory."""
    transport_repeats: int = Field(3, ge=3, le=200)
    """Number of subsamples, of half as many frames, for the interval of a distance."""
    tica_lag: int = Field(100, ge=1, le=1_000_000)
    """Lag time of the TICA of the published features, in frames of the reference MD."""
    energy_frames: int = Field(1000, ge=20, le=100_000)
    """Number of frames of each ensemble, evenly spaced, that get hydrogens and energies."""
    hydrogen_time: Annotated[float, Quantity("ps", gt=0, le=100)] = 3.0
    """Time for which the hydrogens of a frame move at the temperature of the MD, while its heavy atoms stay fixed."""
