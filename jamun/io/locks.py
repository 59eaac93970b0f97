"""Locks that the system frees when their process ends, however it ends."""

from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # a system without POSIX locks
    fcntl = None  # type: ignore[assignment]


def claim(handle: IO[Any]) -> bool:
    """Lock an open file, until it is closed, unless another process has it locked: then False.

    Where there are no locks, it counts as locked.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def claimed(path: Path) -> bool | None:
    """Whether a process has the file locked; None where that cannot be told. Needs to read the file only."""
    if fcntl is None:
        return None
    try:
        with open(path, "rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return False
