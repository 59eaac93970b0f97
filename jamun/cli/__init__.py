"""The stages of the workflow for people without Snakemake: the same functions, one command and one file each."""

import io
import sys

import typer

from jamun.cli import models, populations, run, sample, stages
from jamun.config import ConfigurationError
from jamun.io.log import Interrupted, UserError, system_sentence

app = typer.Typer(
    help="Walk-jump sampling of peptides. Commands read the same configuration file as the workflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# In the order of the help. Each module imports its stage when it is run, so that the help comes at once.
for command in (
    stages.check,
    stages.build,
    stages.simulate,
    sample.sample,
    stages.evaluate,
    populations.populations,
    models.models,
    stages.status,
):
    app.command()(command)
app.command("import")(stages.import_public)
app.command(context_settings=run.CONTEXT)(run.run)


def main() -> None:
    """Entry point: errors that the user can put right are one sentence and exit code 1, or 143 after SIGTERM."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Greek letters
    try:
        app()
    except (UserError, ConfigurationError) as error:
        typer.echo(f"{'Stopped' if isinstance(error, Interrupted) else 'Error'}: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", 1)) from None
    except BrokenPipeError:  # whoever read what is written here has enough
        raise
    except OSError as error:
        typer.echo(f"Error: {system_sentence(error)}", err=True)
        raise SystemExit(1) from None
