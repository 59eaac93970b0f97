"""One OpenMM system of many parts: particles, constraints and terms of each, appended from plain numbers.

ForceField.createSystem matches every residue of a topology anew. Of a thousand peptides few differ, and all waters are
alike: each kind is parametrised once (`Template`), and its numbers are appended as often as it occurs. A quarter of a
million particles take some seconds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import openmm
from openmm import unit

from jamun.simulate.system import SimulationError


@dataclass(frozen=True)
class _Table:
    """A list of terms that a force holds.

    indices: how many particles a term names before its parameters; term: what the force's methods call it; listed:
    whether a term is added with all parameters as one list, as to forces of which the parameters are free.
    """

    indices: int
    term: str
    listed: bool = False

    def read(self, force: openmm.Force) -> list[tuple[Any, ...]]:
        """The terms in a force, without units."""
        size, get = getattr(force, f"getNum{self.term}s"), getattr(force, f"get{self.term}Parameters")
        return [tuple(map(_plain, get(index))) for index in range(size())]


# Tables of the forces that can be appended, in the order in which they are to be filled.
_TABLES: dict[type[openmm.Force], tuple[_Table, ...]] = {
    openmm.HarmonicBondForce: (_Table(2, "Bond"),),
    openmm.HarmonicAngleForce: (_Table(3, "Angle"),),
    openmm.PeriodicTorsionForce: (_Table(4, "Torsion"),),
    openmm.NonbondedForce: (_Table(0, "Particle"), _Table(2, "Exception")),
    openmm.GBSAOBCForce: (_Table(0, "Particle"),),
    openmm.CustomGBForce: (_Table(0, "Particle", listed=True),),
}


def _plain(value: Any) -> Any:
    """A number without its unit, in OpenMM's own system: nm, ps, amu, kJ/mol, radians, elementary charges."""
    return value.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(value) else value


@dataclass(frozen=True)
class Template:
    """What a part adds to a system, in nm, ps, amu, kJ/mol, radians and elementary charges.

    masses: of each particle;
    constraints: (first particle, second particle, distance);
    terms: of each kind of force, its tables; of each table, its terms: particles, then parameters.
    """

    masses: list[float]
    constraints: list[tuple[int, int, float]]
    terms: dict[type[openmm.Force], list[list[tuple[Any, ...]]]]

    @classmethod
    def of(cls, system: openmm.System) -> "Template":
        """The template of a system; a force that holds its centre of mass is left out, which no part of a whole has.

        Raises SimulationError for a force that cannot be appended.
        """
        terms: dict[type[openmm.Force], list[list[tuple[Any, ...]]]] = {}
        for force in system.getForces():
            kind = type(force)
            if kind is openmm.CMMotionRemover:
                continue
            if kind not in _TABLES:
                raise SimulationError(
                    f"simulate.batched does not know OpenMM's {kind.__name__}; use another forcefield or turn "
                    "simulate.batched off."
                )
            terms[kind] = [table.read(force) for table in _TABLES[kind]]
        return cls(
            [_plain(system.getParticleMass(index)) for index in range(system.getNumParticles())],
            [tuple(map(_plain, system.getConstraintParameters(index))) for index in range(system.getNumConstraints())],
            terms,
        )

    @property
    def charge(self) -> int:
        """Net charge, elementary charges."""
        return round(sum(term[0] for term in self.terms[openmm.NonbondedForce][0]))

    @property
    def sigmas(self) -> list[float]:
        """Lennard-Jones sigma of each particle, nm; 0 of one that has no such interaction, whatever it states."""
        return [sigma if epsilon else 0.0 for _, sigma, epsilon in self.terms[openmm.NonbondedForce][0]]


class Assembly:
    """A system that grows by whole parts.

    system: the whole so far; forces: its forces by kind, empty at first, whose settings the caller chooses.
    """

    def __init__(self, forces: Iterable[openmm.Force]) -> None:
        self.system = openmm.System()
        self.forces: dict[type[openmm.Force], openmm.Force] = {}
        for force in forces:
            self.forces[type(force)] = force
            self.system.addForce(force)

    def append(self, part: Template, copies: int = 1) -> None:
        """Append a part, so many times. Raises SimulationError for a part of another set of forces."""
        if unknown := [kind for kind, tables in part.terms.items() if any(tables) and kind not in self.forces]:
            raise SimulationError(
                f"simulate.batched needs peptides of one force field and solvent: {unknown[0].__name__} is not of all."
            )
        first, size = self.system.getNumParticles(), len(part.masses)
        add = self.system.addParticle
        for _ in range(copies):
            for mass in part.masses:
                add(mass)
        starts = range(first, first + copies * size, size)
        _append_terms(self.system.addConstraint, part.constraints, 2, starts)
        for kind, tables in part.terms.items():
            for table, terms in zip(_TABLES[kind], tables, strict=True):
                if terms:
                    listed = [(list(term),) for term in terms] if table.listed else terms
                    _append_terms(getattr(self.forces[kind], f"add{table.term}"), listed, table.indices, starts)


def _append_terms(add: Callable[..., Any], terms: list[tuple[Any, ...]], indices: int, starts: range) -> None:
    """Add terms, whose first numbers are `indices` particles counted from the start of their part, for each start."""
    split = [(term[:indices], term[indices:]) for term in terms]
    for start in starts:
        for particles, parameters in split:
            add(*[particle + start for particle in particles], *parameters)
