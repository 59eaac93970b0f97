"""The Snakemakes that work in a folder, and the lock that a killed one left there.

Snakemake locks what it makes by files in .snakemake/locks, which a killed one leaves behind without a word of whose
they were. So every one that runs this workflow has a file of its own beside them, with its process and machine, locked
for as long as it lives.
"""

import atexit
import json
import os
import re
import shutil
import socket
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from jamun.io.locks import claim, claimed
from jamun.io.log import UserError, last_begin

# What a shell does not take as it stands.
_SHELL = re.compile(r"""[\s"'`$&|;<>()*?#~!{}\[\]\\]""")
_FOLDER, _LOCKS = Path(".snakemake/jamun"), Path(".snakemake/locks")


@dataclass(frozen=True)
class Runner:
    """A Snakemake: its process, its machine, when it began, and whether it still works (None: it cannot be told)."""

    process: int
    machine: str
    began: str
    works: bool | None


def runners(directory: Path) -> list[Runner]:
    """The Snakemakes that work, or were killed, in `directory`. Takes no lock that would stop one."""
    found = []
    for path in sorted((directory / _FOLDER).glob("*.json")):
        try:
            process, machine, began = (json.loads(path.read_text())[key] for key in ("process", "machine", "began"))
        except (OSError, ValueError, KeyError):  # it ended, or was killed, at this moment
            continue
        works = claimed(path)
        if machine != socket.gethostname() and not works:
            works = None  # locks may not reach from one machine to another
        found.append(Runner(process, machine, began, works))
    return found


def require_plain_path(interpreter: str = sys.executable) -> None:
    """Raises UserError where Snakemake cannot run jobs by this Python, whose path it gives to the shell bare."""
    if _SHELL.search(interpreter):
        raise UserError(
            f"{interpreter}: Snakemake cannot run jobs by a Python whose path has spaces or other signs that a shell "
            "reads; move the folder, or make the environment in another one."
        )


def is_locked(directory: Path) -> bool:
    """Whether Snakemake's lock lies in `directory`."""
    return any((directory / _LOCKS).glob("*.lock"))


def begin(directory: Path, logs: Path) -> bool:
    """Note that this process, a Snakemake, works in `directory` until it ends; whether a killed one's lock was removed.

    The lock is removed only if all that ran here were of this machine and are dead. Raises UserError where jobs of a
    killed one still work, whose logs are below `logs`.
    """
    before = runners(directory)
    unlocked = False
    if is_locked(directory) and before and all(runner.works is False for runner in before):
        if still := [path for path in sorted(logs.rglob("*.log")) if claimed(path)]:
            raise UserError(f"Snakemake was killed here, but {_orphans(still)}, then run the same command again.")
        shutil.rmtree(directory / _LOCKS)
        unlocked = True
    try:
        _register(directory)
    except OSError:  # nothing can be written here, so nothing can be run either
        return unlocked
    for runner in before:
        if runner.works is False:
            _path(directory, runner.process, runner.machine).unlink(missing_ok=True)
    return unlocked


def _orphans(still: list[Path]) -> str:
    begun = [last_begin(path) for path in still]
    processes = " ".join(str(each.process) for each in begun if each)
    one = len(still) == 1
    count = f"a job of it still works ({still[0]})" if one else f"{len(still)} of its jobs still work"
    end = "it ends, or end it" if one else "they end, or end them"
    return f"{count}; wait until {end}" + (f" (kill {processes})" if processes else "")


def _path(directory: Path, process: int, machine: str) -> Path:
    return directory / _FOLDER / f"{machine}_{process}.json"


# Open for as long as the process lives, since closing a file frees its lock.
_held: list[IO[str]] = []


def _register(directory: Path) -> None:
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    ours = Runner(os.getpid(), socket.gethostname(), began, True)
    path = _path(directory.resolve(), ours.process, ours.machine)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = open(path, "w", encoding="utf-8")  # noqa: SIM115 (see _held)
    claim(handle)
    _held.append(handle)
    handle.write(json.dumps({key: value for key, value in asdict(ours).items() if key != "works"}))
    handle.flush()
    atexit.register(_forget, path, ours.process)


def _forget(path: Path, process: int) -> None:
    if os.getpid() == process:  # and not a child that was forked from it
        path.unlink(missing_ok=True)
