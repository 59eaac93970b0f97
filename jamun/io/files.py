"""The files that one peptide's MD and its samples are published as."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jamun import layout
from jamun.io.atomic import read_json
from jamun.io.log import UserError

# Columns of the table of thermodynamics.
STATE_COLUMNS = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "volume_nm3", "density_g_ml")


# What a command leaves in the folder that it is given: its record when all is there, and the first file of its work.
_LEFT = {
    "MD": (layout.MD["record"], "settings.json"),
    "samples": (layout.SAMPLES["record"], "state.pt"),
    "populations": (layout.POPULATIONS["result"], "identity.json"),
}


def refuse_others(folder: Path, what: str, peptide: str) -> None:
    """Raises UserError where a folder for `what` ("MD", "samples" or "populations") of a peptide holds that of another,
    or what another command makes: some of their files have one name, and so has the folder of their work."""
    for held, (pattern, begun) in _LEFT.items():
        record = folder / Path(pattern).name
        found = next((path for path in (record, folder / "work" / begun) if path.is_file()), None)
        if found is None:
            continue
        try:
            other = read_json(record)["peptide"]
        except (OSError, ValueError, LookupError, TypeError):  # unfinished, or no record of ours
            other = peptide
        if held != what or other != peptide:
            raise UserError(
                f"{folder}: holds {held} of {other} ({found.name}); give another folder (--out), or delete that one."
            )


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


@dataclass(frozen=True)
class AllAtomFiles:
    """What is written of the samples with hydrogens.

    trajectory: XTC, all atoms, nm; a frame's time is the number of its sample in samples.xtc, from 0.
    topology: PDB of the built peptide.
    arrays: NPZ: ``sample`` (F,), that number, and ``energy`` (F,), kJ/mol.
    record: JSON, written last: counts, quantiles of the energy, force field.
    """

    trajectory: Path
    topology: Path
    arrays: Path
    record: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "AllAtomFiles":
        """The usual names in a folder."""
        return cls(**_in_folder(layout.ALL_ATOMS, folder))
