"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from jamun.config import load
from jamun.config.configuration import Configuration

Config = Annotated[Path | None, typer.Option(help="Configuration file. Default: the default settings.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
Sequence = Annotated[str, typer.Option(help="Sequence, in one-letter (AW) or three-letter (ALA-TRP) code.")]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads.")]


def settings_of(config: Path | None) -> Configuration:
    """The configuration in a file, or the defaults without one. Raises ConfigurationError."""
    return load(config) if config is not None else Configuration()
