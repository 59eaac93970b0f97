"""The command `jamun populations`: right populations of one peptide by short MD from samples."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from jamun.cli.options import Config, settings_of
from jamun.config.configuration import Configuration
from jamun.config.simulate import SimulateSettings
from jamun.io.log import UserError

# Steps of 4 fs with heavy hydrogens, where the settings are of another solvent.
_STEPS = {"timestep": 4.0, "hydrogen_mass": 3.0}


def _simulate(settings: Configuration, solvent: str) -> SimulateSettings:
    from jamun.populations.short_md import implicit_settings

    if solvent == "explicit":
        raise UserError("short MD is made in implicit solvent only: give your own runs by --md.")
    own = settings.simulate
    return implicit_settings(own.model_dump() | ({} if own.solvent == "implicit" else _STEPS))


def populations(
    sequence: Annotated[str | None, typer.Option("--sequence", help="Sequence of the peptide.")] = None,
    samples: Annotated[
        Path | None, typer.Option("--samples", help="Your own samples; heavy atoms in the order of the built peptide.")
    ] = None,
    md: Annotated[
        list[Path] | None,
        typer.Option("--md", help="Your own MD instead of short runs, one file for each run; repeat the option."),
    ] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", help="Structure of --samples or --md, such as a PDB.")
    ] = None,
    frame_interval: Annotated[
        float | None, typer.Option("--frame-interval", help="Time between the frames of --md in ps.", min=1e-6)
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
    from jamun.config.base import to_unit
    from jamun.figures import to_files
    from jamun.io.atomic import read_json
    from jamun.io.files import refuse_others
    from jamun.peptides.sequences import parse_sequence
    from jamun.populations.run import PeptideFrames, PopulationFolders, populations_to_files, publish, read_samples

    settings = settings_of(config)
    changed = {"budget": None if budget is None else to_unit(budget, "ps"), "target": target}
    own = settings.populations.with_changes({key: value for key, value in changed.items() if value is not None})

    def given(paths: list[Path]) -> PeptideFrames:
        if topology is None:
            raise UserError("--samples and --md need --topology, the structure of their atoms")
        return read_samples(paths, topology)

    if md:
        read = given(md)
        if frame_interval is None:
            raise UserError("--md needs --frame-interval, the ps between its frames")
        assert topology is not None, "the runs were read with it"
        name = topology.stem if sequence is None else parse_sequence(sequence).name
        out = out or Path(f"{name}_populations")
        refuse_others(out, "populations", name)
        frames = PeptideFrames(read.topology, read.runs, frame_interval)
        told = {"md_ps": frame_interval * sum(map(len, frames.runs)), "own_md": [str(path) for path in md]}
        expected = None if samples is None else given([samples])
        publish(name, frames, expected, settings.simulate.temperature, own, out, told)
    else:
        if sequence is None:
            raise UserError("give --sequence, or your own MD by --md")
        name = parse_sequence(sequence).name
        out = out or Path(f"{name}_populations")
        refuse_others(out, "populations", name)
        simulate = _simulate(settings, solvent)
        if samples is None:
            from jamun.cli.sample import sample

            drawn = out / "samples"
            refuse_others(drawn, "samples", name)
            if not (drawn / "sampling.json").exists():
                # By the model that knows the solvent that the MD is made in.
                sample(sequence=sequence, solvent="implicit", out=drawn, config=config, threads=processes)
            pdb = drawn / f"{name}.pdb"
            found = read_samples([drawn / "samples.xtc"], drawn / "topology.pdb", drawn / "flags.npz")
        else:
            from jamun.cli.stages import build

            found = given([samples])
            pdb = out / f"{name}.pdb"
            build(sequence, out, config)
        cores = processes or len(os.sched_getaffinity(0))
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
        f"lag {result['lag']['lag_ps']:.3g} ps ({result['lag']['chosen']})",
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
    return "\n".join(lines)
