"""Imports without a package that they load and nothing uses."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType


class _Absent(MetaPathFinder):
    """Finds every module as ever, but for one package, which it says is not there."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname == self.package:
            raise ModuleNotFoundError(f"{fullname} is left out of this job", name=fullname)


@contextmanager
def without(package: str) -> Iterator[None]:
    """Let imports inside find no `package`, unless it is loaded already.

    deeptime loads PyTorch for kernels that no analysis here uses: two of the three seconds that such a job takes to
    start. Its own check whether PyTorch is installed leaves them out.
    """
    absent = _Absent(package)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
