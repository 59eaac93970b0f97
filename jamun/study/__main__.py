"""From a finished study to its page and its model: `python -m jamun.study all`, or one of the steps by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from jamun.config import ConfigurationError, load
from jamun.io.log import UserError

app = typer.Typer(
    help="Results of a study: a folder of small files, a page, a model to ship. Doing all again changes nothing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Config = Annotated[Path, typer.Option("--config", help="Configuration of the study, which names the dataset.")]
Folder = Annotated[Path, typer.Option("--collected", help="Folder of the study's small files.")]
Page = Annotated[Path, typer.Option("--page", help="The page to write.")]
Model = Annotated[Path, typer.Option("--model", help="Folder of the model to ship.")]
Name = Annotated[str | None, typer.Option("--of", help="The model that it is about; by default the summary's first.")]

CONFIG, FOLDER = Path("configs/implicit_cpu.yaml"), Path("studies/capped_dipeptides/implicit_cpu")
PAGE, MODEL = Path("studies/capped_dipeptides/implicit_cpu.md"), Path("models/implicit_cpu")
BENCHMARK = Path("benchmarks/results/simulation_cpu.json")


def _results(config: Path) -> tuple[Path, Path]:
    """Folders of results and logs of the configuration's dataset, below the working directory."""
    dataset = load(config).dataset
    return Path("results") / dataset, Path("logs") / dataset


@app.command()
def collect(config: Config = CONFIG, collected: Folder = FOLDER, of: Name = None) -> None:
    """Copy what the page needs from results/{dataset} and logs/{dataset}."""
    from jamun.study.collect import collect as collect_files

    collect_files(*_results(config), BENCHMARK, Path(), collected, of, config)
    typer.echo(collected)


@app.command()
def page(collected: Folder = FOLDER, page: Page = PAGE) -> None:
    """Write the page from the collected files alone."""
    from jamun.study.collected import Collected
    from jamun.study.files import write_words
    from jamun.study.page import make_page

    links = Path(os.path.relpath(collected, page.parent)).as_posix()
    write_words(page, make_page(Collected(collected), links))
    typer.echo(page)


@app.command()
def ship(config: Config = CONFIG, collected: Folder = FOLDER, model: Model = MODEL) -> None:
    """Write the model, as safetensors with a card; `jamun sample` takes the one in models/implicit."""
    from jamun.study.collected import Collected
    from jamun.study.ship import ship as ship_files

    ship_files(_results(config)[0], Collected(collected), model)
    typer.echo(model)


@app.command("all")
def all_steps(
    config: Config = CONFIG, collected: Folder = FOLDER, page_: Page = PAGE, model: Model = MODEL, of: Name = None
) -> None:
    """Collect, page and ship."""
    collect(config, collected, of)
    page(collected, page_)
    ship(config, collected, model)


def main() -> None:
    """Entry point: errors that the user can put right are one sentence and exit code 1."""
    try:
        app()
    except (UserError, ConfigurationError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
