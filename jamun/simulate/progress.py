"""How far one replica has come, on disk: saved so that a run killed at any moment goes on from its last saved state.

A folder holds trajectory.xtc and state.csv, which only grow, files of the phase space that are numbered by generation,
and progress.json, which names them with their SHA-256 and the sizes up to which the growing files belong to them. To
save is to append, to write new numbered files, and at last to rename progress.json into place: whatever happens before
that rename leaves the state before, and what was appended past its sizes is cut off later. progress.json tells of up
to three points, best first: the newest, the one before it, and where the stage began. A point whose files turn out
damaged gives way to the next.
"""

import hashlib
import json
import logging
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from jamun.io.atomic import atomic_path, read_json, write_json
from jamun.io.disk import append, digest, is_whole, link_or_copy, sync_folder, trim, write_bytes
from jamun.simulate.output import Chunk
from jamun.simulate.protocol import PhaseSpace
from jamun.simulate.saved import read_phase_space, write_phase_space
from jamun.simulate.system import SimulationError

logger = logging.getLogger(__name__)

_FORMAT = 1
TRAJECTORY, STATE = "trajectory.xtc", "state.csv"
_PROGRESS, _PREVIOUS, _SEGMENT = "progress.json", "progress_previous.json", "segment.xtc"


@dataclass(frozen=True)
class Point:
    """A moment from which the simulation can go on.

    stage and steps: where it is; frames: in the trajectory; sizes: bytes of the trajectory and of the CSV, and
    hashes: SHA-256 of so many; seconds: wall clock spent in the stage; finished: records of the stages before;
    xml, checkpoint: files with the phase space, "" where the stage begins; start: file with the phase space at the
    beginning of the stage; made_by: OpenMM's version, platform and its properties, on which the checkpoint depends;
    files: SHA-256 of xml, checkpoint and start.
    """

    stage: str
    steps: int
    frames: int
    sizes: dict[str, int]
    hashes: dict[str, str]
    seconds: float
    finished: list[dict[str, Any]]
    start: str
    xml: str = ""
    checkpoint: str = ""
    made_by: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def describe(point: Point, step_ps: float) -> str:
    """Words for a point, such as ``500 ps of production``; `step_ps` is the length of a step."""
    return f"{point.steps * step_ps:g} ps of {point.stage}"


@dataclass(frozen=True)
class Saved:
    """What can be read of a point: the State as XML, the checkpoint if it is whole; the start of the stage if needed.

    Without XML and checkpoint the stage begins at `start`.
    """

    point: Point
    xml: str | None
    checkpoint: bytes | None
    start: PhaseSpace | None


class Progress:
    """The saved points of one replica; see the module. Methods that write raise OSError where the disk refuses."""

    def __init__(self, folder: Path, label: str) -> None:
        self.folder, self.label = folder, label
        self.points: list[Point] = []
        self.system: dict[str, str] = {}
        self.resumptions, self.finished, self._generation = 0, False, 0
        self._digests = {name: hashlib.sha256() for name in (TRAJECTORY, STATE)}
        for name in (_PROGRESS, _PREVIOUS):
            if self._read(folder / name):
                return
        if any((folder / name).exists() for name in (_PROGRESS, _PREVIOUS)):
            raise SimulationError(
                f"{folder / _PROGRESS} is damaged, so it is not known how far {label} has come; restore the file, or "
                f"delete {folder} to simulate anew."
            )

    def _read(self, path: Path) -> bool:
        try:
            record = read_json(path)
            if record["format"] != _FORMAT:
                raise SimulationError(
                    f"{path} was written by another version of this program (format {record['format']}, not "
                    f"{_FORMAT}); finish with that version, or delete {self.folder} to simulate anew."
                )
            self.points = [Point(**point) for point in record["points"]]
            self.system, self.resumptions = record["system"], record["resumptions"]
            self.finished, self._generation = record["finished"], record["generation"]
        except FileNotFoundError:
            return False
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            logger.warning("%s: %s cannot be read (%s).", self.label, path, type(error).__name__)
            return False
        return True

    @property
    def current(self) -> Point | None:
        """The newest point, or None before the first."""
        return self.points[0] if self.points else None

    @property
    def newest(self) -> Point:
        """The newest point, once there is one."""
        return self.points[0]

    def resume(self, held: set[str], step_ps: float) -> Saved:
        """The newest point whose files are whole; points newer than it are forgotten at the next save.

        held: names of the stages with restraints, which need the positions at their start; step_ps: a step in ps, for
        the warning that tells what is damaged and where the simulation goes on instead. Raises SimulationError if no
        point is whole.
        """
        faults: list[str] = []
        for point in self.points:
            saved = self._read_point(point, point.stage in held, faults)
            if saved is not None:
                break
        else:
            raise SimulationError(
                f"{self.folder}: nothing there is whole enough for {self.label} to go on ({', '.join(faults)}); "
                "restore the files, or delete the folder to simulate anew."
            )
        faults = list(dict.fromkeys(faults))  # files that grow belong to several points
        if faults:
            where = f"goes on from {describe(point, step_ps)}"
            if point != self.newest:
                where += f" instead of {describe(self.newest, step_ps)}"
            logger.warning("%s: in %s %s; %s.", self.label, self.folder, ", ".join(faults), where)
        self.points = self.points[self.points.index(point) :]
        return saved

    def _read_point(self, point: Point, held: bool, faults: list[str]) -> Saved | None:
        """The point's phase space, or None if it cannot be used; what is damaged is added to `faults`."""
        found = {name: digest(self.folder / name, size) for name, size in point.sizes.items()}
        torn = [name for name, sha in found.items() if sha is None or sha.hexdigest() != point.hashes[name]]
        broken = [name for name, sha in point.files.items() if not is_whole(self.folder / name, sha)]
        needed = [point.start] if held or not point.xml else []
        for name in torn:
            faults.append(f"{name} is {'cut short' if found[name] is None else 'damaged'}")
        faults.extend(f"{name} is missing or damaged" for name in broken if name != point.start or needed)
        whole = {name for name in (point.xml, point.checkpoint) if name and name not in broken}
        if torn or (point.xml and not whole) or set(needed) & set(broken):
            return None
        self._digests = {name: sha for name, sha in found.items() if sha is not None}
        return Saved(
            point,
            (self.folder / point.xml).read_text(encoding="utf-8") if point.xml in whole else None,
            (self.folder / point.checkpoint).read_bytes() if point.checkpoint in whole else None,
            read_phase_space(self.folder / point.start) if needed else None,
        )

    def begin(self, stage: str, start: PhaseSpace, finished: list[dict[str, Any]]) -> Point:
        """Save the start of a stage; `finished` are the records of those before."""
        name = f"start_{stage}.npz"
        sha = write_phase_space(self.folder / name, start)
        empty = hashlib.sha256().hexdigest()
        sizes, hashes = dict.fromkeys((TRAJECTORY, STATE), 0), dict.fromkeys((TRAJECTORY, STATE), empty)
        return self._commit(Point(stage, 0, 0, sizes, hashes, 0.0, finished, name, files={name: sha}))

    def save(
        self, steps: int, seconds: float, chunk: Chunk, xml: str, checkpoint: bytes, made_by: dict[str, Any]
    ) -> Point:
        """Append the frames and rows of `chunk`, and save the phase space after `steps` of the stage."""
        old = self.newest
        sizes, digests = self.append(chunk)
        names = f"state_{self._generation + 1}.xml", f"checkpoint_{self._generation + 1}.chk"
        files = {
            name: write_bytes(self.folder / name, content)
            for name, content in zip(names, (xml.encode(), checkpoint), strict=True)
        }
        self._digests = digests
        point = replace(
            old,
            steps=steps,
            frames=old.frames + len(chunk),
            sizes=sizes,
            hashes={name: sha.hexdigest() for name, sha in digests.items()},
            seconds=seconds,
            xml=names[0],
            checkpoint=names[1],
            made_by=made_by,
            files=files | {old.start: old.files[old.start]},
        )
        return self._commit(point)

    def append(self, chunk: Chunk) -> tuple[dict[str, int], dict[str, Any]]:
        """Append the frames and rows of `chunk` to what belongs to the newest point; returns sizes and SHA-256 then.

        Until a point is saved with them, they do not count: the next to append cuts them off.
        """
        sizes, digests = dict(self.newest.sizes), {name: sha.copy() for name, sha in self._digests.items()}
        if len(chunk):
            contents = {
                TRAJECTORY: chunk.trajectory(self.folder / _SEGMENT),
                STATE: chunk.table(header=sizes[STATE] == 0),
            }
            for name, content in contents.items():
                append(self.folder / name, sizes[name], content)
                sizes[name] += len(content)
                digests[name].update(content)
        return sizes, digests

    def trim(self) -> None:
        """Cut off what was appended to the files after the newest point."""
        trim(self.folder, self.newest.sizes)

    def finish(self) -> None:
        """Note that the replica's files are published; points before the newest are dropped but the stage's start."""
        self.finished = True
        self._write([self.points[0], *self._base()])

    def discard(self) -> None:
        """Delete the folder; the records go first, so that no part of the rest is ever taken for the whole."""
        for name in (_PREVIOUS, _PROGRESS):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def _base(self) -> list[Point]:
        """The point where the newest point's stage began, if it is still known."""
        return [point for point in self.points if point.stage == self.points[0].stage and not point.steps][:1]

    def _commit(self, point: Point) -> Point:
        self._generation += 1
        self.finished = False
        base = [] if not point.steps else self._base()
        self._write([point, *self.points[:1], *base])
        return point

    def _write(self, points: list[Point]) -> None:
        points = [point for place, point in enumerate(points) if point not in points[:place]]
        path = self.folder / _PROGRESS
        if path.exists():
            with atomic_path(self.folder / _PREVIOUS) as temporary:
                link_or_copy(path, temporary)
        sync_folder(self.folder)  # names of the new files, before the name that tells of them
        write_json(
            path,
            {
                "format": _FORMAT,
                "generation": self._generation,
                "finished": self.finished,
                "resumptions": self.resumptions,
                "system": self.system,
                "points": [asdict(point) for point in points],
            },
        )
        sync_folder(self.folder)
        self.points = points
        self._clean()

    def _clean(self) -> None:
        """Delete numbered files that no point names, and what a killed run left half-written."""
        named = {name for point in self.points for name in point.files}
        for path in self.folder.iterdir():
            numbered = path.match("state_*.xml") or path.match("checkpoint_*.chk") or path.match("start_*.npz")
            if path.name.startswith(".") or (numbered and path.name not in named):
                path.unlink()
