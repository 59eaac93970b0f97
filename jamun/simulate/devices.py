"""Which GPU a simulation takes, where several simulations share the GPUs of one machine.

Snakemake counts GPUs but does not say which one a job has. Here a job takes a slot: a lock file of one device, of which
each has as many as `jobs_per_gpu`. The system frees the lock of a process that dies, so a slot is never lost.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openmm

from jamun.io.disk import held

logger = logging.getLogger(__name__)

# Seconds between two looks for a free slot.
_LOOK_AGAIN = 1.0
_MOST_DEVICES = 64


def devices(platform: openmm.Platform) -> list[int]:
    """Indices of the GPUs that OpenMM can use on this platform, as far as the environment shows them to the process."""
    system = openmm.System()
    system.addParticle(1.0)
    found: list[int] = []
    for index in range(_MOST_DEVICES):
        try:
            openmm.Context(system, openmm.VerletIntegrator(0.001), platform, {"DeviceIndex": str(index)})
        except openmm.OpenMMException:  # no device of this index
            break
        found.append(index)
    return found


@contextmanager
def slot(folder: Path, indices: list[int], jobs_per_gpu: int) -> Iterator[int]:
    """Hold one of the slots of the devices `indices`, waiting until one is free; gives the device's index.

    Every device's first slot comes before any device's second, so that jobs spread over the devices before they share.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        for place in range(jobs_per_gpu):
            for index in indices:
                with held(folder / f"gpu_{index}_slot_{place}.lock") as ours:
                    if ours:
                        yield index
                        return
        if not waiting:
            logger.info(
                "all %d slots of GPUs are taken (simulate.jobs_per_gpu is %d); waiting for one",
                len(indices) * jobs_per_gpu, jobs_per_gpu,
            )  # fmt: skip
            waiting = True
        time.sleep(_LOOK_AGAIN)


def multi_process_service() -> bool:
    """Whether NVIDIA's Multi-Process Service runs here, with which simulations on one GPU compute side by side instead
    of in turns; CUDA uses it by itself."""
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
    return (pipe / "control").exists()
