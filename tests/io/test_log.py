"""The log of a job, and what its end tells."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tqdm import tqdm

from jamun.io.locks import claimed
from jamun.io.log import Interrupted, LogLine, UserError, job_log, last_begin, last_lines
from jamun.io.signals import stop_requests


@pytest.mark.parametrize(
    ("error", "code", "level", "told", "traceback"),
    [
        (
            UserError("a.pdb: no such file; put it there."),
            1,
            "ERROR",
            "Error: a.pdb: no such file; put it there.",
            False,
        ),
        (Interrupted("saved; it goes on."), 143, "STOPPED", "Stopped: saved; it goes on.", False),
        (KeyboardInterrupt(), 130, "STOPPED", "Stopped: stopped from the keyboard", False),
        (KeyError("phi"), 1, "ERROR", "Error: unexpected KeyError: 'phi' (log with the traceback:", True),
        (FileNotFoundError(2, "No such file or directory", "x.xtc"), 1, "ERROR", "Error: x.xtc: No such file", True),
        (MemoryError(), 1, "ERROR", "Error: the memory is full", True),
    ],
)
def test_a_job_ends_with_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    error: BaseException,
    code: int,
    level: str,
    told: str,
    traceback: bool,
) -> None:
    log = tmp_path / "logs" / "job.log"
    with pytest.raises(SystemExit) as ended, job_log(log):
        raise error
    shown = capsys.readouterr().err
    assert ended.value.code == code
    assert shown.startswith(told)
    assert str(log) in shown
    assert shown.count("\n") == 1
    assert last_lines(log)[-1].level == level
    assert last_lines(log)[-1].text in shown
    assert ("Traceback" in log.read_text()) == traceback


def test_the_log_tells_who_works_and_is_locked_meanwhile(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    assert claimed(log) is False
    with job_log(log):
        print("a line")
        logging.getLogger("elsewhere").info("another")
        assert claimed(log)
        begun = last_begin(log)
    assert claimed(log) is False
    assert (begun.process, begun.machine) == (os.getpid(), socket.gethostname())
    assert last_lines(log)[-2:] == [LogLine("", "a line"), LogLine("INFO", "another")]
    streams = [handler.stream for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
    assert not any(stream.closed for stream in streams)  # what is logged after the job is not lost


def test_a_killed_job_leaves_no_lock(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    script = (
        "import sys, time\nfrom jamun.io.log import job_log\n"
        "with job_log(sys.argv[1]):\n    print('works', file=sys.__stdout__, flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(log)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "works\n"
    assert claimed(log)
    assert last_begin(log).process == process.pid
    process.kill()
    process.wait()
    assert claimed(log) is False


def test_only_the_last_state_of_a_progress_bar_is_a_line(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    bar = "".join(f"\rAA: {percent}% of a bar that is rather long" for percent in range(101))
    log.write_text(f"2026-01-02 03:04:05,678 INFO process 7 on far begins\n{bar * 100}\n\n")
    assert last_lines(log) == [LogLine("", "AA: 100% of a bar that is rather long")]
    assert last_begin(log).machine == "far"
    with log.open("a") as handle:
        handle.write("x" * 300_000 + "\n2026-01-02 03:04:05,678 ERROR it broke\n")
    assert last_lines(log) == [LogLine("ERROR", "it broke")]
    assert last_begin(log).process == 7  # told at the beginning only
    assert last_lines(tmp_path / "none.log") == []
    assert last_begin(tmp_path / "none.log") is None


@pytest.fixture
def sigint() -> Iterator[Callable]:
    """Sets what SIGINT does; the test ends with what it did before."""
    old = signal.getsignal(signal.SIGINT)
    yield lambda handler: signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGINT, old)


def test_ctrl_c_stops_and_a_second_one_ends(sigint: Callable) -> None:
    sigint(signal.default_int_handler)
    with stop_requests() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored(sigint: Callable) -> None:
    sigint(signal.SIG_IGN)
    with stop_requests() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal is None


@pytest.mark.parametrize("total", [50, None])
def test_a_bar_that_is_open_does_not_hide_the_sentence(tmp_path: Path, total: int | None) -> None:
    # Before the sentence, on its line; and again after it, as tqdm draws an open bar when it goes.
    log = tmp_path / "job.log"
    bars: list[tqdm] = []

    def fails() -> None:
        bars.append(tqdm(total=total, desc="AW frames", mininterval=0))
        bars[0].update(3)
        raise UserError("a.xtc: cut short; copy it again.")

    with pytest.raises(SystemExit), job_log(log):
        fails()
    with open(log, "a", encoding="utf-8") as stream:
        bars[0].fp = stream
        bars[0].close()
    assert "AW frames" in log.read_text()
    assert last_lines(log)[-1] == LogLine("ERROR", "a.xtc: cut short; copy it again.")


def test_what_was_written_after_a_warning_is_no_sentence(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    with job_log(log) as logger:
        logger.warning("slow, but it goes on")
        print("step 1")
        print("Killed")
    assert last_lines(log)[-1] == LogLine("", "Killed")
