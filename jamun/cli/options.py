"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(help="Configuration file. Default: the default settings.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
Sequence = Annotated[str, typer.Option(help="Sequence, in one-letter (AW) or three-letter (ALA-TRP) code.")]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads.")]
