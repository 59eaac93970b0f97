"""The command `jamun status`: how far a run is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jamun.config import load
from jamun.status.jobs import State


def status(
    config: Annotated[
        Path | None,
        typer.Option("--config", "--configfile", help="Configuration file. Default: config.yaml in the directory."),
    ] = None,
    directory: Annotated[Path, typer.Option("--directory", help="Folder in which Snakemake works.")] = Path(),
    only: Annotated[
        list[State] | None,
        typer.Option("--only", help="Show only peptides with a stage in this state; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show the progress of a run: each stage of each peptide and model, and the time left.

    It only reads files, so you can use it while Snakemake works.
    """
    from jamun.status.survey import survey
    from jamun.status.text import status_text

    found = survey(load(config or directory / "config.yaml"), directory)
    typer.echo(json.dumps(found.plain(), indent=2) if as_json else status_text(found, only or []))
