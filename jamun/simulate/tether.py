"""Tethers that hold peptides to their sites in a common box; why they change no conformation is told in water_box.py.

Sites are parts of the box, so they move with it when a barostat changes its volume. OpenMM's forces know no such
places: `follow` brings them up to date, and with them what holds atoms in a restrained stage.
"""

from dataclasses import dataclass

import numpy as np
import openmm

# Spring constant k of the tether k/2 r^2, kJ/mol/nm^2: at 300 K the atom stays within 0.16 nm (one sigma an axis).
CONSTANT = 100.0
TETHER, RESTRAINT = "tether", "restraint"


@dataclass(frozen=True)
class Tethers:
    """What holds each member of a box.

    atoms: (members,) the atom of each by which it is held; members' particles follow one another;
    fractions: (members, 3) places of the sites as parts of the box's edges;
    starts: (members,) each one's first particle.
    """

    atoms: np.ndarray
    fractions: np.ndarray
    starts: np.ndarray


def holding(
    atoms: np.ndarray, places: np.ndarray, name: str = TETHER, constant: float = CONSTANT, periodic: bool = True
) -> openmm.CustomExternalForce:
    """k/2 |r - p|^2 on `atoms` (n,), p their `places` (n, 3) in nm, by the minimum image where there is a box.

    The force has the name TETHER or RESTRAINT; k, the `constant` in kJ/mol/nm^2, is a parameter of its context.
    """
    distance = "periodicdistance(x, y, z, x0, y0, z0)^2" if periodic else "(x-x0)^2 + (y-y0)^2 + (z-z0)^2"
    force = openmm.CustomExternalForce(f"0.5 * {name}_constant * ({distance})")
    force.setName(name)
    force.addGlobalParameter(f"{name}_constant", constant)
    for coordinate in ("x0", "y0", "z0"):
        force.addPerParticleParameter(coordinate)
    for atom, place in zip(atoms, places, strict=True):
        force.addParticle(int(atom), place.tolist())
    return force


def _named(system: openmm.System, name: str) -> openmm.CustomExternalForce:
    return next(force for force in system.getForces() if force.getName() == name)


def _move(force: openmm.CustomExternalForce, shifts: np.ndarray, tethers: Tethers) -> None:
    """Add to where each particle of a force is held the shift of its member, (members, 3) in nm."""
    for index in range(force.getNumParticles()):
        atom, place = force.getParticleParameters(index)
        member = np.searchsorted(tethers.starts, atom, side="right") - 1
        force.setParticleParameters(index, atom, (np.array(place) + shifts[member]).tolist())


def _shifts(system: openmm.System, tethers: Tethers, box: np.ndarray) -> np.ndarray:
    """How far each site is, in a box with these edges (3, 3), from where the system's tethers have it; (members, 3)."""
    force = _named(system, TETHER)
    held = np.array([force.getParticleParameters(index)[1] for index in range(force.getNumParticles())])
    return tethers.fractions * np.diag(box) - held


def put_in(system: openmm.System, tethers: Tethers, box: np.ndarray) -> None:
    """Set the sites of a system that no context was made of yet to those of a box with these edges (3, 3), nm."""
    _move(_named(system, TETHER), _shifts(system, tethers, box), tethers)


def follow(context: openmm.Context, tethers: Tethers) -> None:
    """Move the sites, and the places of restrained atoms with them, to where they are in the context's box now."""
    system = context.getSystem()
    box = np.array(context.getState().getPeriodicBoxVectors(asNumpy=True)._value)
    shifts = _shifts(system, tethers, box)
    if not shifts.any():
        return
    for force in system.getForces():
        if force.getName() in (TETHER, RESTRAINT):
            _move(force, shifts, tethers)
            force.updateParametersInContext(context)
