"""Settings of the training."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from jamun.config.base import Count, Quantity, Section, Seed


def within(level: float, levels: tuple[float, float]) -> bool:
    """Whether a noise level lies between the lowest and the highest of `levels`, in the same unit; on an end up to
    rounding, since one length given in two units may differ in its last bits."""
    return levels[0] <= level <= levels[1] or any(math.isclose(level, end) for end in levels)


class TrainingSettings(Section):
    """Training of the denoiser (paper: section 3.3, Algorithm 1, Appendix H)."""

    sigma: Annotated[float, Quantity("nm", gt=0, le=1)] = 0.04
    """Noise level at which the denoiser is trained."""
    sigma_range: list[Annotated[float, Quantity("nm", gt=0, le=1)]] | None = Field(None, min_length=2, max_length=2)
    """Lowest and highest noise level. Each training frame draws its own level between them, evenly in the logarithm.
    Validation stays at `sigma`. null: all frames have `sigma`."""
    sigma_share: float = Field(0.0, ge=0, le=1)
    """With `sigma_range`: share of the training frames that have noise `sigma`, the level of the walk."""
    learning_rate: float = Field(2e-3, gt=0, le=1)
    """Learning rate of Adam."""
    warmup_steps: int = Field(0, ge=0, le=1_000_000_000)
    """Steps over which the learning rate rises from 0."""
    decay: Literal["none", "cosine"] = "none"
    """How the learning rate falls after the warm-up."""
    batch_size: int = Field(32, ge=1, le=100_000)
    """Frames in a training step of one process."""
    max_steps: Count = 100000
    """Training steps in all."""
    validation_interval: Count = 1000
    """Training steps between validations and checkpoints."""
    validation_frames: Count = 2048
    """Frames in a validation, spread over the validation peptides."""
    ema_decay: float = Field(0.999, ge=0, lt=1)
    """Decay of the exponential moving average of the weights; 0 turns it off."""
    gradient_clip: float = Field(1.0, ge=0, le=1e6)
    """Largest norm of the gradient; 0 turns clipping off."""
    align: bool = True
    """Align each noisy frame with its clean frame before denoising."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Lightning's accelerator."""
    devices: int = Field(1, ge=1, le=1024)
    """Number of devices, with one process each (DDP if more than one)."""
    accumulate: int = Field(1, ge=1, le=10_000)
    """Number of batches whose gradients are added up for a step."""
    early_stopping: int = Field(0, ge=0, le=1_000_000)
    """Stop after this many validations without a better loss; 0 never stops early."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Precision of matrix products. `float32`: full. `tf32`: rounded operands, on GPUs that have it. `bfloat16`:
    autocast."""
    compile: Literal["off", "default", "cuda_graphs"] = "off"
    """`default`: torch.compile of the network; it takes minutes and helps in long trainings. `cuda_graphs`: on one GPU,
    kernels are recorded once and replayed."""
    num_workers: int = Field(0, ge=0, le=256)
    """Number of processes that read batches ahead, so that a GPU does not wait; 0 reads in the training process."""
    initial_weights: str | None = None
    """Name of another model of the configuration, with the same network. Training starts with its weights. null: random
    weights."""
    peptides: int | None = Field(None, ge=1, le=1_000_000)
    """Train on the first n peptides of the training split only. null: on all. Lengths are scaled as for all of them."""
    seed: Seed = 0
    """Seed of the initial weights, the order of frames and the noise."""

    @model_validator(mode="after")
    def _possible(self) -> "TrainingSettings":
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
    def gpus(self) -> int:
        """GPUs that a job asks for: one a device where the accelerator is the GPU."""
        return self.devices if self.accelerator == "gpu" else 0

    @property
    def levels(self) -> tuple[float, float]:
        """Lowest and highest noise level of the training, nm."""
        low, high = self.sigma_range or (self.sigma, self.sigma)
        return low, high
