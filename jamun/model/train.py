"""Training of the denoiser (paper: section 3.3, Algorithm 1), by Lightning."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import pickle
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor
from torch.utils.data import DataLoader

from jamun.config.network import ArchitectureSettings
from jamun.config.training import TrainingSettings
from jamun.data.store import FeatureFile
from jamun.data.vocabulary import VOCABULARY_VERSION
from jamun.io.atomic import atomic_path, read_json, read_npz, write_json
from jamun.io.log import Interrupted, UserError
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.model.acceleration import accelerated, float32_products
from jamun.model.architectures import architecture_of, build
from jamun.model.batches import Batch, Stream, TrainingBatches, validation_batches
from jamun.model.checkpoint import LoadedDenoiser, load_denoiser, save_denoiser
from jamun.model.geometry import centre, superpose
from jamun.model.network import Conditioned, Network

logger = logging.getLogger("jamun.train")

# Lightning's names of ours; TF32 is a mode of float32 products there.
_LIGHTNING_PRECISION = {"float32": "32-true", "tf32": "32-true", "bfloat16": "bf16-mixed"}
COLUMNS = ("step", "epoch", "train_loss", "validation_loss", "learning_rate", "seconds")


class TrainingError(UserError):
    """Training that cannot start or go on."""


def drawn_sigmas(settings: TrainingSettings, graphs: int, number: int) -> Tensor:
    """Noise levels (G,) in nm, float64, of the graphs of training batch `number`: a share of `sigma_share` at
    `sigma`, the others evenly distributed in the logarithm over `sigma_range`; a function of seed and number alone.
    Without a range (1,), the level of all."""
    if settings.sigma_range is None:
        return torch.tensor([settings.sigma], dtype=torch.float64)
    low, high = settings.levels
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, "sigma", number))
    drawn = low * (high / low) ** torch.rand(graphs, generator=generator, dtype=torch.float64)
    drawn[torch.rand(graphs, generator=generator) < settings.sigma_share] = settings.sigma
    return drawn


def noisy(clean: Tensor, mask: Tensor, sigma: float | Tensor, seed: int, align: bool) -> Tensor:
    """y = x + sigma eps of Algorithm 1: centred, and rotated onto x where `align`.

    Parameters: clean (G, N, 3) in nm, centred; mask (G, N); sigma in nm, one number or (G,). The noise depends on
    `seed` and the shape alone, on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    y = centre(clean + torch.as_tensor(sigma).to(clean).reshape(-1, 1, 1) * noise, mask)
    return superpose(y, clean, mask) if align else y


def squared_error(estimate: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """|xhat - x|^2 averaged over the atoms of each graph, nm^2: (G, N, 3) -> (G,)."""
    squared = (estimate - clean).square().sum(-1) * mask
    return squared.sum(1) / mask.sum(1)


def denoising_error(
    denoiser: Callable[..., Tensor], batch: Batch, sigma: float | Tensor, settings: TrainingSettings, purpose: str
) -> Tensor:
    """Squared errors (G,) in nm^2 of a batch noised at sigma (nm, one number or (G,)); the noise depends on the seed,
    what it is for, and the batch's number."""
    mask = batch.conditioning.mask
    clean = centre(batch.positions, mask)
    y = noisy(clean, mask, sigma, derived_seed(settings.seed, purpose, batch.number), settings.align)
    return squared_error(denoiser(y, sigma, batch.conditioning), clean, mask)


def _on_a_gpu(settings: TrainingSettings) -> bool:
    return settings.accelerator != "cpu" and torch.cuda.is_available()


@torch.no_grad()
def validation_losses(
    denoiser: Network, conditioning: type[Conditioned], files: list[FeatureFile], settings: TrainingSettings
) -> dict[str, float]:
    """Losses of a finished denoiser at the noise level of validation and at the ends of the range, by level in nm, with
    the frames and the noise of every validation; on the GPU where it was trained on one."""
    device = torch.device("cuda" if _on_a_gpu(settings) else "cpu")
    denoiser = denoiser.to(device)
    levels = sorted({settings.sigma, *settings.levels})
    sums, frames = dict.fromkeys(levels, 0.0), 0
    for make in validation_batches(files, settings.validation_frames, settings.batch_size, conditioning):
        batch = make().to(device)
        frames += len(batch.positions)
        for sigma in levels:
            error = denoising_error(denoiser, batch, sigma, settings, "validation noise")
            sums[sigma] += float(error.double().sum()) / (3.0 * sigma**2)
    denoiser.cpu()
    return {f"{sigma:g}": total / frames for sigma, total in sums.items()}


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
        self._averaged, self._current = list(self.average.parameters()), list(self.denoiser.parameters())
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
        total = self.all_gather(total).reshape(-1, 2).sum(0)
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

    def configure_optimizers(self) -> dict[str, Any]:
        settings = self.training_settings
        # One kernel for all weights; Lightning's bfloat16 does not clip gradients for it.
        fused = self.device.type == "cuda" and settings.precision != "bfloat16"
        optimizer = torch.optim.Adam(self.denoiser.parameters(), lr=settings.learning_rate, fused=fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class FrameData(lightning.LightningDataModule):
    """Training batches from where training stands, and validation batches that are always the same."""

    def __init__(
        self,
        train: list[FeatureFile],
        validation: list[FeatureFile],
        settings: TrainingSettings,
        conditioning: type[Conditioned],
        weights: dict[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.training_batches = TrainingBatches(train, settings.batch_size, settings.seed, weights, conditioning)
        self.validation_batches = validation_batches(
            validation, settings.validation_frames, settings.batch_size, conditioning
        )

    def _turns(self) -> tuple[int, int]:
        return self.trainer.global_rank, self.trainer.world_size

    def train_dataloader(self) -> DataLoader:
        def first() -> int:
            return self.trainer.global_step * self.settings.accumulate

        readers = self.settings.num_workers
        return DataLoader(
            Stream(self.training_batches.__getitem__, first, *self._turns(), None),
            batch_size=None,
            num_workers=readers,
            multiprocessing_context="fork" if readers else None,  # the stream knows the trainer, which cannot be sent
            prefetch_factor=4 if readers else None,
        )

    def val_dataloader(self) -> DataLoader:
        makers = self.validation_batches
        stream = Stream(lambda number: makers[number](), lambda: 0, *self._turns(), len(makers))
        return DataLoader(stream, batch_size=None)


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
        with torch.no_grad(), trainer.precision_plugin.val_step_context():
            for number, batch in enumerate(trainer.datamodule.val_dataloader()):
                module.validation_step(batch.to(module.device), number)
        loss = float(module.collect_validation())
        self._append(trainer.global_step, validation_loss=loss)
        trainer.save_checkpoint(self.work / "last.ckpt")
        if loss < min((row["validation_loss"] for row in validated), default=math.inf):
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
        self._resumed_at = int(self.rows[-1]["step"]) if self.rows else 0


def _plain_progress() -> list[Callback]:
    """A bar on a terminal; elsewhere the log has a line a validation."""
    return [TQDMProgressBar(refresh_rate=10)] if sys.stderr.isatty() else []


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise TrainingError(f"{path}: the {what} checkpoint is unreadable; delete its folder to start anew.") from None


def _load_initial(path: Path, network: ArchitectureSettings, training: TrainingSettings) -> LoadedDenoiser:
    """The model that training starts from. Raises TrainingError where its network is another."""
    loaded = load_denoiser(path)
    ours, theirs = network.model_dump(), loaded.network.model_dump()
    if ours != theirs:
        key = next(key for key in ours if ours[key] != theirs.get(key))
        raise TrainingError(
            f"{path}: weights cannot be taken from another network ({key} is {theirs.get(key)} there and {ours[key]} "
            f"here); give the model under models the network of {training.initial_weights}."
        )
    return loaded


def _told(initial: LoadedDenoiser, name: str | None) -> dict[str, Any]:
    """What the record of a training says of the model that it started from: and of what that one started from."""
    kept = ("steps", "best_validation_loss", "seconds", "initial")
    return {
        "model": name,
        "training": initial.training.model_dump(mode="json"),
        **{key: initial.record[key] for key in kept if key in initial.record},
    }


def _digest(denoiser: Network) -> str:
    """SHA-256 of the weights of a network."""
    return _digest_of(value.numpy() for value in denoiser.state_dict().values())


def _digest_of(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of arrays."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def _read_weights(path: Path, files: list[FeatureFile]) -> dict[str, np.ndarray]:
    """Weights of the frames of these peptides. Raises TrainingError where they are of other frames."""
    weights = read_npz(path)
    for file in files:
        if len(weights.get(file.peptide, ())) != file.n_frames:
            raise TrainingError(f"{path}: not of the {file.n_frames} frames of {file.path}; delete it to make it anew.")
    return {file.peptide: weights[file.peptide] for file in files}


def _fingerprint(
    network: ArchitectureSettings,
    training: TrainingSettings,
    squared: float,
    initial: Network | None,
    weights: dict[str, np.ndarray] | None,
) -> dict[str, Any]:
    """What must not differ between the runs of one training; where it runs, and until when, may."""
    where = {"accelerator", "devices", "compile", "num_workers"}
    until = {"max_steps", "validation_interval", "validation_frames", "early_stopping"}
    kept: dict[str, Any] = {} if weights is None else {"frame_weights": _digest_of(weights.values())}
    return kept | {
        "network": network.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude=where | until),
        "mean_squared_distance": squared,
        "initial_weights": None if initial is None else _digest(initial),
    }


def fit(
    train: list[FeatureFile],
    validation: list[FeatureFile],
    mean_squared_distance: float,
    network: ArchitectureSettings,
    training: TrainingSettings,
    work: Path,
    gpus: Sequence[int] = (),
    initial: Network | None = None,
    weights: dict[str, np.ndarray] | None = None,
) -> tuple[Path, Path]:
    """Train until ``training.max_steps``, from ``work/last.ckpt`` where there is one, else from the weights of
    `initial`, or from random ones; on the GPUs of these indices, or on those that Lightning takes. `weights` say
    how often each frame of a peptide comes, (F,) by the peptide's name.

    Returns the paths of Lightning's last and best checkpoints, in `work`. Raises TrainingError where the folder holds
    another training, or the loss is no longer finite.
    """
    last, best = work / "last.ckpt", work / "best.ckpt"
    fingerprint = _fingerprint(network, training, mean_squared_distance, initial, weights)
    if last.exists():
        if read_json(work / "settings.json") != fingerprint:
            logger.info("settings differ from those of %s: starting anew", last)
            shutil.rmtree(work)
        else:
            logger.info("going on from %s, step %d", last, _read(last, "last")["global_step"])
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / "settings.json", fingerprint)
    lightning.seed_everything(derived_seed(training.seed, "weights"), verbose=False)
    module = DenoiserTraining(network, training, mean_squared_distance, initial)
    data = FrameData(train, validation, training, architecture_of(network).conditioning, weights)
    per_epoch = max(1, data.training_batches.per_epoch // (training.accumulate * training.devices))
    every = max(1, min(50, training.validation_interval // 5))
    history = History(every, per_epoch, work)
    # Two of them: one callback's save_last would write only where the validation loss has become better.
    keepers = [
        ModelCheckpoint(
            dirpath=work,
            filename=name,
            monitor=monitor,
            save_top_k=1,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )
        for name, monitor in (("best", "validation_loss"), ("last", None))
    ]
    patience = training.early_stopping
    stoppers = [EarlyStopping("validation_loss", patience=patience)] if patience else []
    interval = min(training.validation_interval, training.max_steps)
    trainer = lightning.Trainer(
        accelerator=training.accelerator,
        devices=list(gpus) or training.devices,
        strategy="auto" if training.devices == 1 else "ddp_spawn",
        precision=_LIGHTNING_PRECISION[training.precision],
        max_steps=training.max_steps,
        max_epochs=-1,
        val_check_interval=interval * training.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        accumulate_grad_batches=training.accumulate,
        gradient_clip_val=training.gradient_clip or None,
        callbacks=[history, *keepers, *stoppers, *_plain_progress()],
        logger=[CSVLogger(work, name="csv"), TensorBoardLogger(work, name="tensorboard")],
        # Else, in a Slurm job, Lightning would take the number of processes from Slurm and requeue the job by itself.
        plugins=[LightningEnvironment()],
        log_every_n_steps=every,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        default_root_dir=work,
        use_distributed_sampler=False,
    )
    with warnings.catch_warnings(), float32_products(training.precision):
        # the stream continues by number, which Lightning cannot know; on processors, readers would only take their time
        warnings.filterwarnings("ignore", message=".*mid-epoch.*")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists and is not empty.*")
        try:
            trainer.fit(module, datamodule=data, ckpt_path=last if last.exists() else None, weights_only=True)
        except SIGTERMException:  # which would end the process with code 0
            saved = _read(last, "last")["global_step"] if last.exists() else 0
            raise Interrupted(
                f"training was told to stop by SIGTERM at step {trainer.global_step} of {training.max_steps}; up to "
                f"step {saved}, its last validation, it is saved in {work}: run the same command again to go on."
            ) from None
    return last, best


def train_to_files(
    train: list[Path],
    validation: list[Path],
    dataset: Path,
    network: ArchitectureSettings,
    training: TrainingSettings,
    checkpoint: Path,
    metrics: Path,
    record: Path,
    work: Path,
    threads: int,
    tensorboard: Path | None = None,
    gpus: Sequence[int] = (),
    initial: Path | None = None,
    weights: Path | None = None,
) -> None:
    """Train a model and publish it.

    Parameters: features files of both splits; dataset.json; settings; the files to write: checkpoint (the averaged
    weights of the best validation), metrics (CSV: step, epoch, train_loss, validation_loss, learning_rate, seconds;
    blank where not measured at that step), record (JSON); the folder of resumable state, removed at the end;
    processor threads; the folder in which TensorBoard's logs are kept, replaced if it is there (None keeps none);
    indices of the GPUs to train on (none leaves them to Lightning); the checkpoint whose weights training starts from,
    and whose unit of length it keeps (None starts from random weights); the weights of the training frames (None weighs
    all alike).
    The same call again goes on where an interrupted one stopped. Losses are |xhat - x|^2 / (3 sigma^2).
    Raises TrainingError for features that cannot be trained on, initial weights of another network and weights of other
    frames, Interrupted at SIGTERM.
    """
    if not train or not validation:
        raise TrainingError("Training needs at least one training and one validation peptide; see peptides.")
    described = read_json(dataset)
    if described.get("vocabulary_version") != VOCABULARY_VERSION:
        raise TrainingError(f"{dataset}: made with another vocabulary; delete the features and make them anew.")
    start = None if initial is None else _load_initial(initial, network, training)
    # What weights mean depends on it: those of another dataset keep theirs.
    squared = float(described["mean_squared_distance"] if start is None else start.denoiser.mean_squared_distance)
    torch.set_num_threads(max(1, threads // training.devices))
    files = [FeatureFile(path) for path in train], [FeatureFile(path) for path in validation]
    counted = None if weights is None else _read_weights(weights, files[0])
    first = None if start is None else start.denoiser
    last, best = fit(*files, squared, network, training, work, gpus, first, counted)

    state = _read(last, "last")
    history = next(value for name, value in state["callbacks"].items() if name.startswith("History"))
    rows = history["rows"]
    validated = [row for row in rows if row["validation_loss"] is not None]
    chosen = min(validated, key=lambda row: row["validation_loss"])
    denoiser = build(network, squared)
    learned = _read(best, "best")["state_dict"]
    denoiser.load_state_dict(
        {name.removeprefix("average."): value for name, value in learned.items() if name.startswith("average.")}
    )
    summary = {
        "steps": state["global_step"],
        "best_step": chosen["step"],
        "best_validation_loss": chosen["validation_loss"],
        "last_validation_loss": validated[-1]["validation_loss"],
        "seconds": round(history["seconds"], 3),
        "provenance": provenance("torch", "lightning", "e3nn", "numpy"),
    }
    if start is not None:
        summary["initial"] = _told(start, training.initial_weights)
    if training.sigma_range is not None:
        summary["validation_loss_by_sigma_nm"] = validation_losses(
            denoiser, architecture_of(network).conditioning, files[1], training
        )
    save_denoiser(checkpoint, denoiser, network, training, summary)
    with atomic_path(metrics) as temporary:
        temporary.write_text("\n".join(_lines(rows)) + "\n", encoding="utf-8")
    write_json(
        record,
        {
            "network": network.model_dump(mode="json"),
            "training": training.model_dump(mode="json"),
            "parameters": sum(parameter.numel() for parameter in denoiser.parameters()),
            "mean_squared_distance": squared,
            "loss": "mean over atoms of |xhat - x|^2 / (3 sigma^2)",
            "reweighted_frames": weights is not None,
            "device": torch.cuda.get_device_name() if _on_a_gpu(training) else "cpu",
            "threads": threads,
            **summary,
        },
    )
    if tensorboard is not None:
        shutil.rmtree(tensorboard, ignore_errors=True)
        tensorboard.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(work / "tensorboard", tensorboard)
    shutil.rmtree(work, ignore_errors=True)


def _lines(rows: list[dict[str, float | int | None]]) -> Iterator[str]:
    yield ",".join(COLUMNS)
    for row in rows:
        yield ",".join("" if row[column] is None else f"{row[column]:.9g}" for column in COLUMNS)
