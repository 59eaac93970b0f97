"""The command `jamun simulate`: one peptide's MD."""

from pathlib import Path
from typing import Annotated

import typer

from jamun.cli.options import Config, Out, Threads, settings_of


def simulate(
    pdb: Annotated[
        Path,
        typer.Option("--pdb", help="Structure of the peptide (PDB, mmCIF, GRO)."),
    ],
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
    from jamun.simulate.run import simulate_to_files

    settings, name = settings_of(config), structure_name(pdb)
    require_folder(out)
    simulate_to_files(
        prepare_to_simulate(pdb, name, settings.peptides.ph, out / f"{name}.pdb"),
        name,
        settings.simulate,
        MdFiles.in_folder(out),
        work=out / "work",
        threads=threads,
    )
