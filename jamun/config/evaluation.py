"""Settings of the comparison with MD."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jamun.config.base import Quantity, Section, Seed
from jamun.config.physicality import PhysicalitySettings


class MSMSettings(Section):
    """The Markov state model of the paper's Appendix A."""

    backend: Literal["auto", "pyemma", "deeptime"] = "auto"
    """Library. `auto`: PyEMMA if its environment is there, else deeptime. Results name the one that was used."""
    tica_lag: int = Field(10, ge=1, le=1_000_000)
    """Lag time of TICA in frames."""
    tica_dimensions: int = Field(5, ge=1, le=1000)
    """Number of independent components that are kept."""
    clusters: int = Field(200, ge=2, le=100_000)
    """Number of k-means clusters."""
    lag: int = Field(10, ge=1, le=1_000_000)
    """Lag time of the MSM in frames."""
    macrostates: int = Field(10, ge=2, le=20)
    """Number of PCCA+ macrostates. The cost grows steeply with it."""
    its_lags: list[Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: [1, 2, 5, 10, 20, 50], min_length=1
    )
    """Lag times in frames at which implied timescales are checked."""
    minimum_frames: int = Field(100, ge=10, le=1_000_000_000)
    """With fewer reference frames no MSM is built, and the result says so."""
    seed: Seed = 0
    """Seed of k-means."""

    @model_validator(mode="after")
    def _possible(self) -> "MSMSettings":
        if self.macrostates > self.clusters:
            raise ValueError(f"macrostates ({self.macrostates}) cannot exceed clusters ({self.clusters})")
        return self


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


class EvaluationSettings(Section):
    """Comparison of samples with the reference MD (definitions: docs/evaluation.md)."""

    torsion_bins: int = Field(100, ge=10, le=1000)
    """Bins of the histogram of a torsion on (-pi, pi)."""
    ramachandran_bins: int = Field(50, ge=10, le=360)
    """Bins along phi and along psi."""
    convergence_points: int = Field(12, ge=2, le=100)
    """Number of points of the JS-against-time curves, evenly spaced in the logarithm of time."""
    msm: MSMSettings = Field(default_factory=MSMSettings)
    """Markov state model."""
    dynamics: DynamicsSettings = Field(default_factory=DynamicsSettings)
    """Slow motions and transport."""
    physicality: PhysicalitySettings = Field(default_factory=PhysicalitySettings)
    """Physicality of samples and their basins."""
    wasserstein: WassersteinSettings = Field(default_factory=WassersteinSettings)
    """2-Wasserstein distances as published for ManyPeptidesMD."""
