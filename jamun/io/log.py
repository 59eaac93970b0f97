"""Logging of a job: to the log file that its rule names, errors as one sentence."""

import errno
import logging
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jamun.io.locks import claim
from jamun.io.text import one_line

# A look at whether the log is locked may hold its lock for a moment.
_CLAIM_SECONDS = 1.0
_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<level>[A-Z]+) (?P<text>.*)")
# A progress bar of tqdm, which may stand before a line of the log, and after the last.
_BAR = re.compile(r"\d+%\|.*\||\d+\S* \[\d\d:\d\d")
# The level of the sentence that ends a job early without an error: warnings are told on the way.
STOPPED, _STOPPED = "STOPPED", 35
logging.addLevelName(_STOPPED, STOPPED)
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "files may not grow more"}
_BEGINS = re.compile(r"process (?P<process>\d+) on (?P<machine>\S+) begins")
# Bytes at the end of a log in which its last lines are looked for, and the line with which its last run begins.
_END, _LONG_END = 2**13, 2**18

_job_log: Path | None = None


class UserError(ValueError):
    """Something the user can put right; the message is one sentence saying what is wrong, where, and what to do."""

    exit_code = 1


class Interrupted(UserError):
    """A job that was told to stop, and saved what it had; the message says how far it got and how it goes on."""

    exit_code = 143  # of a process that SIGTERM ended


def log_to(path: Path) -> tuple[IO[str], logging.Handler]:
    """Send what this process logs and prints to the end of a file, which may be the log of the job that started it.

    Returns the open file, and what writes log lines to it.
    """
    stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 (whose end is that of the job)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    sys.stdout = sys.stderr = stream
    return stream, handler


def log_of_job() -> Path | None:
    """The log of the job that this process runs; None outside of a job."""
    return _job_log


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path`, standard output and standard error included; whatever ends the job is one sentence.

    The sentence is the last line of the log, and on the terminal, with the log's path; a traceback, of an error that is
    no UserError, is in the log alone. The exit code is the error's own: 1, 130 of Ctrl-C, or 143 of an Interrupted. The
    log is locked meanwhile, by which others see that the job is at work.
    """
    global _job_log
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    stream, handler = log_to(path)
    _job_log = path.absolute()
    logger = logging.getLogger("jamun")

    def end(level: int, word: str, sentence: str, where: str = "log") -> None:
        logger.log(level, "%s", sentence)
        print(f"{word}: {sentence} ({where}: {path})", file=terminal)

    try:
        _claim(stream)
        logger.info("process %d on %s begins", os.getpid(), socket.gethostname())
        yield logger
    except Interrupted as error:
        end(_STOPPED, "Stopped", str(error))
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        end(_STOPPED, "Stopped", "stopped from the keyboard; run the same command again to go on.")
        raise SystemExit(130) from None
    except Exception as error:
        if isinstance(error, ValueError) and type(error).__module__.startswith("jamun."):
            end(logging.ERROR, "Error", str(error))
        else:
            logger.exception("what follows was not expected")
            end(logging.ERROR, "Error", _unexpected(error), "log with the traceback")
        raise SystemExit(1) from None
    finally:
        _job_log = None
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        logging.getLogger().removeHandler(handler)
        # Where the disk is full, the log's last lines may not fit; the error is on the terminal by then.
        with suppress(OSError):
            stream.close()


def _claim(stream: IO[str]) -> None:
    deadline = time.monotonic() + _CLAIM_SECONDS
    while not claim(stream) and time.monotonic() < deadline:
        time.sleep(0.05)


def _unexpected(error: Exception) -> str:
    """One sentence on an error that no stage expects."""
    if isinstance(error, MemoryError):
        return "the memory is full; free some, or give the job more (mem_mb)."
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
        return system_sentence(error)
    return f"unexpected {type(error).__name__}: {one_line(' '.join(str(error).split()))}"


def reason_of(error: OSError) -> str:
    """Why the system refused, in a few words."""
    return _FULL.get(error.errno or 0, error.strerror or one_line(" ".join(str(error).split())))


def system_sentence(error: OSError) -> str:
    """One sentence on what the system refused, and what to do."""
    where = "" if error.filename is None else f"{error.filename}: "
    if error.errno in _FULL:
        advice = "; free space and run the same command again"
    elif isinstance(error, PermissionError):
        advice = "; give a place that may be written, or a file that may be read"
    else:
        advice = "; put that right and run the same command again"
    return f"{where}{reason_of(error)}{advice}."


@dataclass(frozen=True)
class LogLine:
    """A line of a log: its level, "" for a line that is none of ours, and its text."""

    level: str
    text: str


@dataclass(frozen=True)
class Begin:
    """The process that a log's last run began with."""

    process: int
    machine: str


def last_lines(path: Path) -> list[LogLine]:
    """The last lines of a log, oldest first; what a progress bar wrote over is left out, and so are bars after the last
    line. [] where there is no log."""
    lines = [_parsed(line) for line in end_of(path, _END)]
    sentences = [place for place, line in enumerate(lines) if line.level]
    # A bar that was open is drawn once more as the job ends, after the sentence that tells why.
    if sentences and all(_BAR.search(line.text) for line in lines[sentences[-1] + 1 :]):
        return lines[: sentences[-1] + 1]
    return lines


def last_begin(path: Path) -> Begin | None:
    """The process of the log's last run, if that is told near the log's end or at its beginning."""
    for line in [*reversed(end_of(path, _LONG_END)), *_first_line(path)]:
        if found := _BEGINS.fullmatch(_parsed(line).text):
            return Begin(int(found["process"]), found["machine"])
    return None


def _parsed(line: str) -> LogLine:
    found = _LINE.search(line) if _BAR.search(line) else _LINE.match(line)
    return LogLine(found["level"], found["text"]) if found else LogLine("", line)


def _first_line(path: Path) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return [handle.readline(_END).rstrip("\n")]
    except OSError:
        return []


def end_of(path: Path, size: int) -> list[str]:
    """The whole lines in the last `size` bytes of a log, oldest first, without what a progress bar wrote over. [] where
    there is no log."""
    try:
        with open(path, "rb") as handle:
            length = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, length - size))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = text.split("\n")
    if length > size and "\r" not in lines[0]:
        del lines[0]  # the end of a line only, and no progress bar, each of which is whole
    shown = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in lines)
    return [line for line in shown if line]
