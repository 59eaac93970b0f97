"""The files of one peptide's MD, simulated or imported."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MdFiles:
    """The files of one peptide's MD.

    trajectory: frames of the peptide by itself (XTC, nm);
    topology: its atoms and its first frame (PDB);
    state: thermodynamics in time (CSV);
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
