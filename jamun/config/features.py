"""Settings of the features that the network is trained on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jamun.config.base import Quantity, Section


class ReweightingSettings(Section):
    """Weights of training frames by Markov state models of the residues' slow states (backbone basin and rotamer of
    chi1), which take the starts of short simulations out of the populations."""

    lag: Annotated[float, Quantity("ps", gt=0, le=1_000_000)] = Field(10.0, description="Lag time of the models.")
    pooled: float = Field(
        5.0,
        ge=0,
        le=1000,
        description="Weight of the transitions of the same residue in the same place of all training peptides, where "
        "the peptide's own have weight 1.",
    )
    smallest: float = Field(
        0.1, gt=0, le=1, description="Smallest weight of a frame: what is rare has to be learned from something."
    )
    largest: float = Field(10.0, ge=1, le=1000, description="Largest weight of a frame, whose mean is 1.")


class FeatureSettings(Section):
    """Which frames of the MD become training data. Hydrogens are dropped, as in the paper."""

    discard: int = Field(0, ge=0, le=1_000_000_000, description="Frames dropped at the start of each trajectory.")
    stride: int = Field(1, ge=1, le=1_000_000, description="Keep every n-th frame after those.")
    reweighting: ReweightingSettings | None = Field(
        None,
        description="Weigh training frames so that slow states have the populations of long simulations; null weighs "
        "all alike.",
    )
