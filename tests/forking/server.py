"""The process that has everything loaded, and forks for each program (see __init__.py); its argument is its socket."""

import atexit
import gc
import json
import multiprocessing.spawn  # noqa: F401 (notes which Python starts its processes)
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from importlib import import_module

# What PyTorch and NumPy take from the environment when they are loaded; a program of more threads says so itself.
THREADS = 1
# Beside all of jamun: what is imported within functions, here and in Snakemake.
OTHERS = ("snakemake.cli", "snakemake.api", "snakemake.dag", "snakemake.workflow", "snakemake.script")


def load() -> None:
    """Import what programs of the tests do."""
    for name in OTHERS:
        import_module(name)
    import jamun

    for module in pkgutil.walk_packages(jamun.__path__, "jamun."):
        if not module.name.endswith("__main__"):
            # PyEMMA has an environment of its own.
            with suppress(ImportError):
                import_module(module.name)


def received(connection: socket.socket, size: int) -> bytes:
    """The next `size` bytes."""
    found = b""
    while len(found) < size:
        if not (part := connection.recv(size - len(found))):
            os._exit(1)  # who asked was killed
        found += part
    return found


def run(words: list[str]) -> None:
    """What Python does with these words."""
    if words[0] == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *words[2:]]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), main.__dict__)
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def become(streams: list[int], words: list[str], folder: str, environment: dict[str, str], python: str) -> None:
    """Be the program, to its end."""
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [*filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)), *sys.path[1:]]
    # Python programs that it starts begin at once too.
    sys.executable = python
    code = 1
    try:
        run(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with suppress(BaseException):
        threading._shutdown()
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def answer(connection: socket.socket) -> None:
    """Fork the program that is asked for, tell its number and how it ended; it is killed where who asked is."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, _, _ = socket.recv_fds(connection, 8, 3)
    header += received(connection, 8 - len(header))
    request = json.loads(received(connection, int.from_bytes(header, "big")))
    process = os.fork()
    if process == 0:
        connection.close()
        become(streams, *request)
    # Who reads what the program writes waits until nobody can write any more.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (*streams, 0, 1, 2):
        os.dup2(nothing, stream)
    connection.sendall(process.to_bytes(8, "big"))
    ended = os.pidfd_open(process)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(OSError):
        connection.sendall(code.to_bytes(8, "big", signed=True))
    os._exit(0)


def main() -> None:
    """Load everything, then fork for whoever asks, until standard input ends with the tests."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    load()
    # Objects that are there stay as they are in all forks, and share their memory.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(128)
    print("listens", flush=True)
    while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            answer(connection)
        connection.close()


main()
