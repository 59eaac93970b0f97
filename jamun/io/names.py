"""Names of files: which ending one has, and a name by which libraries that read ASCII alone can open it."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def ending(path: Path, known: Iterable[str]) -> str:
    """The ending of `path` in small letters: the longest of `known` (such as ``.pdb.gz``) that fits whatever the case,
    else its suffix."""
    name = path.name.lower()
    fitting = [suffix for suffix in known if name.endswith(suffix) and name != suffix]
    return max(fitting, key=len, default=path.suffix.lower())


@contextmanager
def openable(path: Path, suffix: str | None = None) -> Iterator[str]:
    """A name by which MDTraj can open `path`; it is gone after the block.

    MDTraj's readers in C take names in ASCII alone, and all of its readers know endings in small letters. Such a name
    goes through a link to the folder, by which files can be written too, or where the file's own name is the matter,
    through a link to the file, by which it can only be read: MDTraj removes what it writes over.

    Args:
        path: the file.
        suffix: the ending that MDTraj knows its format by; without it, that of the file.
    """
    chosen = path.suffix if suffix is None else suffix
    if str(path).isascii() and path.name.endswith(chosen):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="jamun-") as folder:
        if path.name.isascii() and path.name.endswith(chosen):
            link = Path(folder) / "folder"
            link.symlink_to(path.parent.resolve(), target_is_directory=True)
            yield str(link / path.name)
        else:
            link = Path(folder) / f"file{chosen}"
            link.symlink_to(path.resolve())
            yield str(link)
