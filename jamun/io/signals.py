"""Requests to stop: SIGTERM, which schedulers send before they kill, SIGUSR1, which Slurm's --signal may send, and
SIGINT, which is Ctrl-C. And the end of processes whose parent was killed without one."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# How often a process looks whether its parent is there, s.
_LOOK = 0.2

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGINT") if hasattr(signal, name)]


@dataclass
class StopRequest:
    """Name of the signal that asked to stop, or None so far; a job looks here between two pieces of its work."""

    signal: str | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note these signals instead of dying of them, until the block ends; a second Ctrl-C ends the job at once.

    Outside the main thread, where Python allows no handlers, nothing is noted.
    """
    request = StopRequest()

    def note(number: int, _frame: object) -> None:
        request.signal = signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    old = {}
    if threading.current_thread() is threading.main_thread():
        # What is ignored, as Ctrl-C is by a job in the background, stays so.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        old = {number: signal.signal(number, note) for number in heard}
    try:
        yield request
    finally:
        for number, handler in old.items():
            # A handler that was not set from Python reads as None, and cannot be set back.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def end_with(parent: int) -> None:
    """From now on, end this process soon after the process of this number, its parent, was killed: nobody else would.

    It ends without cleaning up, as if it was killed too.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
