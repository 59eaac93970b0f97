"""The files that one peptide's MD and its samples are published as."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Columns of the table of thermodynamics.
STATE_COLUMNS = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "volume_nm3", "density_g_ml")


@dataclass(frozen=True)
class MdFiles:
    """The files of one peptide's MD, simulated or imported.

    trajectory: frames of the peptide by itself (XTC, nm);
    topology: its atoms and its first frame (PDB);
    state: thermodynamics in time (CSV, STATE_COLUMNS);
    record: settings, stages and wall clock (JSON).
    """

    trajectory: Path
    topology: Path
    state: Path
    record: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "MdFiles":
        """The files of a folder by their usual names."""
        return cls(*(folder / name for name in ("trajectory.xtc", "topology.pdb", "state.csv", "md.json")))


@dataclass(frozen=True)
class SamplingFiles:
    """The files of one peptide's samples, drawn or taken in, and where they are worked at until then.

    samples: XTC, every frame that was written, heavy atoms, nm.
    topology: PDB, heavy atoms of the first start.
    record: JSON, written last.
    flags: NPZ, for each frame whether it is accepted, broken, inverted, clashing.
    work: folder of the saved state, removed at the end.
    """

    samples: Path
    topology: Path
    record: Path
    flags: Path
    work: Path

    @classmethod
    def in_folder(cls, folder: Path, work: Path | None = None) -> Self:
        """The usual names in a folder; `work` in it where none is given."""
        names = ("samples.xtc", "topology.pdb", "sampling.json", "flags.npz")
        samples, topology, record, flags = (folder / name for name in names)
        return cls(samples, topology, record, flags, work or folder / "work")
