"""Which GPU a job takes, where several jobs share the GPUs of one machine.

Snakemake counts GPUs but does not say which one a job has. Here a job takes a slot: a lock file of one device, of which
each has as many as jobs may share it. The system frees the lock of a process that dies, so a slot is never lost.
"""

import ctypes
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from jamun.io.disk import held
from jamun.io.log import UserError

logger = logging.getLogger(__name__)

# Seconds between two looks for a free slot.
_LOOK_AGAIN = 1.0
_DRIVER = "libcuda.so.1"


@dataclass(frozen=True)
class Gpu:
    """A GPU: its index among those that this process is shown, and a name by which every process knows it."""

    index: int
    name: str


def cuda_gpus() -> list[Gpu]:
    """The GPUs that CUDA shows this process, in its order, named by their UUIDs; [] without NVIDIA's driver.

    CUDA_VISIBLE_DEVICES, which Slurm and users set, is respected by the driver: what it hides is not in the list, and
    indices count what is left. No context is made on any device.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return [Gpu(index, _uuid(driver, index)) for index in range(count.value)]


def _uuid(driver: ctypes.CDLL, index: int) -> str:
    """UUID of a GPU, or of the part of one (MIG) that the process is shown; its index where the driver tells none."""
    # The first version of the call gives a part of a GPU the UUID of the whole.
    ask = getattr(driver, "cuDeviceGetUuid_v2", None) or driver.cuDeviceGetUuid
    device, found = ctypes.c_int(), (ctypes.c_char * 16)()
    if driver.cuDeviceGet(ctypes.byref(device), index) or ask(ctypes.byref(found), device):
        return str(index)
    return str(uuid.UUID(bytes=found.raw))


def slot_folder() -> Path:
    """Where this user's jobs on this machine lock their slots: on a disk of its own, whatever folder they work in."""
    return Path(tempfile.gettempdir()) / f"jamun_gpu_{os.getuid()}"


@contextmanager
def slots(folder: Path, gpus: Sequence[Gpu], jobs_per_gpu: int, count: int = 1) -> Iterator[list[int]]:
    """Hold one slot of each of `count` GPUs out of `gpus`, waiting until they are free; gives the GPUs' indices.

    Every GPU's first slot comes before any GPU's second, so that jobs spread over the GPUs before they share. Several
    are taken together or not at all, so that two jobs never wait for each other. Raises UserError where there are
    fewer than `count`.
    """
    if count > len(gpus):
        raise UserError(f"training.devices asks for {count} GPUs, and {len(gpus)} can be used here; ask for fewer.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = False
    while (found := _take(folder, gpus, jobs_per_gpu, count)) is None:
        if not waiting:
            logger.info(
                "all %d slots of GPUs are taken (simulate.jobs_per_gpu is %d); waiting for one",
                len(gpus) * jobs_per_gpu, jobs_per_gpu,
            )  # fmt: skip
            waiting = True
        time.sleep(_LOOK_AGAIN)
    taken, locks = found
    with locks:
        yield taken


def _take(folder: Path, gpus: Sequence[Gpu], jobs_per_gpu: int, count: int) -> tuple[list[int], ExitStack] | None:
    """The GPUs taken and what holds their slots, or None, with nothing held, where too few are free."""
    taken: list[int] = []
    with ExitStack() as locks:
        for place, gpu in product(range(jobs_per_gpu), gpus):
            if gpu.index in taken:
                continue
            if locks.enter_context(held(folder / f"{gpu.name}_{place}.lock")):
                taken.append(gpu.index)
            if len(taken) == count:
                return taken, locks.pop_all()
    return None
