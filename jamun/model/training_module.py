"""The network in training, its optimizer, and the stream of its batches, as Lightning takes them."""

import copy
import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader

from jamun.config.architecture import ArchitectureSettings
from jamun.config.training import TrainingSettings
from jamun.model.acceleration import accelerated
from jamun.model.architectures import build
from jamun.model.batches import Batch, Stream, TrainingBatches, TrainingData, validation_batches
from jamun.model.loss import denoising_error, drawn_sigmas
from jamun.model.network import Conditioned, Network


def learning_rate_factor(step: int, settings: TrainingSettings) -> float:
    """The learning rate at `step` over the configured one: a linear warm-up, then constant or half a cosine to 0."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    if settings.decay == "none":
        return 1.0
    length = max(settings.max_steps - settings.warmup_steps, 1)
    return 0.5 * (1.0 + math.cos(math.pi * min((step - settings.warmup_steps) / length, 1.0)))


def ema_weight(step: int, decay: float) -> float:
    """Share that the average keeps at its `step`-th update (from 1): at most `decay`, less in the first steps, so that
    the initial weights are soon forgotten."""
    return min(decay, (1.0 + step) / (10.0 + step))


class DenoiserTraining(lightning.LightningModule):
    """Algorithm 1. The loss is |xhat - x|^2 / (3 c_out^2), a mean over atoms, then graphs; what is reported is
    |xhat - x|^2 / (3 sigma^2), which is 1 where the noise is left as it is. With a range of noise levels both are of
    each graph's own sigma; validation is at `sigma` always. `average` holds the moving average of the weights, which is
    validated and published."""

    def __init__(
        self,
        network: ArchitectureSettings,
        training: TrainingSettings,
        mean_squared_distance: float,
        initial: Network | None = None,
    ) -> None:
        super().__init__()
        self.training_settings = training
        self.denoiser = build(network, mean_squared_distance)
        if initial is not None:
            self.denoiser.load_state_dict(initial.state_dict())
        self.average = copy.deepcopy(self.denoiser).requires_grad_(False)
        # Found once: looking for them takes longer than averaging them on a GPU.
        self._averaged: list[Tensor] = list(self.average.parameters())
        self._current: list[Tensor] = list(self.denoiser.parameters())
        self._call: Callable[..., Tensor] | None = None
        self._validation: list[Tensor] = []
        self._updated = -1

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        # not before the process that trains has started: what is compiled or recorded cannot be sent to it
        self._call = self._call or accelerated(self.denoiser, self.training_settings.compile, self.device)
        sigma = drawn_sigmas(self.training_settings, len(batch.positions), batch.number).to(self.device)
        error = denoising_error(self._call, batch, sigma, self.training_settings, "noise")
        c_out = self.denoiser.loss_scale(sigma)
        loss = (error / (3.0 * c_out.square()).to(error)).mean()
        return {"loss": loss, "reported": (error.detach() / (3.0 * sigma.square()).to(error)).mean()}

    def validation_step(self, batch: Batch, _: int) -> None:
        settings = self.training_settings
        error = denoising_error(self.average, batch, settings.sigma, settings, "validation noise")
        error = error.double() / (3.0 * settings.sigma**2)
        self._validation.append(torch.stack([error.sum(), torch.ones_like(error).sum()]))

    def collect_validation(self) -> Tensor:
        """Mean loss over the frames of all validation steps since the last call, in all processes."""
        nothing = torch.zeros(2, dtype=torch.float64, device=self.device)
        total = torch.stack([nothing, *self._validation]).sum(0)
        self._validation.clear()
        gathered = self.all_gather(total)
        assert isinstance(gathered, Tensor)
        total = gathered.reshape(-1, 2).sum(0)
        return total[0] / total[1].clamp(min=1)

    def on_validation_epoch_end(self) -> None:
        self.log("validation_loss", self.collect_validation())

    def on_train_batch_end(self, *_: Any) -> None:
        if self._updated == self.global_step:  # gradients are still being accumulated
            return
        self._updated = self.global_step
        keep = ema_weight(self.global_step, self.training_settings.ema_decay)
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self._current, 1.0 - keep)

    def on_train_start(self) -> None:
        self._updated = self.global_step

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        settings = self.training_settings
        # One kernel for all weights; Lightning's bfloat16 does not clip gradients for it.
        fused = self.device.type == "cuda" and settings.precision != "bfloat16"
        optimizer = torch.optim.Adam(self.denoiser.parameters(), lr=settings.learning_rate, fused=fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class FrameData(lightning.LightningDataModule):
    """Training batches from where training stands, and validation batches that are always the same."""

    def __init__(self, data: TrainingData, settings: TrainingSettings, conditioning: type[Conditioned]) -> None:
        super().__init__()
        self.settings = settings
        self.training_batches = TrainingBatches(
            data.train, settings.batch_size, settings.seed, data.weights, conditioning
        )
        self.validation_batches = validation_batches(
            data.validation, settings.validation_frames, settings.batch_size, conditioning
        )

    def _trainer(self) -> lightning.Trainer:
        assert self.trainer is not None, "Lightning asks for batches when it trains"
        return self.trainer

    def _turns(self) -> tuple[int, int]:
        return self._trainer().global_rank, self._trainer().world_size

    def train_dataloader(self) -> DataLoader[Batch]:
        def first() -> int:
            return self._trainer().global_step * self.settings.accumulate

        readers = self.settings.num_workers
        return DataLoader(
            Stream(self.training_batches.__getitem__, first, *self._turns(), None),
            batch_size=None,
            num_workers=readers,
            multiprocessing_context="fork" if readers else None,  # the stream knows the trainer, which cannot be sent
            prefetch_factor=4 if readers else None,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        makers = self.validation_batches
        # Where some process would have none, all validate on all: none may be left waiting for the others.
        turns = self._turns() if len(makers) >= self._trainer().world_size else (0, 1)
        stream = Stream(lambda number: makers[number](), lambda: 0, *turns, len(makers))
        return DataLoader(stream, batch_size=None)
