"""The command `jamun evaluate`: two trajectories of one molecule, compared."""

from pathlib import Path
from typing import Annotated

import typer

from jamun.cli.options import Config, Out, settings_of


def evaluate(
    reference: Annotated[Path, typer.Option("--reference", help="Reference MD, in a format that MDTraj reads.")],
    samples: Annotated[Path, typer.Option("--samples", help="Samples of the same molecule, in such a format.")],
    topology: Annotated[Path, typer.Option("--topology", help="Structure of the reference, such as a PDB.")],
    samples_topology: Annotated[
        Path | None, typer.Option("--samples-topology", help="Structure of the samples. Default: --topology.")
    ] = None,
    out: Out = Path("evaluation"),
    config: Config = None,
) -> None:
    """Compare samples of a molecule with reference MD.

    Prints a table, and writes JSON, NPZ and figures to OUT.
    """
    from jamun.commands.evaluate import evaluate_to_files
    from jamun.io.disk import require_folder

    require_folder(out)
    typer.echo(evaluate_to_files(reference, samples, topology, samples_topology, settings_of(config), out))
