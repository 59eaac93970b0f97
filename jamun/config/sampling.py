"""Settings of walk-jump sampling."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from jamun.config.base import Section


class SamplingSettings(Section):
    """Walk-jump sampling of each test peptide (paper: section 3.2, Appendices E, G and H)."""

    samples: int = Field(100000, ge=1, description="Samples a peptide, over all chains.")
    chains: int = Field(100, ge=1, le=10000, description="Independent chains, all in one batch.")
    integrator: Literal["BAOAB", "ABOBA"] = Field("BAOAB", description="Splitting of the underdamped Langevin walk.")
    step: float = Field(1.0, gt=0, le=10, description="Walk step dt in units of sigma.")
    friction: float = Field(
        1.0,
        gt=0,
        description="Friction in the convention of `friction_convention`.",
    )
    friction_convention: Literal["per_step", "gamma"] = Field(
        "per_step",
        description="per_step: velocities keep exp(-friction) at each step (the public code); gamma: they keep "
        "exp(-friction * dt), dt in nm as in the paper's equations.",
    )
    mass: float = Field(1.0, gt=0, description="Mass M of the walk; u = 1/M.")
    burn_in: int = Field(0, ge=0, description="Walk steps of each chain before its first sample.")
    stride: int = Field(1, ge=1, description="Walk steps between samples.")
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Matrix products: full, or rounded operands (tf32 on GPUs that have it; bfloat16 by autocast).",
    )
    compile: Literal["off", "default", "cuda_graphs"] = Field(
        "off", description="torch.compile of the network; pays where sampling lasts longer than a minute of compiling."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the network runs.")
    seed: int = Field(0, ge=0, description="Seed; each peptide derives its own from it and its name.")

    @model_validator(mode="after")
    def _possible(self) -> SamplingSettings:
        if self.chains > self.samples:
            raise ValueError(f"chains ({self.chains}) cannot exceed samples ({self.samples})")
        return self
