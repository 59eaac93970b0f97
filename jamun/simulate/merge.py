"""Publish the frames of all replicas as one trajectory and one table."""

import csv
import io
import struct
from collections.abc import Iterator
from pathlib import Path

from jamun.io.atomic import atomic_path
from jamun.io.disk import link_or_copy
from jamun.io.xtc import frame_index
from jamun.simulate.progress import STATE, TRAJECTORY

# A frame of XTC begins with a magic number and the number of atoms, then step (int) and time (float), big-endian.
_STEP_OFFSET = 8


def publish_trajectory(folders: list[Path], frames: int, interval: float, target: Path) -> None:
    """Publish the first `frames` frames of each replica, one replica after another, atomically.

    interval: time between frames, ps. Times go on from one replica to the next, so that they increase throughout.
    One replica that has no more frames than these keeps its file, and `target` is a second name of it.
    """
    with atomic_path(target) as temporary:
        ends = [frame_index(folder / TRAJECTORY).offsets for folder in folders]
        if len(folders) == 1 and ends[0][frames] == ends[0][-1]:
            link_or_copy(folders[0] / TRAJECTORY, temporary)
            return
        with open(temporary, "xb") as out:
            for place, (folder, offsets) in enumerate(zip(folders, ends, strict=True)):
                with open(folder / TRAJECTORY, "rb") as source:
                    for frame in range(frames):
                        block = bytearray(source.read(offsets[frame + 1] - offsets[frame]))
                        if place:
                            number = place * frames + frame
                            struct.pack_into(">if", block, _STEP_OFFSET, number, (number + 1) * interval)
                        out.write(block)


def _rows(table: Path, last: float) -> Iterator[list[str]]:
    """Rows of a replica's CSV up to the time `last`, ps, without the header."""
    for row in csv.reader(io.StringIO(table.read_text(encoding="utf-8"), newline="")):
        if row and row[0] != "time_ps" and float(row[0]) <= last + 1e-6:
            yield row


def publish_table(folders: list[Path], frames: int, interval: float, target: Path) -> None:
    """Publish the rows of thermodynamics that belong to the frames of publish_trajectory."""
    length = frames * interval
    with atomic_path(target) as temporary:
        if len(folders) == 1:
            table = (folders[0] / STATE).read_text(encoding="utf-8")
            last = list(csv.reader(io.StringIO(table, newline="")))[-1]
            if last[0] != "time_ps" and float(last[0]) <= length + 1e-6:
                link_or_copy(folders[0] / STATE, temporary)
                return
        with open(folders[0] / STATE, encoding="utf-8", newline="") as handle:
            header = handle.readline()
        with open(temporary, "w", encoding="utf-8", newline="") as out:
            out.write(header)
            writer = csv.writer(out)
            for place, folder in enumerate(folders):
                for row in _rows(folder / STATE, length):
                    time = f"{round(float(row[0]) + place * length, 6)}" if place else row[0]
                    writer.writerow([time, *row[1:]])
