"""What a run tells at its end of the jobs that did not finish."""

from collections.abc import Iterable
from pathlib import Path

from jamun.io.log import STOPPED, last_lines

# Jobs told one by one, and the last lines shown of a log that ends without a sentence.
_MOST_JOBS, _TAIL = 20, 5


def _told(message: str, logs: list[Path]) -> list[str]:
    """The message of a job, and why it did not finish: the sentence that ends its log, or else the log's last lines."""
    named = ", ".join(map(str, logs))
    lines = [line for log in logs for line in last_lines(log)]
    if not lines:
        return [f"{message}:", f"    it wrote no log ({named}): it may not have begun; see Snakemake's own words above"]
    if lines[-1].level in ("ERROR", STOPPED):
        return [f"{message}:", f"    {lines[-1].text}", f"    log: {named}"]
    tail = [f"    | {line.text}" for line in lines[-_TAIL:]]
    why = "it ended without a word, so it was killed or ran out of memory; its last lines:"
    return [f"{message}:", f"    {why}", *tail, f"    log: {named}"]


def failures_text(failed: Iterable[tuple[str, list[Path]]]) -> str:
    """Jobs that did not finish, each given by its message and its logs; "" for none."""
    failed = list(failed)
    if not failed:
        return ""
    count = "1 job did" if len(failed) == 1 else f"{len(failed)} jobs did"
    lines = ["", f"{count} not finish:"]
    for message, logs in sorted(failed)[:_MOST_JOBS]:
        lines += ["", *(f"  {line}" for line in _told(message, logs))]
    if len(failed) > _MOST_JOBS:
        lines += ["", f"  and {len(failed) - _MOST_JOBS} more: jamun status --only failed"]
    lines += ["", "What is finished is kept: the same command goes on from there."]
    return "\n".join(lines)
