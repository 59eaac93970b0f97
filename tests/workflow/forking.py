"""A process that has Snakemake loaded and forks for each command: a run starts at once, with nothing of another.

Reads one command a line from standard input, as JSON: words, folder, and the file for its output. Answers a line with
its exit code.
"""

import json
import os
import sys

import snakemake.api
import snakemake.cli
import snakemake.dag
import snakemake.workflow

import jamun.workflow  # noqa: F401


def perform(words: list[str], folder: str, output: str) -> None:
    """Become `snakemake` with these words; never returns."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.chdir(folder)
    sys.argv = ["snakemake", *words]
    code = 1
    try:
        snakemake.cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        perform(*json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
