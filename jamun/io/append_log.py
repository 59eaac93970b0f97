"""Files that only grow, and belong to a state that is saved apart from them.

To save is to append, and then to rename the state, which tells up to which size each file belongs to it, into place:
whatever happens before that rename leaves the state before, and what was appended past its sizes is cut off later.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from jamun.io.disk import append, sync_folder, trim


class AppendLog:
    """The growing files in a folder. Methods that write raise OSError where the disk refuses.

    folder: where they lie.
    names: of the files.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder, self.names = folder, tuple(names)

    def nothing(self) -> dict[str, int]:
        """Sizes before the first append."""
        return dict.fromkeys(self.names, 0)

    def append(self, sizes: Mapping[str, int], contents: Mapping[str, bytes]) -> dict[str, int]:
        """Append to what belongs to `sizes`, flushed to disk, names too; returns the sizes then.

        Until a state is saved with them, they do not count: the next to append cuts them off.
        """
        grown = dict(sizes)
        for name, content in contents.items():
            append(self.folder / name, grown[name], content)
            grown[name] += len(content)
        if contents:
            sync_folder(self.folder)
        return grown

    def cut_short(self, sizes: Mapping[str, int]) -> list[str]:
        """Files that are missing, or shorter than belongs to `sizes`."""
        there = {name: self.folder / name for name, size in sizes.items() if size}
        return [name for name, path in there.items() if not path.exists() or path.stat().st_size < sizes[name]]

    def trim(self, sizes: Mapping[str, int]) -> None:
        """Cut off what does not belong to `sizes`."""
        trim(self.folder, dict(sizes))

    def clear(self) -> None:
        """Delete the files."""
        for name in self.names:
            (self.folder / name).unlink(missing_ok=True)
