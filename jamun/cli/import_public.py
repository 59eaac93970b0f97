"""The command `jamun import`: a checkpoint of the authors' public program becomes a model of this one."""

from pathlib import Path
from typing import Annotated

import typer

from jamun.io.log import UserError


def import_public(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of the authors' public program (Lightning's .ckpt).")],
    out: Annotated[Path, typer.Option("--out", help="File to write, such as model.safetensors.")],
    sigma: Annotated[
        float | None, typer.Option("--sigma", help="Noise level of the training in nm, if the file does not have it.")
    ] = None,
    max_radius: Annotated[
        float | None, typer.Option("--max-radius", help="Radius of the graph in nm, if the file does not have it.")
    ] = None,
    mean_squared_distance: Annotated[
        float | None,
        typer.Option(
            "--mean-squared-distance",
            help="average_squared_distance of the training data in nm^2, if the file does not have it.",
        ),
    ] = None,
    generation: Annotated[
        int | None,
        typer.Option("--generation", help="Generation of the public program, 1 to 5, if the file does not show it."),
    ] = None,
) -> None:
    """Convert a checkpoint of the authors' public program.

    The result is a model for `jamun sample --checkpoint` and for `checkpoint:` in a configuration. Nothing in the file
    is executed, and every weight is checked.
    """
    from jamun.model.checkpoint import public_content
    from jamun.model.public.importer import Told
    from jamun.model.weights import SUFFIX, write_weights

    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: the file is written as safetensors; give a name that ends in {SUFFIX}.")
    content = public_content(checkpoint, Told(sigma, max_radius, mean_squared_distance, generation))
    write_weights(out, content)
    imported = content["record"]["imported"]
    how = "as told" if generation is not None else f"by {imported['generation_by']}"
    typer.echo(
        f"{out}: {imported['parameters']} parameters, generation {imported['generation']} ({how}), sigma "
        f"{content['sigma']:g} nm, mean squared distance {content['mean_squared_distance']:g} nm^2."
    )
