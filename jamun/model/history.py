"""The learning curve: rows of metrics.csv, made as training goes."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from jamun.model.batches import Batch, TrainingError
from jamun.model.training_module import DenoiserTraining

logger = logging.getLogger("jamun.train")

COLUMNS = ("step", "epoch", "train_loss", "validation_loss", "learning_rate", "seconds")


class History(Callback):
    """Rows of metrics.csv. They travel in Lightning's checkpoint, so that a resumed run continues its own curve."""

    def __init__(self, every: int, per_epoch: int, work: Path) -> None:
        self.every, self.per_epoch, self.work = every, per_epoch, work
        self._resumed_at = 0
        self.rows: list[dict[str, float | int | None]] = []
        self.seconds = 0.0  # of earlier runs
        self._started = time.perf_counter()
        self._losses: list[Tensor] = []
        self._logged = 0

    def elapsed(self) -> float:
        return self.seconds + time.perf_counter() - self._started

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        self._started = time.perf_counter()
        self._logged = trainer.global_step

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Batch, index: int
    ) -> None:
        self._losses.append(outputs["reported"])
        step = trainer.global_step
        if step % self.every or step == self._logged:
            return
        self._logged = step
        loss = float(torch.stack(self._losses).mean())
        self._losses.clear()
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss is no longer a finite number at step {step}; lower training.learning_rate or "
                "training.gradient_clip."
            )
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self._append(step, train_loss=loss, learning_rate=rate)
        module.log("train_loss", loss, prog_bar=True)
        module.log("learning_rate", rate)

    def on_validation_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        loss = float(trainer.callback_metrics["validation_loss"])
        self._append(trainer.global_step, validation_loss=loss)
        rate = (trainer.global_step - self._resumed_at) / max(time.perf_counter() - self._started, 1e-9)
        left = (trainer.max_steps - trainer.global_step) / max(rate, 1e-9)
        if trainer.is_global_zero:
            logger.info(
                "step %d of %d: validation loss %.4f, %.2f steps/s, %.0f s left",
                trainer.global_step, trainer.max_steps, loss, rate, left,
            )  # fmt: skip

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Validate the last steps too, where their number is no multiple of the validation interval."""
        validated = [row for row in self.rows if row["validation_loss"] is not None]
        if trainer.global_step < trainer.max_steps or (validated and validated[-1]["step"] == trainer.global_step):
            return
        assert isinstance(module, DenoiserTraining)
        with torch.no_grad(), trainer.precision_plugin.val_step_context():
            for number, batch in enumerate(trainer.datamodule.val_dataloader()):  # type: ignore[attr-defined]
                module.validation_step(batch.to(module.device), number)
        loss = float(module.collect_validation())
        self._append(trainer.global_step, validation_loss=loss)
        trainer.save_checkpoint(self.work / "last.ckpt")
        if loss < min((float(row["validation_loss"] or 0.0) for row in validated), default=math.inf):
            trainer.save_checkpoint(self.work / "best.ckpt")

    def _append(self, step: int, **values: float) -> None:
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({column: None for column in COLUMNS})
        seconds = round(self.elapsed(), 3)
        self.rows[-1].update(step=step, epoch=step // max(self.per_epoch, 1), seconds=seconds, **values)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows], "seconds": self.elapsed()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.seconds = [dict(row) for row in state["rows"]], float(state["seconds"])
        self._resumed_at = int(self.rows[-1]["step"] or 0) if self.rows else 0
