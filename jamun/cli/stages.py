"""The commands that do what one stage or one function does. Each imports its stage when it is run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jamun.cli.options import Config, Out, Sequence, Threads
from jamun.config import load, read, settings_for
from jamun.io.log import UserError
from jamun.status.jobs import State


def check(config: Annotated[Path, typer.Option(help="Configuration file.")]) -> None:
    """Check a configuration and the files that it names. The workflow does the same before its first job."""
    from jamun.workflow import resolve

    resolved = resolve(read(config), str(config), Path.cwd())
    counts = ", ".join(f"{len(peptides)} {split}" for split, peptides in resolved.splits.items())
    models = ", ".join(resolved.settings.active_models())
    if unused := resolved.settings.unused_sampling():
        typer.echo(f"{config}: {unused}", err=True)
    typer.echo(f"{config}: dataset {resolved.settings.dataset}; peptides: {counts}; models: {models}")


def build(sequence: Sequence, out: Out, config: Config = None) -> None:
    """Build a peptide from its sequence.

    Writes OUT/NAME.pdb and OUT/NAME.json.
    """
    from jamun.io.disk import require_folder
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence

    settings = settings_for("build", config).peptides
    peptide = parse_sequence(sequence)
    require_folder(out)
    build_to_files(peptide, settings.form, settings.ph, out / f"{peptide.name}.pdb", out / f"{peptide.name}.json")
    typer.echo(out / f"{peptide.name}.pdb")


def simulate(
    pdb: Annotated[Path, typer.Option(help="Structure of the peptide (PDB, mmCIF, GRO).")],
    out: Out,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Simulate a peptide by molecular dynamics.

    Writes trajectory.xtc, topology.pdb, state.csv and md.json to OUT.

    A file of `jamun build` is simulated as it is. From any other structure the peptide alone is taken, with hydrogens
    at peptides.ph, and written to OUT/NAME.pdb.

    After a stop, the same command continues from OUT/work. With a longer production it extends the simulation.
    """
    from jamun.io.disk import require_folder
    from jamun.io.files import MdFiles
    from jamun.peptides.given import prepare_to_simulate
    from jamun.peptides.reading import structure_name
    from jamun.simulate.run import Peptide, simulate_to_files

    settings, name = settings_for("simulate", config), structure_name(pdb)
    require_folder(out)
    prepared = prepare_to_simulate(pdb, name, settings.peptides.ph, out / f"{name}.pdb")
    simulate_to_files(Peptide(name, prepared, settings.simulate, out / "work", MdFiles.in_folder(out)), threads)


def evaluate(
    reference: Annotated[Path, typer.Option(help="Reference MD, in a format that MDTraj reads.")],
    samples: Annotated[Path, typer.Option(help="Samples of the same molecule, in such a format.")],
    topology: Annotated[Path, typer.Option(help="Structure of the reference, such as a PDB.")],
    samples_topology: Annotated[
        Path | None, typer.Option(help="Structure of the samples. Default: --topology.")
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
    typer.echo(evaluate_to_files(reference, samples, topology, samples_topology, settings_for("evaluate", config), out))


def status(
    config: Annotated[
        Path | None,
        typer.Option("--config", "--configfile", help="Configuration file. Default: config.yaml in the directory."),
    ] = None,
    directory: Annotated[Path, typer.Option(help="Folder in which Snakemake works.")] = Path(),
    only: Annotated[
        list[State] | None,
        typer.Option(help="Show only peptides with a stage in this state; may be repeated."),
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


def import_public(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of the authors' public program (Lightning's .ckpt).")],
    out: Annotated[Path, typer.Option(help="File to write, such as model.safetensors.")],
    sigma: Annotated[
        float | None, typer.Option(help="Noise level of the training in nm, if the file does not have it.")
    ] = None,
    max_radius: Annotated[
        float | None, typer.Option(help="Radius of the graph in nm, if the file does not have it.")
    ] = None,
    mean_squared_distance: Annotated[
        float | None,
        typer.Option(help="average_squared_distance of the training data in nm^2, if the file does not have it."),
    ] = None,
    generation: Annotated[
        int | None,
        typer.Option(help="Generation of the public program, 1 to 5, if the file does not show it."),
    ] = None,
) -> None:
    """Convert a checkpoint of the authors' public program.

    The result is a model for `jamun sample --checkpoint` and for `checkpoint:` in a configuration. Nothing in the file
    is executed, and every weight is checked.
    """
    from jamun.io.shipped import SUFFIX
    from jamun.model.checkpoint import public_content
    from jamun.model.public.importer import Told
    from jamun.model.weights import write_weights

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
