"""What made a result: versions, machine, time, seeds."""

import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import jamun


@cache
def code_version() -> str:
    """Version of the package, with the commit where the code lies in a Git checkout."""
    root = Path(jamun.__file__).resolve().parents[1]

    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        # An environment may lie in a checkout of something else, or of another version.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return jamun.__version__
        return f"{jamun.__version__}+{git('describe', '--always', '--dirty', '--exclude', '*')}"
    except (OSError, subprocess.SubprocessError):
        return jamun.__version__


def processor() -> str:
    """Name of the processor as the system reports it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def provenance(*packages: str) -> dict[str, Any]:
    """A record for a result's JSON: code version, Python, versions of `packages`, machine, time in UTC.

    Raises importlib.metadata.PackageNotFoundError for a package that is not installed.
    """
    return {
        "jamun": code_version(),
        "python": platform.python_version(),
        "packages": {package: metadata.version(package) for package in packages},
        "processor": processor(),
        "cores": os.cpu_count(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
