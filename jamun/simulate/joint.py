"""Many small systems in one: copies far apart, which do not see each other, so that a GPU has enough to do.

A dipeptide of 40 atoms leaves a GPU waiting for the next kernel to be launched; a thousand of them in one OpenMM system
take hardly longer a step. Interactions end at a cutoff that no two atoms of one peptide can ever be apart, and with the
reaction field of a dielectric constant of 1 nothing but a constant is added to the energy: forces are those of each
system alone, without a cutoff (tests/simulate/test_together.py holds them side by side). Langevin dynamics moves
a peptide's centre of mass without regard to the rest of it, so carrying it back to its site changes nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import openmm
from openmm import app, unit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from jamun.simulate.system import SimulationError, SimulationSystem, degrees_of_freedom

# Bonds of peptides are 0.10 to 0.18 nm long, that between two sulphurs, of which a chain has few, 0.21.
_LONGEST_BOND = 0.19
# Room around a site, in which a peptide may drift until it is carried back, nm.
DRIFT = 1.5


def _reach(solvated: SimulationSystem) -> float:
    """The farthest that two atoms of a peptide can be apart, nm: its longest chain of bonds, each at its longest."""
    n = len(solvated.positions)
    first, second = solvated.peptide_bonds.T
    bonds = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    longest = float(shortest_path(bonds.tocsr(), directed=False, unweighted=True).max())
    if not np.isfinite(longest):
        raise SimulationError(
            "A system of more than one molecule cannot be simulated with others; turn simulate.together off."
        )
    return longest * _LONGEST_BOND


def cutoff_of(members: Sequence[SimulationSystem]) -> float:
    """A cutoff beyond which no two atoms of any one member can be, nm."""
    return max(_reach(member) for member in members)


def sites(count: int, cutoff: float) -> np.ndarray:
    """Places for `count` systems, (count, 3) in nm, on a cubic lattice so wide that they never come near each other.

    Centres are then more than two cutoffs apart, whatever their drift, and atoms more than one.
    """
    side = int(np.ceil(count ** (1 / 3) - 1e-9))
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)[:count]
    return (lattice - (side - 1) / 2) * (2 * cutoff + 2 * DRIFT)


def _copy_bonds(source: openmm.HarmonicBondForce, target: openmm.HarmonicBondForce, shift: int) -> None:
    for index in range(source.getNumBonds()):
        i, j, *rest = source.getBondParameters(index)
        target.addBond(i + shift, j + shift, *rest)


def _copy_angles(source: openmm.HarmonicAngleForce, target: openmm.HarmonicAngleForce, shift: int) -> None:
    for index in range(source.getNumAngles()):
        i, j, k, *rest = source.getAngleParameters(index)
        target.addAngle(i + shift, j + shift, k + shift, *rest)


def _copy_torsions(source: openmm.PeriodicTorsionForce, target: openmm.PeriodicTorsionForce, shift: int) -> None:
    for index in range(source.getNumTorsions()):
        i, j, k, m, *rest = source.getTorsionParameters(index)
        target.addTorsion(i + shift, j + shift, k + shift, m + shift, *rest)


def _copy_nonbonded(source: openmm.NonbondedForce, target: openmm.NonbondedForce, shift: int) -> None:
    for index in range(source.getNumParticles()):
        target.addParticle(*source.getParticleParameters(index))
    for index in range(source.getNumExceptions()):
        i, j, *rest = source.getExceptionParameters(index)
        target.addException(i + shift, j + shift, *rest)


def _copy_born(source: openmm.GBSAOBCForce, target: openmm.GBSAOBCForce, shift: int) -> None:
    for index in range(source.getNumParticles()):
        target.addParticle(*source.getParticleParameters(index))


_COPIERS = {
    openmm.HarmonicBondForce: _copy_bonds,
    openmm.HarmonicAngleForce: _copy_angles,
    openmm.PeriodicTorsionForce: _copy_torsions,
    openmm.NonbondedForce: _copy_nonbonded,
    openmm.GBSAOBCForce: _copy_born,
}


def _empty_forces(first: openmm.System, cutoff: float) -> dict[type, openmm.Force]:
    """A force of each kind that the members have, without terms; global settings are those of `first`."""
    forces: dict[type, openmm.Force] = {}
    for source in first.getForces():
        kind = type(source)
        if kind is openmm.CMMotionRemover:  # of the whole, which is no motion of any one
            continue
        if kind not in _COPIERS:
            raise SimulationError(
                f"simulate.together does not know OpenMM's {kind.__name__}; use amber99sbildn in implicit solvent, or "
                "turn simulate.together off."
            )
        force = forces[kind] = kind()
        if kind in (openmm.NonbondedForce, openmm.GBSAOBCForce):
            if source.getNonbondedMethod() != kind.NoCutoff:
                raise SimulationError("simulate.together is for systems without a cutoff: use implicit solvent.")
            force.setNonbondedMethod(kind.CutoffNonPeriodic)
            force.setCutoffDistance(cutoff * unit.nanometer)
        if kind is openmm.NonbondedForce:
            force.setReactionFieldDielectric(1.0)
        if kind is openmm.GBSAOBCForce:
            force.setSoluteDielectric(source.getSoluteDielectric())
            force.setSolventDielectric(source.getSolventDielectric())
            force.setSurfaceAreaEnergy(source.getSurfaceAreaEnergy())
    return forces


def _joint_topology(members: Sequence[SimulationSystem], names: Sequence[str]) -> app.Topology:
    """All atoms, in a chain a member that has its name."""
    topology = app.Topology()
    for member, name in zip(members, names, strict=True):
        chain = topology.addChain(name)
        for residue in member.topology.residues():
            added = topology.addResidue(residue.name, chain, residue.id)
            for atom in residue.atoms():
                topology.addAtom(atom.name, atom.element, added)
    return topology


class Joint:
    """`members` as one system; `names` tell them apart in errors.

    solvated: the whole, each member at its site; slices: each member's particles; masses: (particles,) in amu.
    Raises SimulationError for members that have a box or forces of a kind that is not known.
    """

    def __init__(self, members: Sequence[SimulationSystem], names: Sequence[str]) -> None:
        counts = [len(member.positions) for member in members]
        ends = list(accumulate(counts))
        self.slices = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        starts = np.array([part.start for part in self.slices])
        self._starts = starts
        self._member_of = np.repeat(np.arange(len(members)), counts)
        cutoff = cutoff_of(members)
        self._sites = sites(len(members), cutoff)
        system = openmm.System()
        forces = _empty_forces(members[0].system, cutoff)
        for member, shift in zip(members, starts.tolist(), strict=True):
            self._add(system, forces, member.system, shift)
        for force in forces.values():
            system.addForce(force)
        self.masses = np.array([system.getParticleMass(i).value_in_unit(unit.amu) for i in range(ends[-1])])
        self._total_masses = np.add.reduceat(self.masses, starts)
        self.solvated = SimulationSystem(
            topology=_joint_topology(members, names),
            system=system,
            positions=self.at_sites(np.concatenate([member.positions for member in members])),
            peptide_atoms=np.arange(ends[-1]),
            restrained_atoms=np.concatenate(
                [member.restrained_atoms + shift for member, shift in zip(members, starts, strict=True)]
            ),
            peptide_bonds=np.concatenate(
                [member.peptide_bonds + shift for member, shift in zip(members, starts, strict=True)]
            ),
            total_mass=float(self.masses.sum()),
            degrees_of_freedom=degrees_of_freedom(system),
        )

    @staticmethod
    def _add(system: openmm.System, forces: dict[type, openmm.Force], member: openmm.System, shift: int) -> None:
        """Append one member's particles, constraints and terms."""
        for index in range(member.getNumParticles()):
            system.addParticle(member.getParticleMass(index))
        for index in range(member.getNumConstraints()):
            i, j, distance = member.getConstraintParameters(index)
            system.addConstraint(i + shift, j + shift, distance)
        kinds = {type(force): force for force in member.getForces() if type(force) is not openmm.CMMotionRemover}
        if kinds.keys() != forces.keys():
            raise SimulationError("simulate.together needs peptides of one force field and solvent.")
        for kind, source in kinds.items():
            _COPIERS[kind](source, forces[kind], shift)

    def centres(self, positions: np.ndarray) -> np.ndarray:
        """Centres of mass of the members, (members, 3) in nm."""
        return np.add.reduceat(positions * self.masses[:, None], self._starts) / self._total_masses[:, None]

    def centred(self, positions: np.ndarray) -> np.ndarray:
        """`positions`, (particles, 3) in nm, with every member's centre of mass at the origin; velocities likewise."""
        return positions - self.centres(positions)[self._member_of]

    def at_sites(self, positions: np.ndarray) -> np.ndarray:
        """`positions`, (particles, 3) in nm, with every member's centre of mass carried to its site."""
        return positions + (self._sites - self.centres(positions))[self._member_of]

    def drift(self, positions: np.ndarray) -> float:
        """How far the member that is farthest from its site is away from it, nm."""
        return float(np.linalg.norm(self.centres(positions) - self._sites, axis=1).max())

    def kinetic_energies(self, velocities: np.ndarray) -> np.ndarray:
        """Kinetic energy of each member, (members,) in kJ/mol, its centre of mass at rest; velocities in nm/ps.

        A simulation of its own removes the motion of the centre of mass; its degrees of freedom are three fewer.
        """
        return np.add.reduceat(0.5 * self.masses * (self.centred(velocities) ** 2).sum(1), self._starts)
