"""Samples that no network here made, taken in as if one had: another program's, or plain MD."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from mdtraj.formats import XTCTrajectoryFile
from tqdm import tqdm

from jamun.config.simulate import GPU_PLATFORMS
from jamun.io.atomic import publish, write_json, write_npz
from jamun.io.disk import file_sha256
from jamun.io.files import SamplingFiles
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.peptides.bias import require_plain
from jamun.peptides.writing import save_structure
from jamun.trajectories import checks
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.run import Conversion

logger = logging.getLogger(__name__)

LAYOUT = "Frames are in the order of the file that they were taken from, all of one chain."


@dataclass(frozen=True)
class OutsideSamples:
    """Samples of one peptide as another program left them.

    trajectory: their file, of any format that is imported.
    topology: the structure that names its atoms.
    seconds: wall clock of making them all; None where it is not known.
    device: what they were made on, in words; None where it is not known.
    threads: of plain MD that was simulated here; None for another program's samples.
    """

    trajectory: Path
    topology: Path
    seconds: float | None = None
    device: str | None = None
    threads: int | None = None

    @classmethod
    def of_simulation(cls, trajectory: Path, topology: Path, record: dict[str, Any]) -> "OutsideSamples":
        """Plain MD of this machine, whose `record` (md.json) tells its wall clock and platform."""
        require_plain(record, trajectory)
        device = "cuda" if record["platform"] in GPU_PLATFORMS else "cpu"
        return cls(trajectory, topology, record["production"]["seconds"], device, record["threads"])


def import_samples_to_files(pdb: Path, name: str, model: str, outside: OutsideSamples, files: SamplingFiles) -> None:
    """Take in the samples of peptide `name` by the model `model`.

    The heavy atoms come out under the names and in the order of the built peptide, centred, whole and in nm. Nothing is
    judged: bond outliers and inverted stereocentres stay, and are counted with every other model's. The record comes
    last.

    Raises TrajectoryError for files that cannot be read, of another molecule, of another unit of length, or with the
    atoms in another order than the topology names them.
    """
    source = Conversion.of(outside.topology, pdb)
    files.work.mkdir(parents=True, exist_ok=True)
    try:
        frames, first, notes = _convert(outside.trajectory, source, files.work / "samples.xtc", f"{name} by {model}")
        save_structure(mdtraj.Trajectory(first[None], source.topology), files.work / "topology.pdb")
        write_npz(files.work / "flags.npz", {"accepted": np.ones(frames, dtype=bool)})
        publish(files.work / "samples.xtc", files.samples)
        publish(files.work / "topology.pdb", files.topology)
        publish(files.work / "flags.npz", files.flags)
    finally:
        shutil.rmtree(files.work, ignore_errors=True)
    for note in notes:
        logger.info("%s by %s: %s", name, model, note)
    write_json(files.record, _record(name, outside, source, frames, notes))


def _convert(path: Path, source: Conversion, out: Path, what: str) -> tuple[int, np.ndarray, list[str]]:
    """Write all frames of `path` to `out`; returns their number, the first (N, 3) in nm, and what was changed in
    words."""
    count, mended, first = 0, 0, None
    with openable(out) as opened, XTCTrajectoryFile(opened, "w") as xtc, tqdm(desc=what, unit="sample") as bar:
        for part, changed in source.whole(source.read(path), "nm", str(path)):
            positions = (part.positions - part.positions.mean(axis=1, keepdims=True)).astype(np.float32)
            if first is None:
                if odd := checks.odd_bond(part.positions, source.bonds, source.topology):
                    raise TrajectoryError(f"{path}: {odd}; give the topology that belongs to it.")
                first = positions[0]
            numbers = np.arange(count, count + len(positions))
            # As the sampler writes them: a frame's step is its chain, its time the number within it.
            xtc.write(positions, time=(numbers + 1).astype(np.float32), step=np.zeros(len(positions), np.int32))
            count, mended = count + len(positions), mended + changed
            bar.update(len(positions))
    if count < 2 or first is None:
        raise TrajectoryError(f"{path}: {count} samples; at least two are needed: fetch or write it again.")
    notes = list(source.atoms.notes)
    if mended:
        notes.append(f"{mended} of {count} samples made whole over the periodic box")
    return count, first, notes


def all_accepted(chain_lengths: list[int], seconds: float | None) -> dict[str, Any]:
    """What a sampling's record tells of chains and wall clock, of frames that were not drawn here: each is a sample."""
    frames = sum(chain_lengths)
    return {
        "settings": {},
        "samples": {
            "asked": frames,
            "generated": frames,
            "written": frames,
            "accepted": frames,
            "rejected": 0,
            "rejected_for": {},
        },
        "chains": len(chain_lengths),
        "chains_stopped": {"count": 0, "reason": None},
        "chain_lengths": chain_lengths,
        "seconds": seconds,
        "milliseconds_per_sample": None if seconds is None else 1e3 * seconds / frames,
    }


def _record(name: str, outside: OutsideSamples, source: Conversion, frames: int, notes: list[str]) -> dict[str, Any]:
    """The same keys as of a sampling; what is not known of samples made elsewhere is null."""
    taken_from = {
        "trajectory": {"file": outside.trajectory.as_posix(), "sha256": file_sha256(outside.trajectory)},
        "topology": {"file": outside.topology.as_posix(), "sha256": file_sha256(outside.topology)},
    }
    return {
        "peptide": name,
        "seed": None,
        "device": outside.device,
        "threads": outside.threads,
        **all_accepted([frames], outside.seconds),
        "atoms": source.topology.n_atoms,
        "notes": notes,
        "layout": LAYOUT,
        "import" if outside.threads is None else "plain_md": taken_from,
        "provenance": provenance("mdtraj", "numpy"),
    }
