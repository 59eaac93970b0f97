"""A Python that starts at once, for the hundreds of programs that tests start.

Loading Snakemake, PyTorch or OpenMM takes seconds, and most of a short job. `forking_python` gives a program to call in
place of sys.executable: it asks a process that has all of them loaded to fork, and gives the fork its arguments,
folder, environment and streams. What runs is a process of its own, with nothing of another: it ends with its own code,
gets the signals of who called it, and is killed with it.
"""

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import RLock

FOLDER = Path(__file__).parent
_one_at_a_time = RLock()


def forking_python(module: str | None = None) -> str:
    """Path of the program.

    Args:
        module: fork for `-m module` alone, such as snakemake; all else runs in a new process of sys.executable, so also
            the scripts that Snakemake starts.
    """
    with _one_at_a_time:
        return str(_program(module))


@cache
def _program(module: str | None) -> Path:
    path = _socket().with_name(module or "all") / "python"
    path.parent.mkdir()
    values = f"SOCKET, PYTHON, MODULE = {str(_socket())!r}, {sys.executable!r}, {module!r}\n"
    path.write_text(f"#!{sys.executable} -IS\n{values}{(FOLDER / 'client.py').read_text()}")
    path.chmod(0o755)
    return path


@cache
def _socket() -> Path:
    """Where the process that forks listens; it is started once, and ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="jamun_forking_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, str(FOLDER / "server.py"), str(folder / "socket")]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    assert server.stdout.readline() == "listens\n"
    return folder / "socket"
