"""Whether a job is done, by the files that it makes, its log, and the lock on that."""

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jamun.io.locks import claimed
from jamun.io.log import STOPPED, last_begin, last_lines


class State(StrEnum):
    """The state of a job.

    done: what it makes is there; running: it is at work; failed: its log ends with an error; stopped: it ended before
    it was done, without one, and goes on when it is run again; waiting: it has not begun. Where several jobs make a
    stage, the last of these that one of them is in counts.
    """

    DONE = "done"
    WAITING = "waiting"
    STOPPED = "stopped"
    RUNNING = "running"
    FAILED = "failed"


_ORDER = list(State)
# Locks may not reach from one machine to another: a job elsewhere is at work if its log changed in so many seconds.
_RECENT = 900.0


@dataclass(frozen=True)
class Job:
    """A job: its state, its log, and what the log says of its end."""

    state: State
    log: Path
    word: str = ""


def job(outputs: Iterable[Path], log: Path) -> Job:
    """The job that makes `outputs` and writes `log`. Reads only, and takes no lock that would stop it."""
    if all(path.exists() for path in outputs):
        return Job(State.DONE, log)
    works = claimed(log)
    if works:
        return Job(State.RUNNING, log)
    lines = last_lines(log)
    if not lines:
        return Job(State.WAITING, log)
    last = lines[-1]
    if last.level == "ERROR":
        return Job(State.FAILED, log, last.text)
    if last.level != STOPPED and _elsewhere(log, works) and time.time() - log.stat().st_mtime < _RECENT:
        return Job(State.RUNNING, log)
    return Job(State.STOPPED, log, last.text if last.level == STOPPED else "it ended without a word")


def _elsewhere(log: Path, works: bool | None) -> bool:
    """Whether the log's job may be at work although no lock shows it."""
    begun = last_begin(log)
    return works is None or (begun is not None and begun.machine != socket.gethostname())


def stage_of(jobs: list[Job]) -> State:
    """The state of a stage that several jobs make."""
    return max((each.state for each in jobs), key=_ORDER.index)
