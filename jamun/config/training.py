"""Settings of the training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jamun.config.base import Quantity, Section


class TrainingSettings(Section):
    """Training of the denoiser (paper: section 3.3, Algorithm 1, Appendix H)."""

    sigma: Quantity("nm", gt=0, le=1) = Field(0.04, description="Noise level at which the denoiser is trained.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Learning rate of Adam.")
    warmup_steps: int = Field(0, ge=0, description="Steps over which the learning rate rises from 0.")
    decay: Literal["none", "cosine"] = Field("none", description="How the learning rate falls after the warm-up.")
    batch_size: int = Field(32, ge=1, description="Graphs (frames) in a training step of one process.")
    max_steps: int = Field(100000, ge=1, description="Training steps in all.")
    validation_interval: int = Field(1000, ge=1, description="Training steps between validations and checkpoints.")
    validation_frames: int = Field(2048, ge=1, description="Frames, spread over the validation peptides, in each.")
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="Decay of the moving average of the weights; 0 turns it off."
    )
    gradient_clip: float = Field(1.0, ge=0, description="Largest norm of the gradient; 0 turns clipping off.")
    align: bool = Field(True, description="Rotate each noisy frame onto its clean one before denoising.")
    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="Lightning's accelerator.")
    devices: int = Field(1, ge=1, description="Processes, one a device (DDP when more than one).")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients are added up before a step.")
    early_stopping: int = Field(
        0, ge=0, description="Validations without a better loss after which training stops; 0 never stops early."
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Matrix products: full, or rounded operands (tf32 on GPUs that have it; bfloat16 by autocast).",
    )
    compile: Literal["off", "default", "cuda_graphs"] = Field(
        "off", description="torch.compile of the network; pays where training lasts longer than minutes of compiling."
    )
    seed: int = Field(0, ge=0, description="Seed of the initial weights, the order of frames and the noise.")
