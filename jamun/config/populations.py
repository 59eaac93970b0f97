"""Settings of the populations by short MD from samples."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from jamun.config.base import LARGEST_SEED, Quantity, Section

# Keys of `simulate` that decide short runs.
OF_SIMULATE = ("forcefield", "temperature", "friction", "timestep", "hydrogen_mass")


class PopulationSettings(Section):
    """Short MD from samples, and a Markov model of its transitions, by which samples and MD get weights. Force field,
    solvent and temperature are those of `simulate`."""

    models: list[str] = Field(
        default_factory=list,
        description="Models whose samples of the test peptides get populations in the workflow, in implicit solvent. "
        "The weighted MD of each is evaluated as a model of its own, NAME+md; empty is off.",
    )
    budget: Annotated[float, Quantity("ps", gt=0, le=1e9)] = Field(
        10_000.0, description="MD of a peptide at most, all runs together."
    )
    target: float = Field(
        0.02,
        gt=0,
        le=0.5,
        description="Standard error at which no more MD is done: that of the least certain population of a residue.",
    )
    run: Annotated[float, Quantity("ps", gt=0, le=1e6)] = Field(100.0, description="Length of each run.")
    warm_up: Annotated[float, Quantity("ps", ge=0, le=1e5)] = Field(
        2.0, description="What is left out at the start of each run, in which bonds and angles become those of the MD."
    )
    frame_interval: Annotated[float, Quantity("ps", gt=0, le=1e4)] = Field(
        0.5, description="Time between frames of the runs."
    )
    seeds: int = Field(24, ge=1, le=100_000, description="Runs of a round, after each of which the error is looked at.")
    lag: Annotated[float, Quantity("ps", gt=0, le=1e6)] | None = Field(
        None, description="Lag time of the models; null takes the shortest at which implied timescales have converged."
    )
    strength: float = Field(
        0.5,
        gt=0,
        le=100,
        description="Transitions that count as much as what the samples say of a barrier's two sides.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the choice of starts, of velocities and noise.")

    @model_validator(mode="after")
    def _possible(self) -> PopulationSettings:
        if self.frame_interval * 8 > self.run:
            raise ValueError(
                f"run {self.run:g} ps has fewer than 8 frames of {self.frame_interval:g} ps: shorten frame_interval"
            )
        if self.warm_up >= self.run / 2:
            raise ValueError(f"warm_up {self.warm_up:g} ps takes half of the run of {self.run:g} ps: shorten it")
        if self.run > self.budget:
            raise ValueError(f"run {self.run:g} ps is longer than the budget of {self.budget:g} ps")
        if len(set(self.models)) < len(self.models):
            raise ValueError("models names a model twice; give each once")
        return self
