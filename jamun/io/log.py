"""Logging of a job: to the log file that its rule names, errors as one sentence."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """Something the user can put right; the message is one sentence saying what is wrong, where, and what to do."""


@contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Log to `path`, standard output and standard error included; a UserError ends the job as one sentence.

    The sentence goes to the log and to the terminal; any other exception leaves its traceback in the log, and on the
    terminal one line that says where to look.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with open(path, "a", encoding="utf-8", buffering=1) as stream:
        logging.basicConfig(
            stream=stream, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
        )
        logging.captureWarnings(True)
        sys.stdout = sys.stderr = stream
        try:
            yield logging.getLogger("jamun")
        except Exception as error:
            if isinstance(error, ValueError) and type(error).__module__.startswith("jamun."):
                logging.getLogger("jamun").error("%s", error)
                print(f"Error: {error} (log: {path})", file=terminal)
            else:
                logging.getLogger("jamun").exception("unexpected error")
                print(f"Unexpected {type(error).__name__}; the traceback is in {path}", file=terminal)
            raise SystemExit(1) from None
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
