"""What a production writes: the peptide's frames as XTC, thermodynamics as CSV, the topology of both."""

import csv
import io
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import unit

from jamun.io.files import STATE_COLUMNS
from jamun.io.xtc import xtc_bytes
from jamun.simulate.system import SimulationSystem

_GRAMS_PER_ML = 1.66053906660e-3  # of 1 amu/nm^3
# Frames kept in memory between two saved states at most: some 50 MB of a peptide of ten residues.
MOST_FRAMES = 20_000


def thermodynamics(context: openmm.Context, solvated: SimulationSystem, time: float) -> dict[str, float | None]:
    """A row of the CSV; `time` in ps. Without a box, volume and density are None."""
    state = context.getState(energy=True)
    kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
    volume = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3) if solvated.periodic else None
    return kinetics(kinetic, solvated, time) | {
        "potential_kj_mol": state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
        "volume_nm3": volume,
        "density_g_ml": float(solvated.masses.sum()) / volume * _GRAMS_PER_ML if volume else None,
    }


def kinetics(kinetic: float, solvated: SimulationSystem, time: float) -> dict[str, float | None]:
    """A row of the CSV of which only the kinetic energy, kJ/mol, is known; `time` in ps."""
    gas_constant = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
    return dict.fromkeys(STATE_COLUMNS) | {
        "time_ps": round(time, 6),
        "kinetic_kj_mol": kinetic,
        "temperature_k": 2 * kinetic / (solvated.degrees_of_freedom * gas_constant),
    }


def peptide_topology(solvated: SimulationSystem) -> mdtraj.Topology:
    """The peptide's topology, without solvent and ions."""
    return mdtraj.Topology.from_openmm(solvated.topology).subset(solvated.peptide_atoms)


class Chunk:
    """Frames and rows of thermodynamics since the last saved state, in memory until the next.

    Frames are the peptide alone, centred, without a box: OpenMM keeps molecules whole as long as positions are not
    wrapped, which the engine checks for every frame. `first` is the place of the chunk's first frame in the file.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._frames: list[np.ndarray] = []
        self._times: list[float] = []
        self._rows: list[dict[str, float | None]] = []

    def __len__(self) -> int:
        return len(self._frames)

    def extend(self, peptide: np.ndarray, times: list[float]) -> None:
        """Append frames: `peptide` (frames, atoms, 3) in nm, `times` in ps."""
        self._frames.extend((peptide - peptide.mean(1, keepdims=True)).astype(np.float32))
        self._times.extend(times)

    def add_row(self, row: dict[str, float | None]) -> None:
        """Append one row of thermodynamics."""
        self._rows.append(row)

    def trajectory(self, scratch: Path) -> bytes:
        """The frames as XTC, by way of the file `scratch`; see xtc_bytes."""
        if not self._frames:
            return b""
        steps = np.arange(self.first, self.first + len(self._frames), dtype=np.int32)
        return xtc_bytes(np.stack(self._frames), np.array(self._times, np.float32), steps, scratch)

    def table(self, header: bool) -> bytes:
        """The rows as CSV, below its header or without."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, STATE_COLUMNS)
        if header:
            writer.writeheader()
        writer.writerows(self._rows)
        return text.getvalue().encode()
