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

from collections.abc import Sequence

import numpy as np
import openmm
from openmm import app, unit
from scipy.spatial.transform import Rotation

from jamun.config.simulate import SimulateSettings
from jamun.simulate.assembly import Assembly, Template
from jamun.simulate.batch import Parts, joined_topology, templates_of
from jamun.simulate.system import BOX_MARGIN, SimulationError, SimulationSystem, parametrised
from jamun.simulate.tether import Tethers, holding
from jamun.simulate.water import face_centred, ion_places, waters_around

# Waters a litre, mol: how many ion pairs a molar solution has for so many waters.
_WATER_MOLAR = 55.4


def tethered_atom(member: SimulationSystem) -> int:
    """The atom by which a peptide is tethered: the CA in the middle of the chain, the first one's of two residues."""
    caps = ("ACE", "NME")
    alphas = [atom.index for atom in member.topology.atoms() if atom.name == "CA" and atom.residue.name not in caps]
    if not alphas:
        raise SimulationError(
            "A molecule without a CA cannot be tethered in a box of several; set simulate.batched to false."
        )
    return alphas[(len(alphas) - 1) // 2]


def spacing_of(members: Sequence[SimulationSystem], padding: float) -> float:
    """Distance between neighbouring sites, nm: of the largest member, that to its periodic copies in a box of its own.

    As OpenMM's addSolvent has it: the diameter of a sphere around the member where it starts, plus `padding`, and at
    least twice the padding.
    """
    radius = 0.0  # of the sphere around the centre of the box around a member
    for positions in (member.positions for member in members):
        centre = (positions.min(0) + positions.max(0)) / 2
        radius = max(radius, float(np.linalg.norm(positions - centre, axis=1).max()))
    return max(2 * padding, 2 * radius + padding)


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


def water_box(
    members: Sequence[SimulationSystem], names: Sequence[str], settings: SimulateSettings, seed: int
) -> SimulationSystem:
    """Put peptides without solvent into one box of TIP3P water with ions, each tethered to its site.

    Every charged peptide brings the ions that neutralise it, as in a box of its own. Peptides are turned at random
    about their sites, lest dipoles that all point one way begin a polarised box.

    Args:
        members: the peptides, as make_member makes them; the same one may occur often.
        names: what each is called in errors.
        settings: padding, cutoff, switch_distance, ionic_strength and the force field.
        seed: draws turns and ions.

    Returns:
        The box: peptides first, one after another, then waters, then ions; its topology knows the peptides alone.

    Raises:
        SimulationError: for a box too small for the cutoff, or where the ions find no room.
    """
    parts = Parts(members)
    lattice = face_centred(len(members), spacing_of(members, settings.padding))
    if 2 * settings.cutoff > BOX_MARGIN * lattice.edges.min():
        raise SimulationError(
            f"The box of {len(members)} peptides is {lattice.edges.min():.2f} nm wide, too small for a cutoff of "
            f"{settings.cutoff:g} nm once the barostat shrinks it; raise simulate.padding or lower simulate.cutoff."
        )
    rng = np.random.default_rng(seed)
    peptides = np.concatenate(
        list(map(_turned, members, lattice.sites, Rotation.random(len(members), random_state=rng)))
    )
    templates = templates_of(members)
    water = _single("HOH", (("O", "O"), ("H1", "H"), ("H2", "H")), settings)
    sigmas = np.concatenate([template.sigmas for template in templates])
    waters = waters_around(lattice.edges, peptides, sigmas, np.array(water.sigmas))
    waters, ions = _with_ions(waters, peptides, lattice.edges, _counts(templates, len(waters), settings), rng)
    salt = [(_single(residue, ((residue, element),), settings), found) for (residue, element), found in ions.items()]
    assembly = Assembly(_box_forces(settings))
    for template in templates:
        assembly.append(template)
    assembly.append(water, len(waters))
    for template, found in salt:
        assembly.append(template, len(found))
    system = assembly.system
    tethers = Tethers(np.array(list(map(tethered_atom, members))) + parts.starts, lattice.fractions, parts.starts)
    system.addForce(holding(tethers.atoms, lattice.sites))
    system.setDefaultPeriodicBoxVectors(*np.diag(lattice.edges).tolist())
    return SimulationSystem(
        topology=joined_topology(members, names),
        system=system,
        positions=np.concatenate([peptides, waters.reshape(-1, 3), *(found for _, found in salt)]),
        peptide_atoms=np.arange(parts.count),
        restrained_atoms=parts.indices(members, "restrained_atoms"),
        peptide_bonds=parts.indices(members, "peptide_bonds"),
        tethers=tethers,
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
