"""A training, from its data to Lightning's checkpoints; the same call again goes on."""

import hashlib
import logging
import os
import pickle
import re
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.multiprocessing.spawn import ProcessRaisedException

from jamun.config.architecture import ArchitectureSettings
from jamun.config.training import TrainingSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.log import Interrupted, log_of_job, log_to
from jamun.io.seeds import derived_seed
from jamun.io.signals import end_with
from jamun.model.acceleration import float32_products
from jamun.model.architectures import architecture_of
from jamun.model.batches import TrainingData, TrainingError
from jamun.model.history import History
from jamun.model.network import Network
from jamun.model.training_module import DenoiserTraining, FrameData

logger = logging.getLogger("jamun.train")

# Lightning's names of ours; TF32 is a mode of float32 products there.
_LIGHTNING_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {
    "float32": "32-true",
    "tf32": "32-true",
    "bfloat16": "bf16-mixed",
}


def read_state(path: Path, what: str) -> dict[str, Any]:
    """A checkpoint of Lightning; `what` is its name in an error. Raises TrainingError where it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise TrainingError(f"{path}: the {what} checkpoint is unreadable; delete its folder to start anew.") from None


def _digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of arrays."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def _fingerprint(
    network: ArchitectureSettings, training: TrainingSettings, data: TrainingData, initial: Network | None
) -> dict[str, Any]:
    """What must not differ between the runs of one training; where it runs, and until when, may."""
    where = {"accelerator", "devices", "compile", "num_workers"}
    until = {"max_steps", "validation_interval", "validation_frames", "early_stopping"}
    kept: dict[str, Any] = {} if data.weights is None else {"frame_weights": _digest(data.weights.values())}
    weights = None if initial is None else _digest(value.numpy() for value in initial.state_dict().values())
    return kept | {
        "network": network.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude=where | until),
        "mean_squared_distance": data.mean_squared_distance,
        "initial_weights": weights,
    }


def _leave_out_warnings() -> None:
    """Those of Lightning that are not true of this training."""
    for told in (
        "mid-epoch",  # the stream continues by number, which Lightning cannot know
        "does not have many workers",  # on processors, readers would only take their time
        "Checkpoint directory.*exists and is not empty",
        "sync_dist=True",  # the validation loss is that of all processes
    ):
        warnings.filterwarnings("ignore", message=f".*{told}")


class ProcessOfJob(Callback):
    """What a process that Lightning starts, one for each device, needs of the job: its log, and to end with it."""

    def __init__(self) -> None:
        self.log_file = log_of_job()

    def setup(self, trainer: lightning.Trainer, *_: object, **__: object) -> None:
        if trainer.world_size > 1:
            end_with(os.getppid())
            _leave_out_warnings()
            if self.log_file is not None:
                log_to(self.log_file)


@contextmanager
def _processes_of(trainer: lightning.Trainer) -> Iterator[None]:
    """Where the trainer starts processes, one for each device, have them start well, and end when this one is told to.

    New processes would run the script of this one once more, of a Snakemake job or of a user; nothing that they get is
    defined there. Lightning handles SIGTERM in these processes alone, but who stops a job sends it to this one. They
    are killed then, for in the midst of adding up gradients they would wait for each other; what is saved is whole.

    Raises:
        TrainingError: what one of them raised.
        SIGTERMException: at SIGTERM.
    """
    launcher = trainer.strategy.launcher
    if launcher is None:
        yield
        return

    def end(*_: object) -> None:
        launcher.kill(signal.SIGKILL)
        raise SIGTERMException

    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: value for name, value in vars(main).items() if name in ("__file__", "__spec__")}
    handles = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if handles else None
    vars(main).pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    except ProcessRaisedException as error:
        # The last line of its traceback.
        if found := re.search(rf"^{TrainingError.__module__}.TrainingError: (.+)", str(error), re.MULTILINE):
            raise TrainingError(found[1]) from None
        raise
    finally:
        vars(main).update(kept)
        if handles:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def fit(
    data: TrainingData,
    network: ArchitectureSettings,
    training: TrainingSettings,
    work: Path,
    gpus: Sequence[int] = (),
    initial: Network | None = None,
) -> tuple[Path, Path]:
    """Train until ``training.max_steps``, from ``work/last.ckpt`` where there is one; a training of other settings in
    `work` is thrown away. Training starts from the weights of `initial`, or from random ones.

    Returns Lightning's last and best checkpoints, in `work`. Without indices of `gpus` Lightning takes what it likes.

    Raises:
        TrainingError: the state in the folder cannot be read, or the loss is no longer finite.
        Interrupted: at SIGTERM.
    """
    last, best = work / "last.ckpt", work / "best.ckpt"
    fingerprint = _fingerprint(network, training, data, initial)
    if last.exists():
        if read_json(work / "settings.json") != fingerprint:
            logger.info("settings differ from those of %s: starting anew", last)
            shutil.rmtree(work)
        else:
            logger.info("going on from %s, step %d", last, read_state(last, "last")["global_step"])
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / "settings.json", fingerprint)
    lightning.seed_everything(derived_seed(training.seed, "weights"), verbose=False)
    module = DenoiserTraining(network, training, data.mean_squared_distance, initial)
    frames = FrameData(data, training, architecture_of(network).conditioning)
    per_epoch = max(1, frames.training_batches.per_epoch // (training.accumulate * training.devices))
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
    # A bar on a terminal; elsewhere the log has a line a validation.
    bars = [TQDMProgressBar(refresh_rate=10)] if sys.stderr.isatty() else []
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
        callbacks=[ProcessOfJob(), history, *keepers, *stoppers, *bars],
        logger=[CSVLogger(work, name="csv"), TensorBoardLogger(work, name="tensorboard")],
        # Else, in a Slurm job, Lightning would take the number of processes from Slurm and requeue the job by itself.
        plugins=[LightningEnvironment()],
        log_every_n_steps=every,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        default_root_dir=work,
        use_distributed_sampler=False,
    )
    with warnings.catch_warnings(), float32_products(training.precision), _processes_of(trainer):
        _leave_out_warnings()
        try:
            trainer.fit(module, datamodule=frames, ckpt_path=last if last.exists() else None, weights_only=True)
        except SIGTERMException:  # which would end the process with code 0
            saved = read_state(last, "last")["global_step"] if last.exists() else 0
            raise Interrupted(
                f"training was told to stop by SIGTERM; up to step {saved} of {training.max_steps}, its last "
                f"validation, it is saved in {work}: run the same command again to go on."
            ) from None
    return last, best
