"""The command `jamun simulate`: one peptide's MD."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jamun.cli.options import Config, Out, Threads, settings_of


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
        settings_of(config).simulate,
        trajectory=out / "trajectory.xtc",
        topology=out / "topology.pdb",
        state=out / "state.csv",
        record=out / "md.json",
        work=out / "work",
        threads=threads,
    )
