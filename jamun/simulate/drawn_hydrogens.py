"""Hydrogens drawn at the temperature of the MD on heavy atoms that are held: what samples of heavy atoms lack of frames
of the MD, so that both have potential energies of one kind."""

import copy
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from jamun.config.simulate import SimulateSettings
from jamun.io.seeds import derived_seed
from jamun.peptides.hydrogens import AllAtoms, add_hydrogens, energies, relax
from jamun.simulate.system import parametrised

# Mass of an atom that is held, amu: thermal motion carries it by less than 0.1 pm in a picosecond. Without mass, as
# atoms are held otherwise, it could have no constrained bond.
_HELD = 1e9
# Friction of the hydrogens, 1/ps: they forget where they were placed within 0.1 ps.
_FRICTION = 10.0
_CONSTRAINT_TOLERANCE = 1e-6


class DrawnHydrogens:
    """A peptide in the force field and implicit solvent of its MD.

    With p(x, h) the MD's distribution of heavy atoms x and hydrogens h, `energies` draws h from p(h | x): hydrogens are
    placed, relaxed, and moved by Langevin dynamics with the MD's constraints, step and temperature, while x stays.
    Where x is distributed as in the MD, so is the potential energy U(x, h). Constrained bonds have no energy.

    Args:
        pdb: the peptide with hydrogens, built or taken in here.
        settings: of the MD, in implicit solvent.
        duration: of the hydrogens' motion, ps.

    kt: of the MD, kJ/mol.
    """

    def __init__(self, pdb: Path, settings: SimulateSettings, duration: float) -> None:
        self.peptide = AllAtoms.read(pdb)
        self._settings = settings
        self.kt = (unit.MOLAR_GAS_CONSTANT_R * settings.temperature * unit.kelvin).value_in_unit(
            unit.kilojoule_per_mole
        )
        self._steps = max(1, round(duration / (settings.timestep * 1e-3)))
        self._placing = copy.deepcopy(self.peptide.system)
        self._system = parametrised(app.PDBFile(str(pdb)).topology, settings)
        for index in self.peptide.heavy.tolist():
            self._placing.setParticleMass(index, 0.0)
            self._system.setParticleMass(index, _HELD)

    def _context(self, seed: int) -> openmm.Context:
        integrator = openmm.LangevinMiddleIntegrator(
            self._settings.temperature, _FRICTION, self._settings.timestep * 1e-3
        )
        integrator.setRandomNumberSeed(seed)
        integrator.setConstraintTolerance(_CONSTRAINT_TOLERANCE)
        # Of so small a system the simplest platform is the fastest, but for formulas, which CPU compiles.
        written = any(isinstance(force, openmm.CustomGBForce) for force in self._system.getForces())
        platform = openmm.Platform.getPlatformByName("CPU" if written else "Reference")
        return openmm.Context(self._system, integrator, platform, {"Threads": "1"} if written else {})

    def energies(self, heavy: np.ndarray, seed: int) -> np.ndarray:
        """Potential energies (F,) in kJ/mol of heavy atoms (F, H, 3) in nm with hydrogens that are drawn anew by each
        seed; NaN of a frame whose atoms lie on each other, so that nothing can be held."""
        placed = add_hydrogens(heavy.astype(float), self.peptide.topology, self.peptide.template)
        relaxed, _ = relax(placed, self.peptide.topology, self._placing, self.peptide.template)
        context = self._context(derived_seed(seed, "hydrogens"))
        found = np.full(len(heavy), np.nan)
        for number in np.flatnonzero(np.isfinite(relaxed).all((1, 2))):
            try:
                context.setPositions(relaxed[number])
                context.applyConstraints(_CONSTRAINT_TOLERANCE)
                context.setVelocitiesToTemperature(self._settings.temperature, derived_seed(seed, "start", int(number)))
                context.getIntegrator().step(self._steps)
            except openmm.OpenMMException:
                continue
            found[number] = context.getState(energy=True).getPotentialEnergy()._value
        return found

    def own_energies(self, trajectory: mdtraj.Trajectory) -> np.ndarray:
        """Potential energies (F,) in kJ/mol of frames with all atoms of the peptide, in its order, as they are."""
        return energies(self._context(1), trajectory.xyz.astype(float))


def potential_of(pdb: Path, settings: SimulateSettings, duration: float) -> DrawnHydrogens | str:
    """`DrawnHydrogens` of a peptide, or why there is none: water has most of the energy of MD in explicit solvent."""
    if settings.solvent == "explicit":
        return "in explicit solvent the potential energy is that of the water"
    return DrawnHydrogens(pdb, settings, duration)
