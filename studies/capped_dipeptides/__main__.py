"""From a finished study to its page and its model: `python studies/capped_dipeptides all implicit`, or one step."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jamun.config import ConfigurationError, load
from jamun.io.log import UserError
from jamun.io.shipped import DEFAULT_MODEL

STUDIES = Path("studies/capped_dipeptides")


class Step(StrEnum):
    """What is made: the collection of small files, the page of them, the model to ship; or all three."""

    COLLECT = "collect"
    PAGE = "page"
    SHIP = "ship"
    ALL = "all"


def run(
    step: Annotated[Step, typer.Argument(help="What to make; doing it again changes nothing.")],
    study: Annotated[str, typer.Argument(help="The study: the name of its configuration in configs/.")],
    of: Annotated[str | None, typer.Option(help="The model that it is about; by default the summary's first.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of shipped models.")] = Path("models"),
) -> None:
    """Results of a study: a folder of small files, a page, a model to ship. Run it in the repository's root."""
    from collect import collect, write
    from collected import Collected
    from model_card import ship
    from page import make_page

    folder = STUDIES / study
    results = None if step == Step.PAGE else Path("results") / load(Path("configs") / f"{study}.yaml").dataset
    if step in (Step.COLLECT, Step.ALL):
        collect(results, Path("logs") / results.name, Path(), folder, of)
    if step in (Step.PAGE, Step.ALL):
        write(folder.with_suffix(".md"), make_page(Collected(folder)))
        if study == DEFAULT_MODEL:
            write(Path("docs/model.md"), make_page(Collected(folder), "model.md.j2"))
    if step in (Step.SHIP, Step.ALL):
        ship(results, Collected(folder), models / study)
    typer.echo(folder)


def main() -> None:
    """Entry point: errors that the user can put right are one sentence and exit code 1."""
    try:
        typer.run(run)
    except (UserError, ConfigurationError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
