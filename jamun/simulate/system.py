"""From a peptide to an OpenMM system: solvent, force field, box."""

import random
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import mdtraj
import numpy as np
import openmm
from openmm import app, unit

from jamun.config.forcefields import FORCE_FIELDS
from jamun.config.simulate import SimulateSettings, Start
from jamun.io.log import UserError
from jamun.io.seeds import derived_seed
from jamun.peptides.checks import hands
from jamun.peptides.conformations import conformed, drawn
from jamun.peptides.sequences import PeptideError
from jamun.simulate.tether import Tethers

# The box shrinks when the barostat is turned on; the minimum image must still hold then.
BOX_MARGIN = 0.95


class SimulationError(UserError):
    """A simulation that cannot be set up or went wrong; the message says where and what to do."""


@dataclass(frozen=True)
class SimulationSystem:
    """A system ready to run.

    positions: (particles, 3) in nm; peptide_atoms: indices of the peptide (caps included); restrained_atoms: its heavy
    atoms; peptide_bonds: (bonds, 2) indices; tethers: of many peptides in one box, what holds each to its site.
    """

    topology: app.Topology
    system: openmm.System
    positions: np.ndarray
    peptide_atoms: np.ndarray
    restrained_atoms: np.ndarray
    peptide_bonds: np.ndarray
    tethers: Tethers | None = None

    @cached_property
    def masses(self) -> np.ndarray:
        """Of all particles (particles,), amu."""
        return np.array([self.system.getParticleMass(place)._value for place in range(self.system.getNumParticles())])

    @cached_property
    def degrees_of_freedom(self) -> int:
        """For the kinetic temperature, the same in every stage: 3 per massive particle, less constraints, less 3 if the
        centre of mass is held."""
        held = 3 * any(isinstance(force, openmm.CMMotionRemover) for force in self.system.getForces())
        return 3 * int((self.masses > 0).sum()) - self.system.getNumConstraints() - held

    @property
    def periodic(self) -> bool:
        """Whether there is a box."""
        return self.system.usesPeriodicBoundaryConditions()


def read_peptide(pdb: Path) -> app.PDBFile:
    """The peptide's PDB. Raises SimulationError if it is missing or no PDB."""
    try:
        return app.PDBFile(str(pdb))
    except (OSError, ValueError, IndexError) as error:
        raise SimulationError(f"{pdb}: not readable as PDB ({error}); build the peptide again.") from None


@cache
def _forcefield(name: str, solvent: str) -> app.ForceField:
    """The force field, which takes longer to read than a dipeptide to parametrise."""
    chosen = FORCE_FIELDS[name]
    return app.ForceField(chosen.peptide, chosen.water if solvent == "explicit" else chosen.implicit)


def shortest_height(vectors: np.ndarray) -> float:
    """Smallest distance between opposite faces of a box, nm; `vectors` (3, 3) are its edges in rows."""
    normals = np.cross(vectors[[1, 2, 0]], vectors[[2, 0, 1]])
    return float((abs(np.linalg.det(vectors)) / np.linalg.norm(normals, axis=1)).min())


def _start_positions(peptide: app.PDBFile, start: Start, pdb: Path) -> unit.Quantity:
    if start == "built":
        return peptide.positions
    positions = np.asarray(peptide.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    conformation, _, rotamer = start.partition(" ")
    try:
        # D residues have the names of L residues in the PDB: the built peptide's positions tell which they are.
        expected = hands(positions, mdtraj.Topology.from_openmm(peptide.topology))
        if conformation == "random":
            seed = derived_seed(0, "start", pdb.stem, rotamer)
            return drawn(peptide.topology, positions, pdb.stem, seed, expected) * unit.nanometer
        moved = conformed(peptide.topology, positions, conformation, pdb.stem, rotamer or None, expected)
        return moved * unit.nanometer
    except PeptideError as error:
        raise SimulationError(f"{error} Take {start} out of simulate.starts.") from None


def parametrised(topology: app.Topology, settings: SimulateSettings, **box: object) -> openmm.System:
    """The system of molecules with the force field of a simulation of these settings, without box; of a periodic one,
    `box` are what createSystem of OpenMM is to be told of it.

    Raises ValueError, as OpenMM does, for a residue that the force field does not know.
    """
    options = {"constraints": app.HBonds, "nonbondedMethod": app.NoCutoff, "rigidWater": True} | box
    if settings.hydrogen_mass is not None:
        options["hydrogenMass"] = settings.hydrogen_mass * unit.amu
    return _forcefield(settings.forcefield, settings.solvent).createSystem(topology, **options)


def _peptide_system(topology: app.Topology, system: openmm.System, positions: np.ndarray, n: int) -> SimulationSystem:
    """A system whose first `n` particles are the peptide."""
    atoms = list(topology.atoms())[:n]
    bonds = [(a.index, b.index) for a, b in topology.bonds() if max(a.index, b.index) < n]
    heavy = [atom.index for atom in atoms if atom.element is not app.element.hydrogen]
    return SimulationSystem(topology, system, positions, np.arange(n), np.array(heavy), np.array(bonds))


def make_member(pdb: Path, settings: SimulateSettings, start: Start = "built") -> SimulationSystem:
    """The peptide in `pdb` by itself, to be put into a system of many: of explicit solvent without water and box.

    Raises SimulationError for a peptide the force field does not know, or that does not take the backbone of `start`.
    """
    peptide = read_peptide(pdb)
    positions = np.asarray(_start_positions(peptide, start, pdb).value_in_unit(unit.nanometer))
    try:
        system = parametrised(peptide.topology, settings)
    except ValueError as error:
        raise SimulationError(f"{pdb}: {settings.forcefield} does not fit this peptide ({error}).") from None
    return _peptide_system(peptide.topology, system, positions, len(positions))


def make_system(
    pdb: Path, settings: SimulateSettings, start: Start = "built", seed: int | None = None
) -> SimulationSystem:
    """Solvate (explicit solvent) and parametrise the peptide in `pdb`, with the backbone, and the rotamer, of `start`.

    `seed` draws the waters that ions take the place of; without it, that of the settings does. Raises SimulationError
    for a peptide the force field does not know, or that does not take the backbone of `start`, or a box too small for
    the cutoff.
    """
    if settings.solvent == "implicit":
        return make_member(pdb, settings, start)
    peptide = read_peptide(pdb)
    modeller = app.Modeller(peptide.topology, _start_positions(peptide, start, pdb))
    cutoff = {"nonbondedMethod": app.PME, "nonbondedCutoff": settings.cutoff * unit.nanometer}
    if settings.switch_distance:
        cutoff["switchDistance"] = settings.switch_distance * unit.nanometer
    state = random.getstate()
    random.seed(settings.seed if seed is None else seed)  # Modeller draws the waters that ions take the place of
    try:
        modeller.addSolvent(
            _forcefield(settings.forcefield, settings.solvent),
            model="tip3p",
            padding=settings.padding * unit.nanometer,
            boxShape=settings.box,
            ionicStrength=settings.ionic_strength * unit.molar,
            neutralize=True,
        )
        system = parametrised(modeller.topology, settings, **cutoff)
    except ValueError as error:
        raise SimulationError(f"{pdb}: {settings.forcefield} does not fit this peptide ({error}).") from None
    finally:
        random.setstate(state)
    height = shortest_height(np.array(modeller.topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer)))
    if 2 * settings.cutoff > BOX_MARGIN * height:
        raise SimulationError(
            f"{pdb}: the box is {height:.2f} nm wide, too small for a cutoff of {settings.cutoff:g} nm once the "
            "barostat shrinks it; raise simulate.padding or lower simulate.cutoff."
        )
    # addSolvent appends, so the peptide keeps the first indices.
    positions = np.asarray(modeller.positions.value_in_unit(unit.nanometer))
    return _peptide_system(modeller.topology, system, positions, peptide.topology.getNumAtoms())
