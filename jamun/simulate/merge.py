"""Publish the frames of all replicas as one trajectory and one table."""

import csv
import struct
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


def publish_table(folders: list[Path], frames: int, interval: float, target: Path) -> None:
    """Publish the rows of thermodynamics that belong to the frames of publish_trajectory."""
    length = frames * interval
    tables = []
    for folder in folders:
        with open(folder / STATE, encoding="utf-8", newline="") as handle:
            tables.append(list(csv.reader(handle)))
    kept = [[row for row in rows if float(row[0]) <= length + 1e-6] for _, *rows in tables]
    with atomic_path(target) as temporary:
        if len(folders) == 1 and len(kept[0]) == len(tables[0]) - 1:
            link_or_copy(folders[0] / STATE, temporary)
            return
        with open(temporary, "w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(tables[0][0])
            for place, rows in enumerate(kept):
                for time, *cells in rows:
                    writer.writerow([f"{round(float(time) + place * length, 6)}" if place else time, *cells])
