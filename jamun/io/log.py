"""Logging of a job: to the log file that its rule names, errors as one sentence."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class UserError(ValueError):
    """Something the user can put right; the message is one sentence saying what is wrong, where, and what to do."""

    exit_code = 1


class Interrupted(UserError):
    """A job that was told to stop, and saved what it had; the message says how far it got and how it goes on."""

    exit_code = 143  # of a process that SIGTERM ended


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path`, standard output and standard error included; a UserError ends the job as one sentence.

    The sentence goes to the log and to the terminal; any other exception leaves its traceback in the log, and on the
    terminal one line that says where to look. The exit code is the error's own: 1, or 143 of an Interrupted.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 (closed below, where a full disk is no error)
    logging.basicConfig(stream=stream, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True)
    logging.captureWarnings(True)
    sys.stdout = sys.stderr = stream
    logger = logging.getLogger("jamun")
    try:
        yield logger
    except Interrupted as error:
        logger.warning("%s", error)
        print(f"Stopped: {error} (log: {path})", file=terminal)
        raise SystemExit(error.exit_code) from None
    except Exception as error:
        if isinstance(error, ValueError) and type(error).__module__.startswith("jamun."):
            logger.error("%s", error)
            print(f"Error: {error} (log: {path})", file=terminal)
        else:
            logger.exception("unexpected error")
            print(f"Unexpected {type(error).__name__}; the traceback is in {path}", file=terminal)
        raise SystemExit(1) from None
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        # Where the disk is full, the log's last lines may not fit; the error is on the terminal by then.
        with suppress(OSError):
            stream.close()
