"""Many small systems in one, so that a GPU has enough to do.

A dipeptide of 40 atoms leaves a GPU waiting for the next kernel to be launched; a thousand of them in one OpenMM system
take hardly longer a step. What all kinds of such a batch have in common is here; implicit solvent, where members do not
see each other at all, is `ApartBatch`, a common box of water is `water_box.WaterBox`.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from xml.etree import ElementTree

import numpy as np
import openmm
from openmm import app, unit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from jamun.simulate.assembly import Assembly, Template
from jamun.simulate.system import SimulationError, SimulationSystem

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
            "A system of more than one molecule cannot be simulated with others; turn simulate.batched off."
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


def joined_topology(members: Sequence[SimulationSystem], names: Sequence[str]) -> app.Topology:
    """All atoms of the members, in a chain a member that has its name: without spaces, which end a word in mmCIF."""
    topology = app.Topology()
    for member, name in zip(members, names, strict=True):
        chain = topology.addChain(name.replace(" ", "_"))
        for residue in member.topology.residues():
            added = topology.addResidue(residue.name, chain, residue.id)
            for atom in residue.atoms():
                topology.addAtom(atom.name, atom.element, added)
    return topology


class Parts:
    """Where each member's particles stand among all, and their masses.

    slices: of each member, its particles; the members stand first, one after another;
    starts: (members,) each one's first particle; masses: (particles of the members,) in amu.
    """

    def __init__(self, members: Sequence[SimulationSystem]) -> None:
        counts = [len(member.positions) for member in members]
        ends = list(accumulate(counts))
        self.slices = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        self.starts = np.array([part.start for part in self.slices])
        self.count = ends[-1]
        self._member_of = np.repeat(np.arange(len(members)), counts)
        self.masses = np.concatenate([member.masses[:count] for member, count in zip(members, counts, strict=True)])
        self._total_masses = np.add.reduceat(self.masses, self.starts)

    def indices(self, members: Sequence[SimulationSystem], name: str) -> np.ndarray:
        """Indices that members hold under `name`, such as ``peptide_bonds``, as indices among all."""
        return np.concatenate(
            [getattr(member, name) + start for member, start in zip(members, self.starts, strict=True)]
        )

    def each(self, values: np.ndarray) -> np.ndarray:
        """`values` (members, ...) of each member for each of its particles."""
        return values[self._member_of]

    def centres(self, positions: np.ndarray) -> np.ndarray:
        """Centres of mass of the members, (members, 3) in nm; `positions` (particles, 3)."""
        weighted = positions[: self.count] * self.masses[:, None]
        return np.add.reduceat(weighted, self.starts) / self._total_masses[:, None]

    def centred(self, positions: np.ndarray) -> np.ndarray:
        """The members' `positions`, nm, with every centre of mass at the origin; velocities likewise."""
        return positions[: self.count] - self.each(self.centres(positions))

    def kinetic_energies(self, velocities: np.ndarray) -> np.ndarray:
        """Kinetic energy of each member, (members,) in kJ/mol, its centre of mass at rest; velocities in nm/ps.

        A simulation of its own removes the motion of the centre of mass; its degrees of freedom are three fewer.
        """
        return np.add.reduceat(0.5 * self.masses * (self.centred(velocities) ** 2).sum(1), self.starts)


def _definition(force: openmm.CustomGBForce) -> str:
    """What a generalised Born force computes, as OpenMM's XML, without the particles that it holds."""
    whole = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    for particles in whole.iter("Particles"):
        particles.clear()
    return ElementTree.tostring(whole, encoding="unicode")


def _require_one_born_force(systems: Iterable[openmm.System]) -> None:
    """Raise SimulationError unless the generalised Born force of all is one: some models write tables of the radii that
    a peptide has into it."""
    found = {
        _definition(force)
        for system in systems
        for force in system.getForces()
        if isinstance(force, openmm.CustomGBForce)
    }
    if len(found) > 1:
        raise SimulationError(
            "simulate.batched needs an implicit solvent that is the same function for every peptide; turn "
            "simulate.batched off."
        )


def _forces_apart(first: openmm.System, cutoff: float) -> list[openmm.Force]:
    """A force of each kind that the members have, without terms; global settings are those of `first`."""
    forces: list[openmm.Force] = []
    for source in first.getForces():
        kind = type(source)
        if kind is openmm.CMMotionRemover:  # of the whole, which is no motion of any one
            continue
        custom = kind is openmm.CustomGBForce
        force = openmm.XmlSerializer.deserialize(_definition(source)) if custom else kind()
        forces.append(force)
        if custom or kind in (openmm.NonbondedForce, openmm.GBSAOBCForce):
            if source.getNonbondedMethod() != kind.NoCutoff:
                raise SimulationError("simulate.batched is for systems without a cutoff: use implicit solvent.")
            force.setNonbondedMethod(kind.CutoffNonPeriodic)
            force.setCutoffDistance(cutoff * unit.nanometer)
        if kind is openmm.NonbondedForce:
            force.setReactionFieldDielectric(1.0)
        if kind is openmm.GBSAOBCForce:
            force.setSoluteDielectric(source.getSoluteDielectric())
            force.setSolventDielectric(source.getSolventDielectric())
            force.setSurfaceAreaEnergy(source.getSurfaceAreaEnergy())
    return forces


def templates_of(members: Sequence[SimulationSystem]) -> list[Template]:
    """The template of each member; members that share a system share it."""
    made: dict[int, Template] = {}
    for member in members:
        if id(member.system) not in made:
            made[id(member.system)] = Template.of(member.system)
    return [made[id(member.system)] for member in members]


class ApartBatch:
    """`members` without solvent as one system, each at a site where it does not see the others; `names` tell them
    apart.

    Interactions end at a cutoff that no two atoms of one peptide can ever be apart, and with the reaction field of a
    dielectric constant of 1 nothing but a constant is added to the energy: forces are those of each system alone,
    without a cutoff (tests/simulate/test_batched.py holds them side by side). Langevin dynamics moves a peptide's
    centre of mass without regard to the rest of it, so carrying it back to its site changes nothing either.

    solvated: the whole, each member at its site; parts: where each stands among all.
    Raises SimulationError for members that have a box or forces of a kind that is not known.
    """

    def __init__(self, members: Sequence[SimulationSystem], names: Sequence[str]) -> None:
        self.parts = Parts(members)
        cutoff = cutoff_of(members)
        self._sites = sites(len(members), cutoff)
        templates = templates_of(members)
        _require_one_born_force({id(member.system): member.system for member in members}.values())
        assembly = Assembly(_forces_apart(members[0].system, cutoff))
        for template in templates:
            assembly.append(template)
        self.solvated = SimulationSystem(
            topology=joined_topology(members, names),
            system=assembly.system,
            positions=self.at_sites(np.concatenate([member.positions for member in members])),
            peptide_atoms=np.arange(self.parts.count),
            restrained_atoms=self.parts.indices(members, "restrained_atoms"),
            peptide_bonds=self.parts.indices(members, "peptide_bonds"),
        )

    def at_sites(self, positions: np.ndarray) -> np.ndarray:
        """`positions`, (particles, 3) in nm, with every member's centre of mass carried to its site."""
        return positions + self.parts.each(self._sites - self.parts.centres(positions))

    def drift(self, positions: np.ndarray) -> float:
        """How far the member that is farthest from its site is away from it, nm."""
        return float(np.linalg.norm(self.parts.centres(positions) - self._sites, axis=1).max())
