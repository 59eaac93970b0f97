"""Who walks the blocks: this process, or on processors one process a core, each with a thread of its own.

Chains are independent, so workers share nothing and never wait for each other. Threads that share one evaluation wait
at each of its products: beside other work on the same cores, where one of them is always held up, that takes several
times as long.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import Protocol

import torch

from jamun.io.signals import end_with
from jamun.sampling.block import Advance, Block, Walkers
from jamun.sampling.starts import SamplingError

# A worker goes on this long before it hands back what it made, s; and one waits this long for what workers made, s.
_SLICE, _LOOK = 2.0, 0.2


class Workers(Protocol):
    """Some who walk blocks; `count` of them at a time."""

    count: int

    def submit(self, block: Block, room: int) -> None:
        """Have a block walked on, for a while or until its frames take `room` bytes."""

    def finished(self) -> list[Advance]:
        """What was made since the last time; waits a moment for it. Raises SamplingError where a worker died."""

    def stop(self) -> None:
        """Ask all to hand back what they have after their present step."""


class Here:
    """This process, which walks a block until `enough` is true."""

    count = 1

    def __init__(self, walkers: Walkers, enough: Callable[[], bool]) -> None:
        self._walkers, self._enough = walkers, enough
        self._made: list[Advance] = []

    def submit(self, block: Block, room: int) -> None:
        """Walks it at once."""
        self._made.append(self._walkers.advance(block, lambda made: made >= room or self._enough()))

    def finished(self) -> list[Advance]:
        """What the last block made."""
        made, self._made = self._made, []
        return made

    def stop(self) -> None:
        """Nothing: `enough` knows."""


# Of a worker process, set as it begins.
_walkers: Walkers
_stop: Event
_seconds: float


def _begin(walkers: Walkers, stop: Event, seconds: float, threads: int, parent: int) -> None:
    """In a worker: signals are the parent's to judge, and without it there is nothing to work for."""
    global _walkers, _stop, _seconds
    _walkers, _stop, _seconds = walkers, stop, seconds
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    torch.set_num_threads(threads)
    end_with(parent)


def _advance(block: Block, room: int) -> Advance:
    """In a worker: walk the block on for a slice."""
    until = time.perf_counter() + _seconds
    return _walkers.advance(block, lambda made: made >= room or time.perf_counter() >= until or _stop.is_set())


class Processes:
    """Worker processes for a block; what they need of the model they have by being copies of this process.

    Args:
        walkers: on the processor.
        count: how many.
        threads: of PyTorch, in each.
        interval: the longest that a worker goes on before it hands back what it made, s.
    """

    def __init__(self, walkers: Walkers, count: int, threads: int, interval: float) -> None:
        self.count = count
        context = multiprocessing.get_context("fork")
        self._event = context.Event()
        begin = (walkers, self._event, min(_SLICE, interval), threads, os.getpid())
        self._pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=begin)
        self._running: set[Future[Advance]] = set()
        # All begin with the first call: before there are threads here, which a copy of this process would lack.
        self._pool.submit(os.getpid).result()

    def submit(self, block: Block, room: int) -> None:
        """Has a free worker walk it for a slice."""
        try:
            self._running.add(self._pool.submit(_advance, block, room))
        except BrokenProcessPool:
            raise _died() from None

    def finished(self) -> list[Advance]:
        """What those made that are ready."""
        done, self._running = wait(self._running, timeout=_LOOK, return_when=FIRST_COMPLETED)
        try:
            return [future.result() for future in done]
        except BrokenProcessPool:
            raise _died() from None

    def stop(self) -> None:
        """Workers hand back what they have after their present step."""
        self._event.set()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers."""
        self._event.set()
        self._pool.shutdown(cancel_futures=True)


def _died() -> SamplingError:
    return SamplingError(
        "a worker process was killed, as it is where memory runs out; what was made is saved: give it more memory, or "
        "set sampling.batch to less, and run the same command again to go on."
    )
