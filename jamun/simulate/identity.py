"""What a simulation in a work folder is a simulation of, so that it goes on only with what it began with."""

import hashlib
import json
from pathlib import Path
from typing import Any

from jamun.config.simulate import SimulateSettings, Start
from jamun.io.atomic import read_json
from jamun.simulate.system import SimulationError

# The file of an identity in a work folder.
IDENTITY = "settings.json"
_FORMAT = 1
# How long, how often and where it runs: all of these may change from one run to the next.
_FREE = {
    "production",
    "replicas",
    "batched",
    "peptides_per_box",
    "platform",
    "precision",
    "jobs_per_gpu",
    "checkpoint_interval",
}


def _pdb_sha256(pdb: Path) -> str:
    """SHA-256 of a PDB without its remarks, in which OpenMM writes the day."""
    try:
        lines = pdb.read_bytes().splitlines()
    except OSError as error:
        raise SimulationError(f"{pdb}: not readable as PDB ({error}); build the peptide again.") from None
    return hashlib.sha256(b"\n".join(line for line in lines if not line.startswith(b"REMARK"))).hexdigest()


def identity(pdb: Path, name: str, settings: SimulateSettings) -> dict[str, Any]:
    """Name of the peptide, SHA-256 of its PDB, and the settings that decide what is simulated."""
    dumped = settings.model_dump(mode="json")
    return {
        "format": _FORMAT,
        "peptide": name,
        "pdb_sha256": _pdb_sha256(pdb),
        "settings": {
            key: value
            for key, value in dumped.items()
            # In explicit solvent a peptide in a box of its own is another simulation than one among many.
            if key not in _FREE or (key == "batched" and settings.solvent == "explicit")
        },
    }


def start_of(starts: list[Start], replica: int) -> Start:
    """The conformation in which a replica, from 1, starts: they take turns. A `random` one is of the replica itself,
    `random 3` of the third."""
    start = starts[(replica - 1) % len(starts)]
    return f"random {replica}" if start == "random" else start


def _stated(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equilibration stages by what they state, without what is null: some of that did not exist before."""
    return [{key: value for key, value in stage.items() if value is not None} for stage in stages]


def differences(old: dict[str, Any], new: dict[str, Any], begun: int) -> list[str]:
    """What changed from one identity to another, in words; a setting that did not exist then had its default, and
    `starts` are those of the so many replicas that have begun, so that further ones may start elsewhere."""
    changed = []
    if old["peptide"] != new["peptide"]:
        changed.append(f"the peptide from {old['peptide']} to {new['peptide']}")
    if old["pdb_sha256"] != new["pdb_sha256"]:
        changed.append("the peptide's PDB, which was built anew")
    defaults = SimulateSettings().model_dump(mode="json")
    for key, value in new["settings"].items():
        before = old["settings"].get(key, defaults[key])
        if key == "starts":
            same = all(start_of(before, replica) == start_of(value, replica) for replica in range(1, begun + 1))
        elif key == "equilibration":
            same = _stated(before) == _stated(value)
        else:
            same = before == value
        if not same:
            changed.append(f"simulate.{key} from {json.dumps(before)} to {json.dumps(value)}")
    return changed


def read_identity(folder: Path) -> dict[str, Any] | None:
    """The identity in `folder`, None where none is. Raises SimulationError for one that cannot be read."""
    try:
        found = read_json(folder / IDENTITY)
        if found["format"] == _FORMAT and found.keys() >= {"peptide", "pdb_sha256", "settings"}:
            return found
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        pass
    raise SimulationError(
        f"{folder / IDENTITY} cannot be read, so it is not known what was simulated in {folder}; restore the file, or "
        "delete the folder to simulate anew."
    )
