"""The command `jamun sample`: one peptide sampled, and its samples described."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from jamun.cli.build import build
from jamun.cli.options import Config, settings_of
from jamun.config.configuration import Configuration
from jamun.config.sampling import SamplingSettings
from jamun.io.log import UserError
from jamun.io.shipped import DEFAULT_MODEL, shipped_model

# A minute or two on two cores.
_SAMPLES = 1_500


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
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A trained denoiser of yours, instead of --model.")
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
    from jamun.model.score import NetworkScore
    from jamun.sampling.run import SamplingFiles, sample_to_files
    from jamun.sampling.starts import start_files

    if (sequence is None) == (not pdb):
        raise UserError("give either --sequence to build a peptide, or --pdb to start from a structure")
    if model is not None and checkpoint is not None:
        raise UserError("give either --model or --checkpoint, not both")
    settings = settings_of(config)
    weights = checkpoint or shipped_model(model or DEFAULT_MODEL).weights
    sampling = _sampling(settings, weights, samples, brought=config is None)
    built = None
    if pdb:
        from jamun.peptides.reading import structure_name

        peptide = structure_name(pdb[0])
        out = out or Path(peptide)
    else:
        from jamun.peptides.sequences import parse_sequence

        peptide = parse_sequence(sequence).name
        out = out or Path(peptide)
        build(sequence, out, config)
        built = out / f"{peptide}.pdb"
        pdb = start_files(sampling.starts, peptide) or [built]
    sample_to_files(
        NetworkScore.read(weights),
        pdb,
        peptide,
        sampling,
        SamplingFiles.in_folder(out),
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
        model=_name_of(weights),
        peptide=peptide,
        settings=settings.evaluation,
        result=described[0],
        arrays=described[1],
    )
    ramachandran_to_files(*described, settings.figures, out / "ramachandran.png", out / "ramachandran.pdf")
    typer.echo(out / "ramachandran.png")
