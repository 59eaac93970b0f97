"""Where the files of each peptide lie. Imports nothing heavy."""

import os.path
from dataclasses import dataclass
from pathlib import Path

from jamun.config.source import SourceSettings
from jamun.io.log import UserError
from jamun.io.shipped import workflow_folder
from jamun.io.tables import first_row, read_rows
from jamun.io.text import read_or_refuse, shown
from jamun.peptides.sequences import PeptideError, parse_sequence

# Formats of trajectories that are imported, read by `read_frames`; NetCDF is Amber's.
TRAJECTORY_SUFFIXES = (".xtc", ".trr", ".dcd", ".h5", ".npz", ".nc", ".netcdf")
_COLUMNS = ("peptide", "topology", "trajectory")
_REPLICAS = ";"


class SourceError(UserError):
    """A source that lacks a folder, a table, a peptide or a file; the message names it."""


@dataclass(frozen=True)
class SourceFiles:
    """Files of one peptide.

    topology: of the trajectories.
    trajectories: one for each replica.
    frame_interval_ps: time between frames where the source's table tells it.
    bias: JSON of the bias that the MD was made with; None for plain MD.
    """

    topology: Path
    trajectories: tuple[Path, ...]
    frame_interval_ps: float | None = None
    bias: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file."""
        return (self.topology, *self.trajectories, *([] if self.bias is None else [self.bias]))


def _timewarp(folder: Path, name: str) -> SourceFiles:
    return SourceFiles(folder / f"{name}-traj-state0.pdb", (folder / f"{name}-traj-arrays.npz",))


def _mdgen(folder: Path, name: str) -> SourceFiles:
    own = folder / name
    single = own / f"{name}.xtc"
    # Published sets hold one trajectory by the peptide's name; without it, the files there are replicas.
    replicas = () if single.exists() else tuple(sorted(own.glob("*.xtc")))
    return SourceFiles(own / f"{name}.pdb", replicas or (single,))


def _manypeptides(folder: Path, name: str) -> SourceFiles:
    held = (split for split in ("test", "val") if os.path.isfile(folder / "pdbs" / split / f"{name}.pdb"))
    split = next(held, "test")
    # The published sets hold peptides of natural residues, whose names are a letter each.
    subset = folder / "trajectories_subsampled" / split / f"{len(name)}AA"
    return SourceFiles(folder / "pdbs" / split / f"{name}.pdb", (subset / f"{name}_subsampled.npz",))


_LAYOUTS = {"timewarp": _timewarp, "mdgen": _mdgen, "manypeptides": _manypeptides}


def _interval(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise SourceError(
            f"{where}: frame_interval_ps is {shown(text)}; give a number of ps above 0, or leave it empty."
        )
    return value


def read_files_table(path: Path) -> dict[str, SourceFiles]:
    """The files of each peptide in a table (CSV); paths in it are relative to its folder.

    Raises SourceError naming the file and the row: unreadable, a missing column, an empty entry, a peptide or a
    trajectory listed twice, a format that is not read, an interval that is no time.
    """
    missing = "no such file; set source.table to a CSV file of trajectories."
    text = read_or_refuse(path, SourceError, missing, "give a CSV file.")
    rows = read_rows(path, text, _COLUMNS, SourceError)
    if rows is None:
        absent = next((column for column in _COLUMNS if column not in text.lower().partition("\n")[0]), "peptide")
        raise SourceError(
            f"{path}: no column {absent!r} in the first row, {first_row(text)}; it needs {', '.join(_COLUMNS)}."
        )
    found: dict[str, SourceFiles] = {}
    for row in rows:
        where = f"{path}, {row.place}"
        entry = {column: row.cells.get(column, "") for column in (*_COLUMNS, "frame_interval_ps", "bias")}
        empty = next((column for column in _COLUMNS if not entry[column]), None)
        if empty is not None:
            raise SourceError(f"{where}: {empty} is empty; fill it in, or leave the row out.")
        if entry["peptide"] in found:
            raise SourceError(
                f"{where}: peptide {entry['peptide']} is listed twice; write the trajectories of its replicas in one "
                f"row, separated by '{_REPLICAS}'."
            )
        trajectories = [path.parent / part.strip() for part in entry["trajectory"].split(_REPLICAS) if part.strip()]
        if len(set(trajectories)) < len(trajectories):
            raise SourceError(f"{where}: one trajectory is listed twice; list each replica once.")
        for trajectory in trajectories:
            if trajectory.suffix.lower() not in TRAJECTORY_SUFFIXES:
                raise SourceError(
                    f"{where}: {trajectory.name} is not of a format that is read; convert it to one of "
                    f"{', '.join(TRAJECTORY_SUFFIXES)}."
                )
        found[entry["peptide"]] = SourceFiles(
            path.parent / entry["topology"],
            tuple(trajectories),
            _interval(entry["frame_interval_ps"], where),
            path.parent / entry["bias"] if entry["bias"] else None,
        )
    return found


def _usual_name(text: str) -> str:
    """The name of the peptide that a table has as a sequence, such as ALA-TRP for AW; any other text as it is."""
    try:
        return parse_sequence(text).name
    except PeptideError:
        return text


def locate(settings: SourceSettings, peptides: list[str], root: Path) -> dict[str, SourceFiles]:
    """The files of each of `peptides`; relative paths of the source are taken from `root`, or else from the program's
    folder, where the demo's MD lies.

    Paths come back as the settings give them, so that they stay relative where those are. Raises SourceError for a
    missing folder or table, a peptide that the source does not hold, or one of its files that is not there.
    """
    if settings.kind == "files":
        relative = Path(settings.table or "")
        own = os.path.isfile(root / relative) or not os.path.isfile(workflow_folder() / relative)
        rows = read_files_table((root if own else workflow_folder()) / relative)
        listed = {_usual_name(name): found for name, found in rows.items()} | rows
        absent = [name for name in peptides if name not in listed]
        if absent:
            raise SourceError(
                f"{relative}: no row for peptide {absent[0]}, which peptides asks for ({len(absent)} of "
                f"{len(peptides)} are not listed); add it to the table, or take it out of peptides."
            )
        files = {name: listed[name] for name in peptides}
    else:
        relative = Path(settings.folder or "")
        if not os.path.isdir(root / relative):
            raise SourceError(f"{relative}: no such folder; set source.folder to the folder of the trajectories.")
        files = {name: _LAYOUTS[settings.kind](root / relative, name) for name in peptides}
    for name, found in files.items():
        for path in found.all:
            if not os.path.isfile(path):
                raise SourceError(
                    f"{_shown(path, root)}: no such file, but it is peptide {name} of source {settings.kind}; put it "
                    "there, or take the peptide out of peptides."
                )
    return {
        name: SourceFiles(
            _shown(found.topology, root),
            tuple(_shown(path, root) for path in found.trajectories),
            found.frame_interval_ps,
            None if found.bias is None else _shown(found.bias, root),
        )
        for name, found in files.items()
    }


def _shown(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
