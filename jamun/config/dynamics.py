"""Settings of the slow motions: TICA, decorrelation, effective samples, optimal transport."""

from pydantic import Field

from jamun.config.base import Section, Seed


class TransportSettings(Section):
    """Optimal transport between frames of two ensembles."""

    transport_frames: int = Field(2000, ge=10, le=5000)
    """Number of frames of each ensemble in the optimal transport. Its cost grows faster than the square."""
    transport_repeats: int = Field(10, ge=3, le=200)
    """Number of subsamples, of half as many frames, for the interval of a transport distance."""
    seed: Seed = 0
    """Seed of the subsamples."""


class DynamicsSettings(TransportSettings):
    """Slow motions and transport distances (definitions: docs/evaluation.md)."""

    tica_lag: int = Field(10, ge=1, le=1_000_000)
    """Lag time of TICA in frames of the reference MD."""
    tica_bins: int = Field(100, ge=10, le=1000)
    """Bins of TIC 0 over the joint range."""
    tica_map_bins: int = Field(50, ge=10, le=360)
    """Bins along each of TIC 0 and TIC 1 of their map."""
    minimum_frames: int = Field(100, ge=10, le=1_000_000_000)
    """With fewer reference frames no TICA is computed, and the result says so."""
