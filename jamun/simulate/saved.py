"""Systems and phase spaces on disk: a simulation that goes on has exactly the particles and forces it began with."""

import gzip
import io
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from jamun.io.atomic import read_npz, write_npz
from jamun.io.disk import file_sha256, is_whole, write_bytes
from jamun.simulate.protocol import PhaseSpace
from jamun.simulate.system import SimulationError, SimulationSystem
from jamun.simulate.tether import Tethers

_SYSTEM, _TOPOLOGY, _ARRAYS = "system.xml.gz", "topology.cif.gz", "system.npz"
# Chains of boxes once had spaces in their names, which OpenMM writes but does not read.
_SPACED = re.compile(r"(?<=\s)(\S+) replica (\d+)(?=\s)")
# Fields of a system that are arrays, and what they are called in its file.
_KEPT = {name: name for name in ("peptide_atoms", "restrained_atoms", "peptide_bonds")} | {"positions": "positions_nm"}


def save_system(solvated: SimulationSystem, folder: Path) -> dict[str, str]:
    """Write the system (OpenMM's XML), its topology (PDBx/mmCIF) and positions with the peptide's indices (NPZ).

    Returns the SHA-256 of each file by its name. The mmCIF's positions are zero: those of the NPZ have all digits.
    """
    text = io.StringIO()
    nowhere = np.zeros((solvated.topology.getNumAtoms(), 3)) * unit.nanometer
    app.PDBxFile.writeFile(solvated.topology, nowhere, text, keepIds=True)
    hashes = {
        name: write_bytes(folder / name, gzip.compress(content.encode(), mtime=0))
        for name, content in (
            (_SYSTEM, openmm.XmlSerializer.serialize(solvated.system)),
            (_TOPOLOGY, text.getvalue()),
        )
    }
    tethers = asdict(solvated.tethers) if solvated.tethers is not None else {}
    kept = {key: getattr(solvated, name) for name, key in _KEPT.items()}
    write_npz(folder / _ARRAYS, {f"tether_{name}": array for name, array in tethers.items()} | kept)
    return hashes | {_ARRAYS: file_sha256(folder / _ARRAYS)}


def load_system(folder: Path, hashes: dict[str, str]) -> SimulationSystem:
    """Read what save_system wrote. Raises SimulationError naming a file that is missing or is not what was written."""
    for name, expected in hashes.items():
        if not is_whole(folder / name, expected):
            raise SimulationError(
                f"{folder / name} is missing or damaged, so this simulation cannot go on with the same system; "
                f"restore the file, or delete {folder} to simulate anew."
            )
    arrays = read_npz(folder / _ARRAYS)
    tethers = {name.removeprefix("tether_"): array for name, array in arrays.items() if name.startswith("tether_")}
    text = _SPACED.sub(r"\1_replica_\2", gzip.decompress((folder / _TOPOLOGY).read_bytes()).decode())
    return SimulationSystem(
        topology=app.PDBxFile(io.StringIO(text)).topology,
        system=openmm.XmlSerializer.deserialize(gzip.decompress((folder / _SYSTEM).read_bytes()).decode()),
        **{name: arrays[key] for name, key in _KEPT.items()},
        tethers=Tethers(**tethers) if tethers else None,
    )


def write_phase_space(target: Path, phase_space: PhaseSpace) -> str:
    """Write a phase space as NPZ, with all its digits; returns the SHA-256."""
    arrays = {
        "positions_nm": phase_space.positions,
        "velocities_nm_per_ps": phase_space.velocities,
        "box_nm": phase_space.box,
    }
    write_npz(target, {name: array for name, array in arrays.items() if array is not None})
    return file_sha256(target)


def read_phase_space(source: Path) -> PhaseSpace:
    """Read what write_phase_space wrote."""
    arrays = read_npz(source)
    return PhaseSpace(arrays["positions_nm"], arrays.get("velocities_nm_per_ps"), arrays.get("box_nm"))
