"""What a production writes: the peptide's frames as XTC, thermodynamics as CSV, the topology as PDB."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from mdtraj.formats import XTCTrajectoryFile
from openmm import unit

from jamun.simulate.system import SimulationSystem

COLUMNS = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "volume_nm3", "density_g_ml")
_GRAMS_PER_ML = 1.66053906660e-3  # of 1 amu/nm^3


def thermodynamics(context: openmm.Context, solvated: SimulationSystem, time: float) -> dict[str, float | None]:
    """A row of the CSV; `time` in ps. Without a box, volume and density are None."""
    state = context.getState(energy=True)
    kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
    gas_constant = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
    volume = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3) if solvated.periodic else None
    return {
        "time_ps": round(time, 6),
        "potential_kj_mol": state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
        "kinetic_kj_mol": kinetic,
        "temperature_k": 2 * kinetic / (solvated.degrees_of_freedom * gas_constant),
        "volume_nm3": volume,
        "density_g_ml": solvated.total_mass / volume * _GRAMS_PER_ML if volume else None,
    }


def peptide_topology(solvated: SimulationSystem) -> mdtraj.Topology:
    """The peptide's topology, without solvent and ions."""
    return mdtraj.Topology.from_openmm(solvated.topology).subset(solvated.peptide_atoms)


class Frames:
    """Writers of one production, open while it runs. Frames are the peptide alone, centred, without a box: OpenMM
    keeps molecules whole as long as positions are not wrapped, which the engine checks for every frame."""

    def __init__(self, trajectory: XTCTrajectoryFile, state: csv.DictWriter) -> None:
        self._trajectory, self._state, self._count = trajectory, state, 0

    def write(self, peptide: np.ndarray, time: float) -> None:
        """Append one frame: `peptide` (atoms, 3) in nm, `time` in ps."""
        centred = (peptide - peptide.mean(0)).astype(np.float32)
        self._trajectory.write(centred[None], time=np.array([time], np.float32), step=np.array([self._count], np.int32))
        self._count += 1

    def write_state(self, row: dict[str, float | None]) -> None:
        """Append one row of thermodynamics."""
        self._state.writerow(row)


@contextmanager
def frame_writers(trajectory: Path, state: Path) -> Iterator[Frames]:
    """Open both files for one production."""
    with XTCTrajectoryFile(str(trajectory), "w") as xtc, open(state, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        yield Frames(xtc, writer)
