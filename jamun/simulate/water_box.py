"""Many peptides in one periodic box of water, so that a GPU has enough to do in explicit solvent too.

A box of one dipeptide, 1,500 particles, leaves a GPU waiting; a box of a hundred and more fills it. Peptides stand on a
face-centred cubic lattice, so far apart that they do not notice each other, and each is tethered to its site.

**The tether changes no conformation.** Write a peptide's positions as that of the tethered atom, a, and those of the
other atoms relative to it, q. Without tether the energy U(q, w) of peptide and water does not depend on where in space
both are: moving everything by d changes nothing. Integrate out the water w around the peptide; what is left is a free
energy F(q), which does not depend on a, since water fills all space alike (the other peptides are beyond the reach of
the forces, by the spacing of the lattice). The tether adds k/2 |a - s|^2, with s the site, so the density is

    p(a, q) ~ exp(-F(q)/RT) exp(-k/2 |a - s|^2 / RT) = p(q) p(a):

the internal coordinates and the orientation, functions of q, have the density that they have without a tether, and
each component of a has the variance RT/k. It takes a tether of a single point: tethered at two atoms, a peptide would
be stretched or turned. The tether is soft: with k = 100 kJ/mol/nm^2 and water's friction of some 10/ps, a peptide of
300 amu creeps back to its site within tens of ps, and the force on the atom, 16 kJ/mol/nm at one sigma, is a hundredth
of those that its bonds exert.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openmm
from openmm import app, unit
from scipy.spatial.transform import Rotation

from jamun.config.simulate import SimulateSettings
from jamun.simulate.assembly import Assembly, Template
from jamun.simulate.batch import Parts, joined_topology, templates_of
from jamun.simulate.lattice import face_centred
from jamun.simulate.system import (
    BOX_MARGIN,
    SimulationError,
    SimulationSystem,
    degrees_of_freedom,
    parametrised,
)
from jamun.simulate.water import WATER_ATOMS, ion_places, waters_around

# Spring constant k of the tether k/2 r^2, kJ/mol/nm^2: at 300 K the atom stays within 0.16 nm (one sigma an axis).
TETHER_CONSTANT = 100.0
_TETHER = "tether"
# Waters a litre, mol: how many ion pairs a molar solution has for so many waters.
_WATER_MOLAR = 55.4


def tethered_atom(member: SimulationSystem) -> int:
    """The atom by which a peptide is tethered: the CA in the middle of the chain, the first one's of two residues."""
    caps = ("ACE", "NME")
    alphas = [atom.index for atom in member.topology.atoms() if atom.name == "CA" and atom.residue.name not in caps]
    if not alphas:
        raise SimulationError("A molecule without a CA cannot be tethered in a box of several; set together to false.")
    return alphas[(len(alphas) - 1) // 2]


def spacing_of(members: Sequence[SimulationSystem], padding: float) -> float:
    """Distance between neighbouring sites, nm: of the largest member, that to its periodic copies in a box of its own.

    As OpenMM's addSolvent has it: the diameter of a sphere around the member where it starts, plus `padding`, and at
    least twice the padding.
    """
    return max(2 * padding, 2 * max(_radius(member.positions) for member in members) + padding)


def _radius(positions: np.ndarray) -> float:
    """Of the sphere around the centre of the box around `positions` (atoms, 3), nm."""
    centre = (positions.min(0) + positions.max(0)) / 2
    return float(np.linalg.norm(positions - centre, axis=1).max())


def tether(atoms: np.ndarray, sites: np.ndarray) -> openmm.CustomExternalForce:
    """k/2 |r - s|^2 by the minimum image on `atoms` (n,), s their `sites` (n, 3) in nm."""
    force = openmm.CustomExternalForce("0.5 * tether_constant * periodicdistance(x, y, z, x0, y0, z0)^2")
    force.setName(_TETHER)
    force.addGlobalParameter("tether_constant", TETHER_CONSTANT)
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom, site in zip(atoms, sites, strict=True):
        force.addParticle(int(atom), site.tolist())
    return force


def _box_forces(settings: SimulateSettings) -> list[openmm.Force]:
    """Empty forces of a box, with the settings that ForceField.createSystem gives them."""
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(settings.cutoff * unit.nanometer)
    if settings.switch_distance:
        nonbonded.setUseSwitchingFunction(True)
        nonbonded.setSwitchingDistance(settings.switch_distance * unit.nanometer)
    return [openmm.HarmonicBondForce(), openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce(), nonbonded]


def _single(residue: str, elements: Sequence[tuple[str, str]], settings: SimulateSettings) -> Template:
    """The template of a molecule of one residue; `elements` are its atoms' names and symbols, bonded to the first."""
    topology = app.Topology()
    added = topology.addResidue(residue, topology.addChain())
    atoms = [topology.addAtom(name, app.Element.getBySymbol(symbol), added) for name, symbol in elements]
    for atom in atoms[1:]:
        topology.addBond(atoms[0], atom)
    return Template.of(parametrised(topology, settings))


def _turned(member: SimulationSystem, site: np.ndarray, rotation: Rotation) -> np.ndarray:
    """A member's positions turned about its tethered atom, which stands at `site`; (particles, 3) in nm."""
    return rotation.apply(member.positions - member.positions[tethered_atom(member)]) + site


class WaterBox:
    """`members`, peptides without solvent, in one box of TIP3P water with ions; `names` tell them apart in errors.

    Every charged peptide brings the ions that neutralise it, as in a box of its own. Peptides are turned at random
    about their sites, lest dipoles that all point one way begin a polarised box. `seed` draws turns and ions.

    solvated: the whole, peptides first, then waters, then ions; its topology knows the peptides alone;
    parts: where each member stands among all; waters, ions: how many there are.
    Raises SimulationError for a box too small for the cutoff, or where the ions find no room.
    """

    def __init__(
        self, members: Sequence[SimulationSystem], names: Sequence[str], settings: SimulateSettings, seed: int
    ) -> None:
        self.parts = Parts(members)
        self.atoms = np.array([tethered_atom(member) for member in members]) + self.parts.starts
        lattice = face_centred(len(members), spacing_of(members, settings.padding))
        if 2 * settings.cutoff > BOX_MARGIN * lattice.edges.min():
            raise SimulationError(
                f"The box of {len(members)} peptides is {lattice.edges.min():.2f} nm wide, too small for a cutoff of "
                f"{settings.cutoff:g} nm once the barostat shrinks it; raise simulate.padding or lower simulate.cutoff."
            )
        self._fractions = lattice.fractions
        rng = np.random.default_rng(seed)
        rotations = Rotation.random(len(members), random_state=rng)
        peptides = np.concatenate(list(map(_turned, members, lattice.sites, rotations)))
        templates = templates_of(members)
        water = _single("HOH", (("O", "O"), ("H1", "H"), ("H2", "H")), settings)
        sigmas = np.concatenate([template.sigmas for template in templates])
        waters = waters_around(lattice.edges, peptides, sigmas, np.array(water.sigmas))
        assembly = Assembly(_box_forces(settings))
        for template in templates:
            assembly.append(template)
        positions = [peptides]
        waters, ions = _with_ions(waters, peptides, lattice.edges, _counts(templates, len(waters), settings), rng)
        assembly.append(water, len(waters))
        positions.append(waters.reshape(-1, 3))
        for (residue, element), places in ions.items():
            assembly.append(_single(residue, ((residue, element),), settings), len(places))
            positions.append(places)
        self.waters, self.ions = len(waters), sum(map(len, ions.values()))
        system = assembly.system
        system.addForce(tether(self.atoms, lattice.sites))
        system.setDefaultPeriodicBoxVectors(*np.diag(lattice.edges).tolist())
        ions_mass = sum(
            system.getParticleMass(system.getNumParticles() - 1 - place)._value for place in range(self.ions)
        )
        self.solvated = SimulationSystem(
            topology=joined_topology(members, names),
            system=system,
            positions=np.concatenate(positions),
            peptide_atoms=np.arange(self.parts.count),
            restrained_atoms=self.parts.indices(members, "restrained_atoms"),
            peptide_bonds=self.parts.indices(members, "peptide_bonds"),
            total_mass=float(self.parts.masses.sum() + self.waters * sum(water.masses) + ions_mass),
            degrees_of_freedom=degrees_of_freedom(system),
        )


_SODIUM, _CHLORIDE = ("NA", "Na"), ("CL", "Cl")


def _counts(templates: Sequence[Template], waters: int, settings: SimulateSettings) -> dict[tuple[str, str], int]:
    """How many ions of each kind: those that neutralise each peptide, and salt for so many waters."""
    charges = np.array([template.charge for template in templates])
    pairs = round(settings.ionic_strength * waters / _WATER_MOLAR)
    return {_SODIUM: int(-charges[charges < 0].sum()) + pairs, _CHLORIDE: int(charges[charges > 0].sum()) + pairs}


def _with_ions(
    waters: np.ndarray,
    peptides: np.ndarray,
    edges: np.ndarray,
    counts: dict[tuple[str, str], int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
    """The waters, less those that ions take the place of, and the ions' positions of each kind, (ions, 3) in nm."""
    total = sum(counts.values())
    places = ion_places(waters, peptides, edges, total, rng)
    if len(places) < total:
        raise SimulationError(
            f"The box has room for {len(places)} of {total} ions; raise simulate.padding or lower "
            "simulate.ionic_strength."
        )
    oxygens = waters[places, 0]
    ends = np.cumsum(list(counts.values()))
    ions = {kind: oxygens[end - count : end] for (kind, count), end in zip(counts.items(), ends, strict=True)}
    return np.delete(waters, places, axis=0), {kind: found for kind, found in ions.items() if len(found)}


def water_atoms(box: WaterBox) -> slice:
    """The particles of the waters of a box."""
    first = box.parts.count
    return slice(first, first + WATER_ATOMS * box.waters)
