"""Frames as the bytes of an XTC file, and their order."""

import errno
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mdtraj.formats import XTCTrajectoryFile

from jamun.io.names import openable


def xtc_bytes(xyz: np.ndarray, times: np.ndarray, steps: np.ndarray, scratch: Path) -> bytes:
    """Frames as XTC, whose frames follow one another without a header, so that bytes can be appended to a file.

    xyz (frames, atoms, 3) float32 in nm, times (frames,) float32 in ps, steps (frames,) int32. Written to `scratch` and
    read back: on a full disk MDTraj's writer may fail without a word. Raises OSError if what is read is not what was
    written.
    """
    scratch.touch()  # what keeps a file from being opened has its own reason, which MDTraj would not tell
    try:
        with openable(scratch) as name:
            with XTCTrajectoryFile(name, "w") as xtc:
                xtc.write(xyz, time=times, step=steps)
            with XTCTrajectoryFile(name, "r") as xtc:
                read, read_times, *_ = xtc.read()
        if read.shape != xyz.shape or not np.array_equal(read_times, times):
            raise OSError("fewer frames are there than were written")
        return scratch.read_bytes()
    except (RuntimeError, OSError) as error:  # RuntimeError: of the library below MDTraj
        raise OSError(getattr(error, "errno", None) or errno.ENOSPC, str(error)) from None
    finally:
        scratch.unlink(missing_ok=True)


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of an XTC file lie, and what their headers say.

    offsets: (F + 1,) int64, the byte at which each begins, and the file's end.
    chains: (F,) int64, the step in each header: of samples, their chain.
    numbers: (F,) int64, the time in each header in ps: of samples, their number in it.
    """

    offsets: np.ndarray
    chains: np.ndarray
    numbers: np.ndarray


def frame_index(path: Path) -> FrameIndex:
    """The frames of an XTC file, whose header begins with the format's number, atoms, step and time, 4 bytes each."""
    size = path.stat().st_size
    if size == 0:
        return FrameIndex(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    with openable(path) as name, XTCTrajectoryFile(name) as xtc:
        offsets = np.asarray(xtc.offsets, dtype=np.int64)
    content = np.memmap(path, dtype=np.uint8, mode="r")
    header = content[offsets[:, None] + np.arange(8, 16)]
    steps = np.ascontiguousarray(header[:, :4]).view(">i4")[:, 0]
    times = np.ascontiguousarray(header[:, 4:]).view(">f4")[:, 0]
    return FrameIndex(np.append(offsets, size), steps.astype(np.int64), times.astype(np.int64))


def copy_frames(source: Path, target: Path, index: FrameIndex, order: np.ndarray) -> None:
    """Write the frames of `source` in another order, (F,) of indices, byte for byte."""
    content = np.memmap(source, dtype=np.uint8, mode="r")
    with open(target, "xb") as handle:
        for frame in order:
            handle.write(content[index.offsets[frame] : index.offsets[frame + 1]].data)
