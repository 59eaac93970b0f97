"""The command `jamun sample`: one peptide sampled, and its samples described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from jamun.cli.options import Config, settings_of
from jamun.io.log import UserError
from jamun.io.shipped import DEFAULT_MODEL, shipped_model


def sample(
    sequence: Annotated[str | None, typer.Option("--sequence", help="Sequence to build and sample.")] = None,
    pdb: Annotated[
        list[Path] | None,
        typer.Option(
            "--pdb",
            help="Structure (PDB, mmCIF, GRO) to start from; repeated, or with several models, chains take turns.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A model that comes with the program, by its name (`jamun models`).")
    ] = None,
    solvent: Annotated[
        Literal["explicit", "implicit"] | None,
        typer.Option("--solvent", help="The model that comes with the program and knows MD in this solvent."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A trained denoiser of yours, instead of --model.")
    ] = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="Samples; overrides the settings.")] = None,
    hydrogens: Annotated[
        bool, typer.Option("--hydrogens", help="Also write the samples with hydrogens: all_atoms.xtc.")
    ] = False,
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
    from jamun.commands.sample import Molecule, sample_peptide, sampling_settings
    from jamun.io.disk import require_folder
    from jamun.peptides.reading import structure_name
    from jamun.peptides.sequences import parse_sequence

    if sum(given is not None for given in (model, solvent, checkpoint)) > 1:
        raise UserError("give one of --model, --solvent and --checkpoint")
    settings = settings_of(config)
    # The models of a solvent have its name.
    weights = checkpoint or shipped_model(model or solvent or DEFAULT_MODEL).weights
    if sequence is not None and not pdb:
        out = out or Path(parse_sequence(sequence).name)
    elif sequence is None and pdb:
        out = out or Path(structure_name(pdb[0]))
    else:
        raise UserError("give either --sequence to build a peptide, or --pdb to start from a structure")
    require_folder(out)
    sampling = sampling_settings(settings, weights, samples, of_the_model=config is None)
    if hydrogens:
        sampling = sampling.model_copy(update={"hydrogens": True})
    if sequence is not None:
        molecule = Molecule.from_sequence(sequence, settings, sampling, out)
    else:
        molecule = Molecule.from_structures(pdb or [])
    typer.echo(sample_peptide(molecule, weights, sampling, settings, out, threads).ramachandran)
