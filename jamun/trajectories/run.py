"""Import one peptide, from foreign files to those that a simulation here would have written."""

import csv
import errno
import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from mdtraj.formats import XTCTrajectoryFile
from tqdm import tqdm

from jamun.config.source import SourceSettings
from jamun.data.molecule import Molecule, heavy_atoms
from jamun.io.atomic import publish, write_json
from jamun.io.disk import file_sha256
from jamun.io.files import STATE_COLUMNS, MdFiles
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.peptides.bias import read_bias
from jamun.peptides.checks import hands, stereocentres
from jamun.peptides.writing import save_structure
from jamun.trajectories import checks
from jamun.trajectories.atoms import AtomMap, FoundTopology, map_atoms, read_topology
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.frames import Frames, read_frames
from jamun.trajectories.sources import SourceFiles

logger = logging.getLogger(__name__)

# Two files of one set may differ by the rounding of their times.
_INTERVAL_TOLERANCE = 1e-3
# Times of a report are sums of steps of half a femtosecond, ps.
_REPORT_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Conversion:
    """From the atoms of a foreign topology to ours, and what the checks of frames need.

    source: file of the foreign topology.
    foreign: what it holds.
    atoms: where our heavy atoms are in it.
    topology: our heavy atoms.
    bonds: (B, 2), pairs of them.
    tree: bonds along which the molecule is made whole.
    centres: its stereocentres, as of `jamun.peptides.checks.stereocentres`.
    hands: theirs in the built peptide, by atom.
    labels: of the atoms, for messages.
    """

    source: Path
    foreign: FoundTopology
    atoms: AtomMap
    topology: mdtraj.Topology
    bonds: np.ndarray
    tree: np.ndarray
    centres: list[tuple[str, int, tuple[int, int, int]]]
    hands: dict[int, int]
    labels: list[str]

    @classmethod
    def of(cls, source: Path, pdb: Path) -> "Conversion":
        """From the topology in `source` to the heavy atoms of the built peptide in `pdb`."""
        built = mdtraj.load(str(pdb))
        heavy = heavy_atoms(built.topology)
        topology, foreign = built.topology.subset(heavy), read_topology(source)
        atoms = map_atoms(foreign, topology, source)
        bonds = Molecule.from_topology(topology).bonds
        labels = [f"{atom.residue.name}{atom.residue.index + 1} {atom.name}" for atom in topology.atoms]
        tree, found = checks.spanning_tree(topology.n_atoms, bonds), hands(built.xyz[0, heavy], topology)
        return cls(source, foreign, atoms, topology, bonds, tree, stereocentres(topology), found, labels)

    def read(self, path: Path) -> Iterator[Frames]:
        """Stretches of our atoms in a trajectory, as `read_frames` gives them."""
        return read_frames(path, self.foreign.n_atoms, self.atoms.indices, self.source)

    def whole(self, parts: Iterable[Frames], unit: str, where: str) -> Iterator[tuple[Frames, int]]:
        """Stretches in nm, made whole over the periodic box, and how many frames of each were changed by that.

        Raises TrajectoryError for positions that are not finite, or not in `unit` ("nm" or "angstrom").
        """
        start, factor = 0, None
        for part in parts:
            if not len(part.positions):
                continue
            positions, box = part.positions, part.box
            checks.require_finite(positions, where, start)
            if factor is None:
                factor = checks.nm_per_unit(positions[:1], self.bonds, unit, where)
            if factor != 1.0:
                positions, box = positions * factor, None if box is None else box * factor
            positions, changed = checks.make_whole(positions, box, self.bonds, self.tree)
            yield Frames(positions, box, None), int(changed.sum())
            start += len(positions)


@dataclass
class Tally:
    """What was read of one file, and what was done to it.

    between: frames between Timewarp's reports, left out; report: the number of its last report.
    """

    path: Path
    read: int = 0
    kept: int = 0
    made_whole: int = 0
    first: np.ndarray | None = None
    between: int = 0
    report: float | None = None


@dataclass
class _Writer:
    """The trajectory that is written: frames centred, numbered on, at a time that is set once it is known."""

    file: XTCTrajectoryFile
    interval_ps: float
    count: int = 0

    def write(self, positions: np.ndarray) -> None:
        numbers = np.arange(self.count, self.count + len(positions))
        centred = positions - positions.mean(axis=1, keepdims=True)
        self.file.write(
            centred.astype(np.float32),
            time=((numbers + 1) * self.interval_ps).astype(np.float32),
            step=numbers.astype(np.int32),
        )
        self.count += len(positions)


def _require_frames(path: Path, frames: int) -> None:
    if frames < 2:
        raise TrajectoryError(f"{path}: {frames} frames; at least two are needed: fetch or write it again.")


def _stored_times(path: Path, source: Conversion) -> checks.FrameTimes:
    """The times of a file: a pass of its own, since the times that are written depend on them.

    Raises TrajectoryError for times that are missing or uneven, and for a file of fewer than two frames.
    """
    times = checks.FrameTimes(str(path))
    for part in read_frames(path, source.foreign.n_atoms, np.array([0]), source.source):
        if part.times is None:
            raise TrajectoryError(
                f"{path}: does not carry the time between frames; set source.frame_interval, or frame_interval_ps in "
                "the table."
            )
        times.add(part.times)
    _require_frames(path, times.frames)
    return times


def _reports(part: Frames, tally: Tally, settings: SourceSettings) -> Frames:
    """The frames of Timewarp's reports: its files hold frames around each of them too, at times of their own.

    Raises TrajectoryError where a report is missing, so that frames would not be evenly spaced.
    """
    interval = settings.frame_interval
    if settings.kind != "timewarp" or part.times is None or interval is None:
        return part
    numbers = np.round(part.times / interval)
    at_report = np.abs(part.times - numbers * interval) < _REPORT_TOLERANCE
    tally.between += int((~at_report).sum())
    found = numbers[at_report]
    if len(found):
        expected = (found[0] if tally.report is None else tally.report + 1) + np.arange(len(found))
        if (found != expected).any():
            place = expected[np.flatnonzero(found != expected)[0]] * interval
            raise TrajectoryError(
                f"{tally.path}: no frame at {place:g} ps, though source.frame_interval is {interval:g} ps; set it to "
                "the time between the file's reports."
            )
        tally.report = float(found[-1])
    return Frames(part.positions[at_report], None if part.box is None else part.box[at_report], part.times[at_report])


def _convert(path: Path, source: Conversion, settings: SourceSettings, writer: _Writer) -> Tally:
    """Check one file and append its kept frames to `writer`. Raises TrajectoryError for the first fault."""
    tally, where = Tally(path), str(path)
    reports = (_reports(part, tally, settings) for part in source.read(path))
    for part, changed in source.whole(reports, settings.length_unit, where):
        start, positions = tally.read, part.positions
        has_box = part.box is not None and bool(np.abs(np.linalg.det(part.box)).min() > 0)
        checks.require_bonds(positions, source.bonds, source.labels, has_box, where, start)
        checks.require_hands(positions, source.centres, source.hands, where, start)
        kept = positions[-start % settings.stride :: settings.stride]
        if tally.first is None:
            if odd := checks.odd_bond(positions, source.bonds, source.topology):
                raise TrajectoryError(f"{where}: {odd}; give the topology that belongs to it.")
            tally.first = kept[0]
        writer.write(kept)
        tally.made_whole += changed
        tally.kept += len(kept)
        tally.read += len(positions)
    _require_frames(path, tally.read)
    return tally


def _common_interval(intervals: dict[Path, float]) -> float:
    """The time between frames that all files share, ps. Raises TrajectoryError naming the first that differs."""
    (first, expected), *others = intervals.items()
    for path, interval in others:
        if abs(interval - expected) > _INTERVAL_TOLERANCE * expected:
            raise TrajectoryError(
                f"{path}: {interval:g} ps between frames, but {expected:g} ps in {first}; replicas need one interval."
            )
    return expected


def _require_written(path: Path, frames: int) -> None:
    """Raises OSError where the file lacks frames: on a full disk MDTraj's writer may fail without a word."""
    with openable(path) as name, XTCTrajectoryFile(name) as xtc:
        found = len(xtc)
    if found != frames:
        raise OSError(errno.ENOSPC, f"{found} of {frames} frames could be written", str(path))


def _notes(atoms: AtomMap, tallies: list[Tally], settings: SourceSettings) -> list[str]:
    notes = list(atoms.notes)
    if settings.length_unit != "nm":
        notes.append(f"lengths converted from {settings.length_unit} to nm")
    for tally in tallies:
        if tally.made_whole:
            notes.append(
                f"{tally.made_whole} of {tally.read} frames of {tally.path.name} made whole over the periodic box"
            )
        if tally.between:
            notes.append(f"left out {tally.between} frames of {tally.path.name} between its reports")
    if settings.stride > 1:
        notes.append(f"one frame in {settings.stride} of each file kept")
    return notes


def _production(frames: int, interval: float, settings: SourceSettings) -> dict[str, Any]:
    """The same keys as of a simulation; what is not known of foreign MD is null."""
    per_frame = settings.seconds_per_frame
    seconds_per_frame = None if per_frame is None else per_frame * settings.stride
    return {
        "frames": frames,
        "frame_interval_ps": interval,
        "state_interval_ps": None,
        "seconds": None if seconds_per_frame is None else seconds_per_frame * frames,
        "seconds_per_frame": seconds_per_frame,
        "ns_per_day": None if seconds_per_frame is None else interval * 86.4 / seconds_per_frame,
    }


def import_to_files(
    pdb: Path,
    name: str,
    files: SourceFiles,
    settings: SourceSettings,
    published: MdFiles,
    work: Path,
) -> None:
    """Import the MD of peptide `name` and publish it.

    The heavy atoms come out under the names and in the order of the built peptide in `pdb`, centred, whole and in nm,
    replica after replica; the state has a header only, since files of positions tell no energies. Files are read in
    stretches, and twice where their own times count: for these, then for the positions. Everything is written in `work`
    and published when all of it is there; the record comes last, with the bias of MD that was made with one. Raises
    TrajectoryError for the first fault found, BiasError for a bias that is none of this peptide.
    """
    source = Conversion.of(files.topology, pdb)
    bias = None if files.bias is None else read_bias(files.bias, source.topology)
    known = files.frame_interval_ps or settings.frame_interval
    times = {} if known else {path: _stored_times(path, source) for path in files.trajectories}
    interval = known or _common_interval({path: found.interval for path, found in times.items()})
    interval *= settings.stride
    work.mkdir(parents=True, exist_ok=True)
    try:
        with (
            openable(work / "trajectory.xtc") as opened,
            XTCTrajectoryFile(opened, "w") as xtc,
            # Closed before an error is told, which would else stand in the bar's line.
            tqdm(files.trajectories, desc=f"import of {name}", unit="file") as bar,
        ):
            writer = _Writer(xtc, interval)
            tallies = [_convert(path, source, settings, writer) for path in bar]
        _require_written(work / "trajectory.xtc", writer.count)
        if writer.count < 2:
            raise TrajectoryError(
                f"{files.trajectories[0]}: source.stride {settings.stride} leaves one of its frames; lower it."
            )
        frame = tallies[0].first
        assert frame is not None, "two frames were written"
        first = mdtraj.Trajectory(frame[None], source.topology)
        first.center_coordinates()
        save_structure(first, work / "topology.pdb")
        with open(work / "state.csv", "w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerow(STATE_COLUMNS)
        publish(work / "trajectory.xtc", published.trajectory)
        publish(work / "topology.pdb", published.topology)
        publish(work / "state.csv", published.state)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    fixes = _notes(source.atoms, tallies, settings)
    kept, offsets = 0, [0]
    for tally in tallies:
        starts = times[tally.path].runs if tally.path in times else [0]
        if len(starts) > 1:
            fixes.append(
                f"times of {tally.path.name} fall back at frame {', '.join(map(str, starts[1:]))}: {len(starts)} runs, "
                "each a replica of its own"
            )
        # Of a run, the first frame that the stride keeps begins it; a run that it skips leaves no replica.
        offsets += [kept + -(-start // settings.stride) for start in starts[1:]]
        kept += tally.kept
        offsets.append(kept)
    for note in fixes:
        logger.info("%s: %s", name, note)
    write_json(
        published.record,
        {
            "peptide": name,
            "settings": settings.model_dump(mode="json"),
            "seed": None,
            "platform": None,
            "precision": None,
            "threads": None,
            "n_atoms": source.foreign.n_atoms,
            "n_peptide_atoms": source.topology.n_atoms,
            "stages": [],
            "production": _production(kept, interval, settings),
            "boundaries": sorted(set(offsets)),
            "bias": bias,
            "import": {
                "source": settings.kind,
                "topology": {"file": files.topology.as_posix(), "sha256": file_sha256(files.topology)},
                "trajectories": [
                    {
                        "file": tally.path.as_posix(),
                        "sha256": file_sha256(tally.path),
                        "frames_read": tally.read,
                        "frames_kept": tally.kept,
                    }
                    for tally in tallies
                ],
                "frame_interval": "as told" if known is not None else "as stored in the files",
                "frames_read": sum(tally.read for tally in tallies),
                "frames_kept": kept,
                "fixes": fixes,
            },
            "provenance": provenance("mdtraj", "numpy", "h5py"),
        },
    )
