"""Settings of the training."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from jamun.config.base import LARGEST_SEED, Quantity, Section


def within(level: float, levels: tuple[float, float]) -> bool:
    """Whether a noise level lies between the lowest and the highest of `levels`, in the same unit; on an end up to
    rounding, since one length given in two units may differ in its last bits."""
    return levels[0] <= level <= levels[1] or any(math.isclose(level, end) for end in levels)


class TrainingSettings(Section):
    """Training of the denoiser (paper: section 3.3, Algorithm 1, Appendix H)."""

    sigma: Annotated[float, Quantity("nm", gt=0, le=1)] = Field(
        0.04, description="Noise level at which the denoiser is trained."
    )
    sigma_range: list[Annotated[float, Quantity("nm", gt=0, le=1)]] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Lowest and highest noise level between which each training frame draws its own, evenly in the "
        "logarithm; validation stays at `sigma`. null trains at `sigma` alone.",
    )
    sigma_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training frames that are noised at `sigma`, at which samples walk, where sigma_range "
        "spreads the others.",
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Learning rate of Adam.")
    warmup_steps: int = Field(0, ge=0, le=1_000_000_000, description="Steps over which the learning rate rises from 0.")
    decay: Literal["none", "cosine"] = Field("none", description="How the learning rate falls after the warm-up.")
    batch_size: int = Field(32, ge=1, le=100_000, description="Graphs (frames) in a training step of one process.")
    max_steps: int = Field(100000, ge=1, le=1_000_000_000, description="Training steps in all.")
    validation_interval: int = Field(
        1000, ge=1, le=1_000_000_000, description="Training steps between validations and checkpoints."
    )
    validation_frames: int = Field(
        2048, ge=1, le=1_000_000_000, description="Frames, spread over the validation peptides, in each."
    )
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="Decay of the moving average of the weights; 0 turns it off."
    )
    gradient_clip: float = Field(1.0, ge=0, le=1e6, description="Largest norm of the gradient; 0 turns clipping off.")
    align: bool = Field(True, description="Rotate each noisy frame onto its clean one before denoising.")
    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="Lightning's accelerator.")
    devices: int = Field(1, ge=1, le=1024, description="Processes, one a device (DDP when more than one).")
    accumulate: int = Field(1, ge=1, le=10_000, description="Batches whose gradients are added up before a step.")
    early_stopping: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Validations without a better loss after which training stops; 0 never stops early.",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Matrix products: full, or rounded operands (tf32 on GPUs that have it; bfloat16 by autocast).",
    )
    compile: Literal["off", "default", "cuda_graphs"] = Field(
        "off",
        description="default: torch.compile of the network, which pays where training lasts longer than minutes of "
        "compiling; cuda_graphs: on one GPU, its kernels recorded once and replayed.",
    )
    num_workers: int = Field(
        0,
        ge=0,
        le=256,
        description="Processes that read batches ahead of a GPU that would wait for them; 0 reads in "
        "the training process.",
    )
    initial_weights: str | None = Field(
        None,
        description="Name of another of the models, of the same network, whose weights training starts from, such as "
        "one that `checkpoint` brings; null starts from random ones.",
    )
    peptides: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Train on the first so many peptides of the training split, in its order; null trains on all. "
        "Lengths are scaled as for all of them.",
    )
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="Seed of the initial weights, the order of frames and the noise."
    )

    @model_validator(mode="after")
    def _possible(self) -> TrainingSettings:
        if self.compile == "cuda_graphs" and (self.devices > 1 or self.accumulate > 1 or self.precision == "bfloat16"):
            raise ValueError(
                "compile: cuda_graphs works on one device, without accumulate, in float32 or tf32; set default"
            )
        low, high = self.levels
        if self.sigma_range is not None and low >= high:
            raise ValueError(f"sigma_range must rise, but {low:g} nm is not below {high:g} nm")
        if self.sigma_share and self.sigma_range is None:
            raise ValueError("sigma_share needs a sigma_range; without one all frames are noised at sigma")
        if not within(self.sigma, self.levels):
            raise ValueError(
                f"sigma {self.sigma:g} nm, at which is validated, must lie in sigma_range ({low:g} to {high:g} nm)"
            )
        return self

    @property
    def levels(self) -> tuple[float, float]:
        """Lowest and highest noise level of the training, nm."""
        low, high = self.sigma_range or (self.sigma, self.sigma)
        return low, high
