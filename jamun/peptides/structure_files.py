"""The files of peptides that are given as structures. Imports nothing heavy."""

import os.path
from pathlib import Path

from jamun.peptides.reading import STRUCTURE_SUFFIXES, SUFFIX_RULE, is_structure, structure_name
from jamun.peptides.sequences import NAME_RULE, Peptide, PeptideError, is_name
from jamun.peptides.structures import read_structure


def structure_files(structures: list[str] | str, root: Path) -> dict[str, Path]:
    """The file of each peptide by its name, that of the file: of files, or of those in a folder, in its order.

    Relative paths are taken from `root`, and come back as they were given. Raises PeptideError for a folder without
    structures, a file that is not there or no structure by its ending, a name that is none, or one name twice.
    """
    if isinstance(structures, str) and os.path.isdir(root / structures):
        there = sorted((root / structures).iterdir())
        found = [Path(structures) / path.name for path in there if is_structure(path)]
        if not found:
            raise PeptideError(
                f"peptides.structures: no file ends in {', '.join(STRUCTURE_SUFFIXES)} in the folder {structures}."
            )
    else:
        found = [Path(path) for path in ([structures] if isinstance(structures, str) else structures)]
    files: dict[str, Path] = {}
    for path in found:
        if not is_structure(path):
            raise PeptideError(
                f"peptides.structures: {path} does not end in .pdb; give a structure file ({SUFFIX_RULE}), or a folder "
                "of them."
            )
        if not os.path.isfile(root / path):
            raise PeptideError(f"peptides.structures: {path} is not there; correct the path.")
        name = structure_name(path)
        if not is_name(name):
            raise PeptideError(
                f"peptides.structures: {path} is the peptide's name too, so {NAME_RULE}; rename the file."
            )
        if name in files:
            raise PeptideError(f"peptides.structures: {files[name]} and {path} are both {name}; rename one of them.")
        files[name] = path
    return files


def read_structures(structures: list[str] | str, root: Path) -> list[Peptide]:
    """The peptides in the files that `structure_files` finds.

    Raises PeptideError as it does, and as `read_structure`.
    """
    return [read_structure(root / path).peptide(name) for name, path in structure_files(structures, root).items()]
