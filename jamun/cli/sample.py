"""The command `jamun sample`: one peptide sampled, and its samples described."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from jamun.config import settings_for
from jamun.io.log import UserError
from jamun.io.shipped import DEFAULT_MODEL, shipped_model


def sample(
    sequence: Annotated[str | None, typer.Option(help="Sequence of the peptide, such as WF or TRP-PHE.")] = None,
    pdb: Annotated[
        list[Path] | None,
        typer.Option(help="Structure (PDB, mmCIF, GRO) to start from. Several files or models are used in turn."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name of a shipped model; `jamun models` lists them.")] = None,
    solvent: Annotated[
        Literal["explicit", "implicit"] | None,
        typer.Option(help="The shipped model for this solvent, instead of --model."),
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="File of your own model, instead of --model.")] = None,
    samples: Annotated[int | None, typer.Option(help="Number of samples. Default: 1,500, or that of --config.")] = None,
    hydrogens: Annotated[
        bool, typer.Option("--hydrogens", help="Also write the samples with hydrogens, all_atoms.xtc.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to. Default: the name of the peptide.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file. Keys of sampling that it lacks are the model's own."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Number of threads. Default: all cores.")] = None,
) -> None:
    """Sample the conformations of a peptide with a trained model.

    Give --sequence or --pdb. Writes samples.xtc, topology.pdb, flags.npz and sampling.json to OUT, and describes the
    samples in samples.json and ramachandran.png.

    After a stop, the same command continues from OUT/work.
    """
    from jamun.io.disk import require_folder
    from jamun.peptides.reading import structure_name
    from jamun.peptides.sequences import parse_sequence

    if sum(given is not None for given in (model, solvent, checkpoint)) > 1:
        raise UserError("give one of --model, --solvent and --checkpoint")
    settings = settings_for("sample", config)
    # The models of a solvent have its name.
    weights = checkpoint or shipped_model(model or solvent or DEFAULT_MODEL).weights
    if sequence is not None and not pdb:
        out = out or Path(parse_sequence(sequence).name)
    elif sequence is None and pdb:
        out = out or Path(structure_name(pdb[0]))
    else:
        raise UserError("give either --sequence to build a peptide, or --pdb to start from a structure")
    require_folder(out)
    # PyTorch takes seconds to load: after what may be wrong with the words of the command.
    from jamun.commands.sample import Molecule, sample_peptide, sampling_settings

    sampling = sampling_settings(settings, weights, samples)
    if hydrogens:
        sampling = sampling.model_copy(update={"hydrogens": True})
    if sequence is not None:
        molecule = Molecule.from_sequence(sequence, settings, sampling, out)
    else:
        molecule = Molecule.from_structures(pdb or [])
    typer.echo(sample_peptide(molecule, weights, sampling, settings, out, threads).ramachandran)
