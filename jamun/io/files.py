"""The files that one peptide's MD and its samples are published as."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jamun import layout

# Columns of the table of thermodynamics.
STATE_COLUMNS = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "volume_nm3", "density_g_ml")


def _in_folder(patterns: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """The files that a job makes, in a folder of their own."""
    return {name: folder / Path(pattern).name for name, pattern in patterns.items()}


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
        return cls(**_in_folder(layout.MD, folder))


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
        return cls(**_in_folder(layout.SAMPLES, folder), work=work or folder / "work")
