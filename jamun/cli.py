"""The stages of the workflow for people without Snakemake: the same functions, one command each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from jamun.config import ConfigurationError, load, read
from jamun.config.configuration import Configuration
from jamun.config.sampling import SamplingSettings
from jamun.io.log import Interrupted, UserError
from jamun.status.jobs import State

app = typer.Typer(
    help="Walk-jump sampling of peptides. Settings are read from a configuration file, as the workflow reads them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# A minute or two on two cores.
_SAMPLES = 1_500

Config = Annotated[Path | None, typer.Option("--config", help="Configuration file; without it, the defaults.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Sequence = Annotated[str, typer.Option("--sequence", help="One-letter (AW) or three-letter (ALA-TRP) sequence.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads to use.")]


@app.command()
def check(config: Annotated[Path, typer.Option("--config", help="Configuration file.")]) -> None:
    """Check a configuration and the files that it names, as the workflow does before its first job."""
    from jamun.workflow import resolve

    resolved = resolve(read(config), str(config), Path.cwd())
    counts = ", ".join(f"{len(peptides)} {split}" for split, peptides in resolved.splits.items())
    models = ", ".join(resolved.settings.active_models())
    typer.echo(f"{config}: dataset {resolved.settings.dataset}; peptides: {counts}; models: {models}")


def _settings(config: Path | None) -> Configuration:
    return load(config) if config is not None else Configuration()


def _sampling(settings: Configuration, model: Path, samples: int | None, brought: bool) -> SamplingSettings:
    """Settings of a sampling; with `brought`, those that came with the model, if any, fewer samples than the workflow
    draws, and so few chains that none takes longer to burn in than to sample."""
    from jamun.model.checkpoint import read_content

    changed = {}
    if brought:
        # What is wrong with a model is told where it is loaded.
        changed = (read_content(model).get("sampling", {}) if model.exists() else {}) | {"samples": _SAMPLES}
    if samples is not None:
        changed["samples"] = samples
    count = changed.get("samples", settings.sampling.samples)
    changed["chains"] = min(changed.get("chains", settings.sampling.chains), count)
    found = SamplingSettings(**(settings.sampling.model_dump() | changed))
    if brought and found.burn_in:
        few = max(1, count * found.stride // found.burn_in)
        found = found.model_copy(update={"chains": min(found.chains, few)})
    return found


def _name_of(model: Path) -> str:
    """A model's name in a figure: that of its folder, as in results/{dataset}/models/{model}/checkpoint.ckpt."""
    return model.resolve().parent.name


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
    sequence: Annotated[str | None, typer.Option("--sequence", help="Sequence to build and sample.")] = None,
    pdb: Annotated[
        list[Path] | None,
        typer.Option("--pdb", help="Structure to start from; repeated, or with several models, chains take turns."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A trained denoiser; without it, the one in models/study.")
    ] = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="Samples; overrides the settings.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to; without it, the peptide's name.")
    ] = None,
    config: Config = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads to use; without it, all of this process.")
    ] = None,
) -> None:
    """Sample one peptide: samples.xtc, topology.pdb, flags.npz and sampling.json in OUT, with samples.json and
    ramachandran.png, which tell what they are like.

    Without --config, 1,500 samples by the settings that the model brings. Stopped, the same command goes on from what
    is saved in OUT/work.
    """
    from jamun.evaluation.alone import describe_to_files
    from jamun.figures.ramachandran import ramachandran_to_files
    from jamun.model.published import shipped
    from jamun.sampling.run import sample_to_files
    from jamun.sampling.starts import start_files

    if (sequence is None) == (not pdb):
        raise UserError("give either --sequence to build a peptide, or --pdb to start from a structure")
    settings = _settings(config)
    model = checkpoint or shipped()
    sampling = _sampling(settings, model, samples, brought=config is None)
    built = None
    if pdb:
        peptide = pdb[0].stem
        out = out or Path(peptide)
    else:
        from jamun.peptides.sequences import parse_sequence

        peptide = parse_sequence(sequence).name
        out = out or Path(peptide)
        build(sequence, out, config)
        built = out / f"{peptide}.pdb"
        pdb = start_files(sampling.starts, peptide) or [built]
    sample_to_files(
        model,
        pdb,
        peptide,
        sampling,
        samples=out / "samples.xtc",
        topology=out / "topology.pdb",
        record=out / "sampling.json",
        flags=out / "flags.npz",
        work=out / "work",
        threads=threads or len(os.sched_getaffinity(0)),
        built=built,
    )
    described = out / "samples.json", out / "samples.npz"
    describe_to_files(
        out / "samples.xtc",
        out / "topology.pdb",
        out / "sampling.json",
        out / "topology.pdb",
        dataset=out.name,
        model=_name_of(model),
        peptide=peptide,
        settings=settings.evaluation,
        result=described[0],
        arrays=described[1],
    )
    ramachandran_to_files(*described, settings.figures, out / "ramachandran.png", out / "ramachandran.pdf")
    typer.echo(out / "ramachandran.png")


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


@app.command()
def status(
    config: Annotated[
        Path | None,
        typer.Option("--config", "--configfile", help="Configuration file; without it, config.yaml in the directory."),
    ] = None,
    directory: Annotated[Path, typer.Option("--directory", help="Folder in which Snakemake works.")] = Path(),
    only: Annotated[
        list[State] | None, typer.Option("--only", help="Show peptides with a stage in this state; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """How far a run is: each stage of each peptide and model, what is simulated, and how long the rest will take.

    Reads what the run leaves, and disturbs nothing: use it while Snakemake works.
    """
    from jamun.status.survey import survey
    from jamun.status.text import status_text

    found = survey(load(config or directory / "config.yaml"), directory)
    typer.echo(json.dumps(found.plain(), indent=2) if as_json else status_text(found, only or []))


def main() -> None:
    """Entry point: errors that the user can put right are one sentence and exit code 1, or 143 after SIGTERM."""
    try:
        app()
    except (UserError, ConfigurationError) as error:
        typer.echo(f"{'Stopped' if isinstance(error, Interrupted) else 'Error'}: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", 1)) from None
