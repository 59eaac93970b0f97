"""Writing to a disk that may be full, shared, or switched off at any moment."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jamun.io.atomic import atomic_path
from jamun.io.locks import claim
from jamun.io.log import UserError, reason_of

# Bytes that must be free where results go.
_LEAST = 2**20
_LOCK = "lock"
_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_errors(folder: Path, safe: Callable[[], str | None], kind: type[UserError]) -> Iterator[None]:
    """Turn an OSError of the block into an error of `kind`; `safe` tells what is safe, None if nothing is."""
    try:
        yield
    except OSError as error:
        reason = reason_of(error)
        advice = "free space" if error.errno in _SPACE else "put that right"
        kept = f"{safe()} is safe" if safe() else "nothing was saved there yet"
        raise kind(
            f"{folder}: cannot be written ({reason}); {kept}: {advice} and run the same command again."
        ) from error


def require_folder(folder: Path) -> None:
    """See that results can go to a folder, before anything is computed for it; a missing one is not made yet.

    Raises UserError, in which --out named it, where it or a folder that it is to be in is a file, cannot be written to,
    or its disk is full.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"--out {folder}: {there} is a file; give a folder.")
    try:
        with tempfile.TemporaryFile(dir=there) as handle:
            handle.write(bytes(_LEAST))
            handle.flush()
    except OSError as error:
        advice = "free space" if error.errno in _SPACE else "give another folder"
        raise UserError(f"--out {folder}: cannot be written to ({reason_of(error)}); {advice}.") from None


@contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Hold the file `lock` for the block, unless another process does: then the block runs with False.

    The system frees the lock of a process that dies. Where there are no locks, it counts as held.
    """
    with open(lock, "w", encoding="utf-8") as handle:
        yield claim(handle)


@contextmanager
def locked(folder: Path, kind: type[UserError], works: str) -> Iterator[None]:
    """Hold the lock of `folder`, made if missing.

    Raises an error of `kind` if another process holds it, which `works` there: a verb such as "simulates".
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / _LOCK) as ours:
        if not ours:
            raise kind(f"{folder}: another process {works} there; wait until it ends, or end it.")
        yield


def leave(folder: Path) -> None:
    """Remove the lock of a folder that is worked in no more, and the folder unless something else is in it."""
    (folder / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that renames in it outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(target: Path, content: bytes) -> str:
    """Write `content` atomically, flushed to disk; returns its SHA-256."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def digest(path: Path, size: int) -> "hashlib._Hash | None":
    """SHA-256, to be updated, of the first `size` bytes of a file; None if it is missing or shorter."""
    found, left = hashlib.sha256(), size
    if size == 0:
        return found
    try:
        with open(path, "rb") as handle:
            while block := handle.read(min(1 << 20, left)):
                found.update(block)
                left -= len(block)
    except FileNotFoundError:
        return None
    return None if left else found


def file_sha256(path: Path) -> str:
    """SHA-256 of a file. Raises FileNotFoundError where there is none."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file is there with this SHA-256."""
    return path.exists() and file_sha256(path) == sha256


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target`, which must not exist, a second name of `source`; a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def trim(folder: Path, sizes: dict[str, int]) -> None:
    """Cut each named file of `folder` that is longer than its size to that size."""
    for name, size in sizes.items():
        path = folder / name
        if path.exists() and path.stat().st_size > size:
            append(path, size, b"")


def append(path: Path, size: int, content: bytes) -> None:
    """Cut the file to `size` bytes and append `content`, flushed to disk; a missing file is made if `size` is 0.

    A file that has a second name, as a published one has, is copied first: only `path` changes.
    """
    if path.exists() and path.stat().st_nlink > 1:
        with atomic_path(path) as temporary:
            shutil.copyfile(path, temporary)
    with open(path, "r+b" if path.exists() else "x+b") as handle:
        handle.truncate(size)
        handle.seek(size)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
