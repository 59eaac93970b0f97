"""What every script of the workflow begins with: its rule's log, and its files as paths."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jamun.io.log import job_log


class Paths(dict[str, Any]):
    """Files of a job by the names that its rule gives them, as keys and as attributes.

    Each is a path, or a list of paths where the rule has a list; an empty list where an optional file is left out.
    """

    @classmethod
    def of(cls, files: Any) -> "Paths":
        """From ``snakemake.input`` or ``snakemake.output``, which hold text."""
        return cls(
            {
                name: Path(found) if isinstance(found, str) else [Path(path) for path in found]
                for name, found in files.items()
            }
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the rule names no file {name!r}") from None


@contextmanager
def job(snakemake: Any) -> Iterator[tuple[Paths, Paths]]:
    """Run a script's body with its log, as job_log does, given inputs and outputs of what Snakemake puts in every
    script."""
    with job_log(snakemake.log[0]):
        yield Paths.of(snakemake.input), Paths.of(snakemake.output)
