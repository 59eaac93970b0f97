"""What a configuration asks for, with every file that it names: all that can be known before the first job."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jamun.config import Configuration, ConfigurationError, parse
from jamun.config.figures import FigureSettings
from jamun.io.log import UserError
from jamun.io.text import one_line, shown
from jamun.peptides.sequences import Peptide
from jamun.peptides.splits import resolve_splits, structure_files
from jamun.trajectories.sources import SourceFiles, locate


@dataclass(frozen=True)
class Resolved:
    """A configuration whose peptides and files are found: the peptides of each split, the file of each peptide that is
    given as a structure, and the files of each whose MD is imported."""

    settings: Configuration
    splits: dict[str, list[Peptide]]
    structures: dict[str, Path]
    sources: dict[str, SourceFiles]


def _check_files(settings: Configuration, tested: list[str], root: Path) -> None:
    """Raise ConfigurationError for a checkpoint or a start that is not there, unless the workflow itself makes it."""
    own = os.path.join("results", settings.dataset, "")

    def absent(path: str) -> bool:
        made = os.path.relpath(root / path, root).startswith(own) if "\0" not in path else False
        return not made and not os.path.isfile(root / path)

    for name in settings.needed_models():
        checkpoint = settings.checkpoint_of(name)
        taken_in = root / "results" / settings.dataset / "models" / name / "checkpoint.ckpt"
        if checkpoint is not None and absent(checkpoint) and not taken_in.is_file():
            raise ConfigurationError(f"checkpoint {shown(checkpoint)} of model {name}: no such file; correct the path.")
        for peptide in tested:
            for path in settings.outside_of(name, peptide) or ():
                if absent(path):
                    raise ConfigurationError(
                        f"models.{name}.samples: {shown(path)} is no file; put it there, or correct samples or "
                        "topology, in which {peptide} stands for the name of a test peptide."
                    )
    rows = {f"ablation.variants.{name}": settings.ablated_sampling(name) for name in settings.ablation.rows}
    models = {f"models.{name}.sampling": settings.sampling_of(name) for name in settings.active_models()}
    for where, sampling in ({"sampling": settings.sampling} | models | rows).items():
        for start in sampling.starts:
            for peptide in tested if "{peptide}" in start else tested[:1]:
                path = start.replace("{peptide}", peptide)
                if absent(path):
                    raise ConfigurationError(
                        f"{where}.starts: {shown(path)} is no file; put it there, or correct the path, in which "
                        "{peptide} stands for the name of a test peptide."
                    )


def _check_training(settings: Configuration, splits: dict[str, list[Peptide]]) -> None:
    """Raise ConfigurationError where one of the splits that training needs was forgotten, or has too few peptides.

    With neither there is no training to speak of: simulations alone, or a checkpoint.
    """
    trained = [name for name in settings.needed_models() if settings.is_trained(name)]
    without = [split for split in ("train", "validation") if not splits[split]]
    if trained and splits["test"] and len(without) == 1:
        raise ConfigurationError(
            f"peptides.{without[0]}: no peptide, but training model {trained[0]} needs some; list them, or give the "
            "model a checkpoint."
        )
    for name in trained:
        wanted = settings.training_of(name).peptides
        if wanted is not None and splits["train"] and wanted > len(splits["train"]):
            raise ConfigurationError(
                f"training.peptides of model {name}: asks for {wanted} training peptides, but there are "
                f"{len(splits['train'])}; give that many at most."
            )


def resolve(raw: Any, source: str, root: Path) -> Resolved:
    """Validate a configuration as read from YAML and find what it names; relative paths are taken from `root`.

    Raises ConfigurationError, one printable line that starts with `source`, for whatever cannot be run.
    """
    settings = parse(raw, source)
    try:
        splits = resolve_splits(settings.peptides, root)
        structures = structure_files(settings.peptides.structures, root)
        names = [peptide.name for members in splits.values() for peptide in members]
        sources = locate(settings.source, names, root) if settings.source.imported else {}
        _check_training(settings, splits)
        _check_files(settings, [peptide.name for peptide in splits["test"]], root)
        # Matplotlib takes a second to load, and every job reads the configuration: not for the default.
        if settings.figures.colormap != FigureSettings().colormap:
            from jamun.figures.style import colormap

            colormap(settings.figures)
    except (ConfigurationError, UserError) as error:
        raise ConfigurationError(one_line(f"{source}: {error}")) from None
    return Resolved(settings, splits, structures, sources)
