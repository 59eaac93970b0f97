"""Publish files whole or not at all: write beside the target, flush to disk, rename."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path in the folder of `target`; rename it to `target` when the block ends without an error.

    The temporary name keeps the suffix of `target`, since writers such as MDTraj choose the format by it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    # What a process of this number left that was killed; in a container numbers come again.
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def publish(source: Path, target: Path) -> None:
    """Move the finished file `source` to `target`, atomically, from another file system too."""
    with atomic_path(target) as temporary:
        shutil.move(source, temporary)


def write_text(target: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None  # NaN and infinity are not JSON
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def write_json(target: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NumPy types become plain, NaN becomes null."""
    write_text(target, json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_npz(target: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as a compressed NPZ, atomically; object arrays are refused, so no pickle is ever written.

    Raises ValueError for an object array.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"array {name!r} for {target} has dtype object and would need pickle")
    with atomic_path(target) as temporary:
        # Not allow_pickle=False: older NumPy, as in PyEMMA's environment, keeps it as an array of that name.
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read every array of an NPZ; pickled content is refused by NumPy with a ValueError."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
