"""The command `jamun populations`: right populations of one peptide by short MD from samples."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from jamun.cli.options import Config
from jamun.config import settings_for
from jamun.config.configuration import Configuration
from jamun.config.errors import sentence
from jamun.config.populations import PopulationSettings
from jamun.config.simulate import SimulateSettings
from jamun.io.log import UserError
from jamun.io.shipped import shipped_model
from jamun.io.text import one_line

# Steps of 4 fs with heavy hydrogens, where the settings are of another solvent.
_STEPS = {"timestep": 4.0, "hydrogen_mass": 3.0}
# With fewer runs that weigh in effect, where a bias is taken off, the noise of that is not in the intervals.
_FEW_RUNS = 8.0


def _simulate(settings: Configuration, solvent: str) -> SimulateSettings:
    from jamun.populations.short_md import implicit_settings

    if solvent == "explicit":
        raise UserError("short MD is made in implicit solvent only: give your own runs by --md.")
    own = settings.simulate
    return implicit_settings(own.model_dump() | ({} if own.solvent == "implicit" else _STEPS))


def _with_options(settings: PopulationSettings, budget: str | None, target: float | None) -> PopulationSettings:
    """Settings with what options of the command say. Raises UserError for what is not allowed."""
    given = {key: value for key, value in (("budget", budget), ("target", target)) if value is not None}
    try:
        return settings.with_changes(given)
    except ValidationError as error:
        told = sentence(error, PopulationSettings, ("populations",))
        raise UserError(f"{' and '.join(f'--{key}' for key in given)}: {one_line(told)}.") from None


def populations(
    sequence: Annotated[str | None, typer.Option("--sequence", help="Sequence of the peptide.")] = None,
    samples: Annotated[Path | None, typer.Option("--samples", help="Your own samples of the peptide.")] = None,
    md: Annotated[
        list[Path] | None,
        typer.Option("--md", help="Your own MD instead of short runs, one file for each run; repeat the option."),
    ] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", help="Structure of --samples or --md, such as a PDB.")
    ] = None,
    frame_interval: Annotated[
        float | None,
        typer.Option(
            "--frame-interval", help="Time between the frames of --md in ps. Default: as their files tell.", min=1e-6
        ),
    ] = None,
    solvent: Annotated[
        Literal["implicit", "explicit"], typer.Option("--solvent", help="Solvent of the short MD; explicit is refused.")
    ] = "implicit",
    budget: Annotated[
        str | None, typer.Option("--budget", help="Largest amount of MD, such as 10ns. Default: populations.budget.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option("--target", help="Standard error of populations to reach. Default: populations.target."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to. Default: NAME_populations.")] = None,
    config: Config = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="Number of processes. Default: one for each core.")
    ] = None,
) -> None:
    """Estimate populations and free energies of a peptide by short MD from samples.

    Prints a table of basins with 95 % intervals, and writes weights.npz, md.xtc, populations.json and a figure to OUT.

    Short MD starts from all states of the samples. A Markov model of its transitions gives weights to MD and samples.
    Without --samples, the shipped implicit model draws them. With --md nothing is sampled or simulated.

    After a stop, the same command continues from OUT/work.
    """
    from jamun.figures import to_files
    from jamun.io.atomic import read_json
    from jamun.io.disk import require_folder
    from jamun.io.files import refuse_others
    from jamun.peptides.sequences import parse_sequence

    if (samples or md) and topology is None:
        raise UserError("--samples and --md need --topology, the structure of their atoms")
    if topology is not None and not (samples or md):
        raise UserError("--topology is of --samples or --md: give one of them too, or leave it out")
    if md and (budget is not None or target is not None):
        raise UserError("--budget and --target are of short MD, and with --md none is made: leave them out")
    if not md and frame_interval is not None:
        raise UserError("--frame-interval is of --md: give it too, or leave --frame-interval out")
    if not md and sequence is None:
        raise UserError("give --sequence, or your own MD by --md")
    settings = settings_for("populations", config)
    own = _with_options(settings.populations, budget, target)
    peptide = None if sequence is None else parse_sequence(sequence)
    if peptide is not None:
        name = peptide.name
    else:
        assert topology is not None, "it comes with --md"
        name = topology.stem
    out = out or Path(f"{name}_populations")
    require_folder(out)
    refuse_others(out, "populations", name)
    # After what is wrong with the options was told: it takes a while.
    from jamun.populations.run import (
        PopulationFolders,
        populations_to_files,
        publish,
        read_md,
        read_samples,
        require_peptide,
    )

    if md:
        assert topology is not None, "it was asked for"
        frames = read_md(md, topology, frame_interval)
        expected = None if samples is None else read_samples(samples, topology)
        if peptide is not None:
            require_peptide(frames, peptide, settings.peptides.form, topology)
        told = {"md_ps": frames.frame_interval * sum(map(len, frames.runs)), "own_md": [str(path) for path in md]}
        publish(name, frames, expected, settings.simulate.temperature, own, out, told)
    else:
        assert sequence is not None, "it was asked for"
        simulate = _simulate(settings, solvent)
        cores = processes or len(os.sched_getaffinity(0))
        if samples is None:
            from jamun.commands.sample import Molecule, sample_unless_drawn, sampling_settings

            drawn = out / "samples"
            refuse_others(drawn, "samples", name)
            # By the model that knows the solvent that the MD is made in.
            weights = shipped_model("implicit").weights
            sampling = sampling_settings(settings, weights, None)
            molecule = Molecule.from_sequence(sequence, settings, sampling, drawn)
            files = sample_unless_drawn(molecule, weights, sampling, settings, drawn, cores)
            pdb = drawn / f"{name}.pdb"
            found = read_samples(files.samples, files.topology, files.flags)
        else:
            from jamun.peptides.build import build_to_files

            assert peptide is not None, "it was asked for"
            assert topology is not None, "it was asked for"
            found = read_samples(samples, topology)
            pdb = out / f"{name}.pdb"
            build_to_files(peptide, settings.peptides.form, settings.peptides.ph, pdb, pdb.with_suffix(".json"))
        populations_to_files(name, pdb, found, simulate, own, PopulationFolders(out, out / "work"), cores)
    result, arrays, png, pdf = (out / f"populations.{kind}" for kind in ("json", "npz", "png", "pdf"))
    to_files("populations", {"result": result, "arrays": arrays}, {"png": png, "pdf": pdf}, settings.figures)
    typer.echo(populations_table(read_json(result)))
    typer.echo(png)


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def populations_table(result: dict[str, Any]) -> str:
    """What populations.json says of basins and rotamers, as text."""
    from jamun.figures.style import residue_label

    lines = [
        f"{result['peptide']}, {result['temperature_K']:g} K: {result['runs']} runs, {result['frames']:,} frames, "
        f"lag {result['lag']['lag_ps']:.3g} ps ({result['lag']['chosen']}); "
        f"{100 * result['effective_share_of_frames']:.2g} % of the frames weigh in effect",
        "",
        f"{'residue':8} {'basin':18} {'population (95 %)':>24} {'free energy, kJ/mol (95 %)':>30}",
    ]
    for basin in result["basins"]:
        low, high = basin["free_energy_interval_kj"]
        population = f"{_share(basin['population'])} % ({_share(basin['low'])} to {_share(basin['high'])})"
        energy = f"{basin['free_energy_kj'] + 0.0:.1f} ({low + 0.0:.1f} to {high + 0.0:.1f})"
        if basin["high"] <= 0:
            energy = "not seen"
        label = residue_label(basin["residue"], basin["place"])
        lines.append(f"{label:8} {basin['basin']:18} {population:>24} {energy:>30}")
    lines += [
        "",
        f"{'step':18} {'state':9} {'samples %':>9} {'MD %':>7} {'population % (95 %)':>24} {'crossings':>10}"
        + ("" if result["bias"] else f" {'time, ps':>9}"),
    ]
    for step in result["steps"]:
        rows = zip(*(step[key] for key in ("states", "samples", "md", "population", "low", "high")), strict=True)
        for number, (state, samples, md, best, low, high) in enumerate(rows):
            if number == 0 and len(step["states"]) == 2:
                continue
            name = f"{residue_label(step['residue'], step['place'])} {step['step']}"
            time = "" if step["timescale_ps"] is None else f"{step['timescale_ps']:.0f}"
            population = f"{_share(best)} ({_share(low)} to {_share(high)})"
            lines.append(
                f"{name:18} {'' if state == 'yes' else state:9} {_share(samples):>9} {_share(md):>7} "
                f"{population:>24} {step['transitions']:>10.0f} {time:>9}".rstrip()
            )
    held = [
        f"{residue_label(step['residue'], step['place'])} {step['step']}" for step in result["steps"] if step["one_way"]
    ]
    if held:
        lines += [
            "",
            f"Crossed one way or not at all, so held by what the samples, or the MD's frames, say: {', '.join(held)}.",
        ]
    if result["bias"] and result["effective_runs"] < _FEW_RUNS:
        lines += [
            "",
            f"Without the bias {result['effective_runs']:.1f} of {result['runs']} runs weigh in effect, and intervals "
            "do not hold the noise of so few: raise populations.budget, barriers.runs or barriers.height.",
        ]
    return "\n".join(lines)
