"""The stages of the workflow for people without Snakemake: the same functions, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jamun.config import ConfigurationError, load
from jamun.config.configuration import Configuration
from jamun.io.log import Interrupted, UserError

app = typer.Typer(
    help="Walk-jump sampling of peptides. Settings are read from a configuration file, as the workflow reads them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Config = Annotated[Path | None, typer.Option("--config", help="Configuration file; without it, the defaults.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Sequence = Annotated[str, typer.Option("--sequence", help="One-letter (AW) or three-letter (ALA-TRP) sequence.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads to use.")]


def _settings(config: Path | None) -> Configuration:
    return load(config) if config is not None else Configuration()


@app.command()
def build(sequence: Sequence, out: Out, config: Config = None) -> None:
    """Build one peptide: OUT/NAME.pdb and OUT/NAME.json."""
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence

    settings = _settings(config).peptides
    peptide = parse_sequence(sequence)
    build_to_files(peptide, settings.form, settings.ph, out / f"{peptide.name}.pdb", out / f"{peptide.name}.json")
    typer.echo(out / f"{peptide.name}.pdb")


@app.command()
def simulate(
    pdb: Annotated[Path, typer.Option("--pdb", help="Peptide with hydrogens, as `jamun build` writes it.")],
    out: Out,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Simulate one peptide: trajectory.xtc, topology.pdb, state.csv and md.json in OUT.

    Stopped, the same command goes on from what is saved in OUT/work; with a longer production it extends.
    """
    from jamun.simulate.run import simulate_to_files

    simulate_to_files(
        pdb,
        pdb.stem,
        _settings(config).simulate,
        trajectory=out / "trajectory.xtc",
        topology=out / "topology.pdb",
        state=out / "state.csv",
        record=out / "md.json",
        work=out / "work",
        threads=threads,
    )


@app.command()
def sample(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="A trained denoiser, checkpoint.ckpt.")],
    out: Out,
    sequence: Annotated[str | None, typer.Option("--sequence", help="Sequence to build and sample.")] = None,
    pdb: Annotated[
        list[Path] | None,
        typer.Option("--pdb", help="Structure to start from; repeated, or with several models, chains take turns."),
    ] = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="Samples; overrides the settings.")] = None,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Sample one peptide: samples.xtc, topology.pdb, flags.npz and sampling.json in OUT.

    Stopped, the same command goes on from what is saved in OUT/work.
    """
    from jamun.sampling.run import sample_to_files
    from jamun.sampling.starts import start_files

    if (sequence is None) == (not pdb):
        raise UserError("give either --sequence to build a peptide, or --pdb to start from a structure")
    settings = _settings(config)
    sampling = settings.sampling
    if samples is not None:
        changed = {"samples": samples, "chains": min(sampling.chains, samples)}
        sampling = type(sampling)(**(sampling.model_dump() | changed))
    built = None
    if pdb:
        peptide = pdb[0].stem
    else:
        build(sequence, out, config)
        from jamun.peptides.sequences import parse_sequence

        peptide = parse_sequence(sequence).name
        built = out / f"{peptide}.pdb"
        pdb = start_files(sampling.starts, peptide) or [built]
    sample_to_files(
        checkpoint,
        pdb,
        peptide,
        sampling,
        samples=out / "samples.xtc",
        topology=out / "topology.pdb",
        record=out / "sampling.json",
        flags=out / "flags.npz",
        work=out / "work",
        threads=threads,
        built=built,
    )


@app.command()
def evaluate(
    reference: Annotated[Path, typer.Option("--reference", help="Reference MD, in any format that MDTraj reads.")],
    samples: Annotated[Path, typer.Option("--samples", help="Samples of the same molecule, in any such format.")],
    topology: Annotated[Path, typer.Option("--topology", help="Structure of the reference, such as a PDB.")],
    samples_topology: Annotated[
        Path | None, typer.Option("--samples-topology", help="Structure of the samples, where it is another.")
    ] = None,
    out: Out = Path("evaluation"),
    config: Config = None,
) -> None:
    """Evaluate two trajectories of one molecule: a table here, JSON, NPZ and figures in OUT."""
    from jamun.evaluation.command import evaluate_to_files

    typer.echo(evaluate_to_files(reference, samples, topology, samples_topology, _settings(config), out))


def main() -> None:
    """Entry point: errors that the user can put right are one sentence and exit code 1, or 143 after SIGTERM."""
    try:
        app()
    except (UserError, ConfigurationError) as error:
        typer.echo(f"{'Stopped' if isinstance(error, Interrupted) else 'Error'}: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", 1)) from None
