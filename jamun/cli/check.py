"""The command `jamun check`: what is wrong with a configuration, before any job."""

from pathlib import Path
from typing import Annotated

import typer

from jamun.config import read


def check(config: Annotated[Path, typer.Option("--config", help="Configuration file.")]) -> None:
    """Check a configuration and the files that it names. The workflow does the same before its first job."""
    from jamun.workflow import resolve

    resolved = resolve(read(config), str(config), Path.cwd())
    counts = ", ".join(f"{len(peptides)} {split}" for split, peptides in resolved.splits.items())
    models = ", ".join(resolved.settings.active_models())
    if unused := resolved.settings.unused_sampling():
        typer.echo(f"{config}: {unused}", err=True)
    typer.echo(f"{config}: dataset {resolved.settings.dataset}; peptides: {counts}; models: {models}")
