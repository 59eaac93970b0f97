"""Frames as the bytes of an XTC file."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
from mdtraj.formats import XTCTrajectoryFile


def xtc_bytes(xyz: np.ndarray, times: np.ndarray, steps: np.ndarray, scratch: Path) -> bytes:
    """Frames as XTC, whose frames follow one another without a header, so that bytes can be appended to a file.

    xyz (frames, atoms, 3) float32 in nm, times (frames,) float32 in ps, steps (frames,) int32. Written to `scratch` and
    read back: on a full disk MDTraj's writer may fail without a word. Raises OSError if what is read is not what was
    written.
    """
    scratch.touch()  # what keeps a file from being opened has its own reason, which MDTraj would not tell
    try:
        with XTCTrajectoryFile(str(scratch), "w") as xtc:
            xtc.write(xyz, time=times, step=steps)
        with XTCTrajectoryFile(str(scratch), "r") as xtc:
            read, read_times, *_ = xtc.read()
        if read.shape != xyz.shape or not np.array_equal(read_times, times):
            raise OSError("fewer frames are there than were written")
        return scratch.read_bytes()
    except (RuntimeError, OSError) as error:  # RuntimeError: of the library below MDTraj
        raise OSError(getattr(error, "errno", None) or errno.ENOSPC, str(error)) from None
    finally:
        scratch.unlink(missing_ok=True)
