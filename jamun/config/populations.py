"""Settings of the populations by short MD from samples."""

from typing import Annotated

from pydantic import Field, model_validator

from jamun.config.base import Quantity, Section, Seed

# Keys of `simulate` that decide short runs.
OF_SIMULATE = ("forcefield", "temperature", "friction", "timestep", "hydrogen_mass")


class ModelError(Section):
    """How far free energies between the states of the samples are from those of MD, as standard deviations in kT."""

    phi: float = Field(2.0, gt=0, le=20)
    """Of the sign of phi."""
    psi: float = Field(1.0, gt=0, le=20)
    """Of helical or extended psi."""
    chi1: float = Field(1.0, gt=0, le=20)
    """Of the rotamers of chi1."""


class BarrierSettings(Section):
    """A bias that lowers the barriers of phi, psi and chi1 in the short MD. Frames are weighed back."""

    height: float | None = Field(2.0, gt=0, le=100)
    """What is left of a barrier, in kT above the higher of the wells on its two sides. null: barriers stay as they are,
    and relaxation times are told."""
    temperature: Annotated[float, Quantity("K", gt=0, le=2000)] = 600.0
    """Of the first runs, which tell where barriers are."""
    runs: int = Field(6, ge=1, le=10_000)
    """Number of these runs, half as long as others, and of those after them, which make the bias better. Both count to
    the budget."""


class PopulationSettings(Section):
    """Short MD from samples and a Markov model of its transitions, which give weights to samples and MD
    (docs/populations.md). Force field, solvent and temperature are those of `simulate`."""

    models: list[str] = Field([])
    """Models for which the workflow makes populations of the test peptides, in implicit solvent. The weighted MD of
    each is evaluated as a model of its own, NAME+md. Empty: none."""
    budget: Annotated[float, Quantity("ps", gt=0, le=1e9)] = 10_000.0
    """Largest amount of MD of a peptide, over all runs."""
    target: float = Field(0.02, gt=0, le=0.5)
    """No more MD is made when the standard error of the least certain population of a residue is below this."""
    run: Annotated[float, Quantity("ps", gt=0, le=1e6)] = 100.0
    """Length of each run."""
    warm_up: Annotated[float, Quantity("ps", ge=0, le=1e5)] = 2.0
    """Time left out at the start of each run. In it, bonds and angles become those of the MD."""
    frame_interval: Annotated[float, Quantity("ps", gt=0, le=1e4)] = 0.5
    """Time between frames of the runs."""
    seeds: int = Field(24, ge=1, le=100_000)
    """Number of runs in a round. The error is computed after each round."""
    lag: Annotated[float, Quantity("ps", gt=0, le=1e6)] | None = None
    """Lag time of the models. null: the shortest at which implied timescales have converged."""
    barriers: BarrierSettings = BarrierSettings()
    """Barriers in the short MD, lowered so that it crosses them."""
    strength: float = Field(0.5, gt=0, le=100)
    """Weight of the prior, in transitions. The prior has the populations of the samples on the two sides of a
    barrier."""
    model_error: ModelError = ModelError()
    """Errors of the samples' free energies. The smaller, the more the samples' populations count beside the transitions
    of the MD."""
    seed: Seed = 0
    """Random seed of the choice of starts, of velocities and noise."""

    @model_validator(mode="after")
    def _possible(self) -> "PopulationSettings":
        if self.frame_interval * 8 > self.run:
            raise ValueError(
                f"run {self.run:g} ps has fewer than 8 frames of {self.frame_interval:g} ps: shorten frame_interval"
            )
        if self.warm_up >= self.run / 2:
            raise ValueError(f"warm_up {self.warm_up:g} ps takes half of the run of {self.run:g} ps: shorten it")
        if self.run > self.budget:
            raise ValueError(f"run {self.run:g} ps is longer than the budget of {self.budget:g} ps")
        if self.barriers.height is not None and self.run * (self.barriers.runs + 2) > self.budget:
            raise ValueError(
                f"barriers.runs, {self.barriers.runs} of {self.run / 2:g} ps twice, leave nothing of the budget of "
                f"{self.budget:g} ps: take fewer, or set barriers.height to null"
            )
        if len(set(self.models)) < len(self.models):
            raise ValueError("models names a model twice; give each once")
        return self
