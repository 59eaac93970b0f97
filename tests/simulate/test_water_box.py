"""Many peptides in one box of water: what the tether does, where waters stand, and that energies are OpenMM's own."""

import copy
from dataclasses import replace

import numpy as np
import openmm
import pytest
from openmm import app, unit
from scipy.spatial import cKDTree

from jamun.config.simulate import SimulateSettings
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.assembly import Template
from jamun.simulate.system import SimulationError, make_member
from jamun.simulate.tether import CONSTANT, follow, holding
from jamun.simulate.water import WATER_ATOMS, face_centred, waters_around
from jamun.simulate.water_box import spacing_of, tethered_atom, water_box

SETTINGS = {
    "batched": True,
    "padding": "0.6 nm",
    "cutoff": "0.7 nm",
    "switch_distance": "0.6 nm",
    "timestep": "4 fs",
    "hydrogen_mass": "3 amu",
    "equilibration": [{"ensemble": "NPT", "duration": "1 ps"}],
    "ensemble": "NVT",
}
RT = 0.00831446261815324 * 300


@pytest.fixture(scope="module")
def pdbs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptides")
    for name in ("A", "DW", "GKG"):
        build_to_files(parse_sequence(name), "capped", 7.0, folder / f"{name}.pdb", folder / f"{name}.json")
    return folder


@pytest.fixture(scope="module")
def settings():
    return SimulateSettings(**SETTINGS)


@pytest.fixture(scope="module")
def members(pdbs, settings):
    """Peptides of different lengths and charges: -1 and +1."""
    return [make_member(pdbs / "DW.pdb", settings, "beta"), make_member(pdbs / "GKG.pdb", settings)]


@pytest.fixture(scope="module")
def box(members, settings):
    return water_box([*members, members[0]], ["one", "two", "three"], settings, 0)


def reference(system):
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))


def energy_and_forces(system, positions):
    context = reference(system)
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, np.array(state.getForces(asNumpy=True)._value)


def edges_of(solvated):
    return np.diag(np.array([list(vector._value) for vector in solvated.system.getDefaultPeriodicBoxVectors()]))


def test_a_tether_on_one_atom_changes_no_bond():
    """Dimers of which one atom is tethered, by Langevin dynamics: bonds are as long, and point anywhere, as without a
    tether; the tethered atom is where the spring lets it be. Tethered at both atoms they are not."""
    count, bond, length, edge = 300, 2000.0, 0.15, 3.0

    def sample(both, steps):
        system = openmm.System()
        system.setDefaultPeriodicBoxVectors(*np.diag([edge] * 3).tolist())
        springs = openmm.HarmonicBondForce()
        for place in range(count):
            system.addParticle(12.0), system.addParticle(16.0)
            springs.addBond(2 * place, 2 * place + 1, length, bond)
        system.addForce(springs)
        held = np.arange(0, 2 * count, 1 if both else 2)
        # Sites beyond the box: the minimum image brings them in.
        system.addForce(holding(held, np.full((len(held), 3), edge + 0.2)))
        integrator = openmm.LangevinMiddleIntegrator(300, 5.0, 0.002)
        integrator.setRandomNumberSeed(1)
        context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
        rng = np.random.default_rng(0)
        start = np.repeat(rng.normal(0.2, np.sqrt(RT / CONSTANT), (count, 3)), 2, axis=0)
        arms = rng.normal(size=(count, 3))
        start[1::2] += length * arms / np.linalg.norm(arms, axis=1, keepdims=True)
        context.setPositions(start)
        context.setVelocitiesToTemperature(300, 2)
        frames = []
        for _ in range(50):
            integrator.step(steps)
            frames.append(context.getState(positions=True).getPositions(asNumpy=True)._value)
        positions = np.array(frames[10:])
        return positions[:, ::2] - 0.2, positions[:, 1::2] - positions[:, ::2]

    away, arms = sample(both=False, steps=200)
    # 300 dimers, each for 16 ps, in which the tethered atom forgets several times where it was.
    assert (away**2).mean() == pytest.approx(RT / CONSTANT, rel=0.06)
    lengths = np.linalg.norm(arms, axis=-1)
    grid = np.linspace(0.02, 0.4, 4000)
    weight = grid**2 * np.exp(-0.5 * bond * (grid - length) ** 2 / RT)
    mean = (grid * weight).sum() / weight.sum()
    width = np.sqrt(((grid - mean) ** 2 * weight).sum() / weight.sum())
    assert lengths.mean() == pytest.approx(mean, abs=0.02 * width * 3)
    assert lengths.std() == pytest.approx(width, rel=0.03)
    assert abs((arms / lengths[..., None]).mean((0, 1))).max() < 0.08
    _, pressed = sample(both=True, steps=50)
    assert np.linalg.norm(pressed, axis=-1).mean() < mean - 0.1 * width


def test_a_tether_changes_no_conformation_of_a_peptide(pdbs, settings):
    """To second order around a minimum, the covariance of all distances within ACE-ALA-NME is the same with a tether
    at one atom and without, and another with one at two."""
    member = make_member(pdbs / "A.pdb", settings)
    # Without constraints, which would leave out the bonds that they hold.
    system = app.ForceField("amber99sbildn.xml", "tip3p.xml").createSystem(member.topology)
    context = reference(system)
    context.setPositions(member.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 1e-4)
    rest = context.getState(positions=True).getPositions(asNumpy=True)._value.copy()
    step, hessian = 1e-5, []
    for place in range(rest.size):
        forces = []
        for sign in (1, -1):
            moved = rest.copy()
            moved.flat[place] += sign * step
            context.setPositions(moved)
            forces.append(context.getState(forces=True).getForces(asNumpy=True)._value.ravel())
        hessian.append((forces[1] - forces[0]) / (2 * step))
    hessian = (np.array(hessian) + np.array(hessian).T) / 2
    values, vectors = np.linalg.eigh(hessian)
    hessian -= sum(values[k] * np.outer(vectors[:, k], vectors[:, k]) for k in range(6))  # rigid motion costs nothing
    assert values[6] > 1.0
    first, second = np.triu_indices(len(rest), 1)
    directions = rest[first] - rest[second]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distances = np.zeros((len(first), *rest.shape))
    distances[np.arange(len(first)), first] = directions
    distances[np.arange(len(first)), second] = -directions
    distances = distances.reshape(len(first), -1)

    def covariance(*held):
        tethered = hessian.copy()
        for atom in held:
            for axis in range(3):
                tethered[3 * atom + axis, 3 * atom + axis] += CONSTANT
        inverse = np.linalg.pinv(tethered, rcond=1e-7, hermitian=True)
        return distances @ inverse @ distances.T

    free, held = covariance(), covariance(tethered_atom(member))
    np.testing.assert_allclose(held, free, atol=1e-5 * free.max())
    assert abs(covariance(0, len(rest) - 1) - free).max() > 1e-2 * free.max()


def as_openmm_has_it(members, solvated, settings, pdbs):
    """The same particles, parametrised by ForceField.createSystem as one topology."""
    topology, position = app.Topology(), len(members[0].positions)
    modeller = app.Modeller(members[0].topology, solvated.positions[:position] * unit.nanometer)
    chain = topology.addChain()
    while position < len(solvated.positions):
        mass = solvated.system.getParticleMass(position)._value
        if mass > 17:
            name, element = ("NA", app.element.sodium) if mass < 30 else ("CL", app.element.chlorine)
            topology.addAtom(name, element, topology.addResidue(name, chain))
            position += 1
            continue
        residue = topology.addResidue("HOH", chain)
        oxygen = topology.addAtom("O", app.element.oxygen, residue)
        for name in ("H1", "H2"):
            topology.addBond(oxygen, topology.addAtom(name, app.element.hydrogen, residue))
        position += WATER_ATOMS
    modeller.add(topology, solvated.positions[len(members[0].positions) :] * unit.nanometer)
    modeller.topology.setPeriodicBoxVectors(solvated.system.getDefaultPeriodicBoxVectors())
    files = {"amber99sbildn": ("amber99sbildn.xml", "tip3p.xml"),
             "amber14": ("amber14/protein.ff14SB.xml", "amber14/tip3p.xml")}  # fmt: skip
    return app.ForceField(*files[settings.forcefield]).createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=settings.cutoff,
        switchDistance=settings.switch_distance,
        constraints=app.HBonds,
        hydrogenMass=settings.hydrogen_mass,
        rigidWater=True,
    )


@pytest.mark.parametrize("forcefield", ["amber99sbildn", "amber14"])
def test_energy_and_forces_are_those_of_a_system_made_by_openmm(pdbs, forcefield):
    """With ions and salt; only the tethered atom has a force more, towards its site by the minimum image."""
    settings = SimulateSettings(**SETTINGS | {"forcefield": forcefield, "ionic_strength": "0.5 M"})
    member = make_member(pdbs / "DW.pdb", settings)
    solvated = water_box([member], ["DW"], settings, 3)
    expected = as_openmm_has_it([member], solvated, settings, pdbs)
    assert solvated.system.getNumConstraints() == expected.getNumConstraints()
    masses = [[s.getParticleMass(i)._value for i in range(s.getNumParticles())] for s in (solvated.system, expected)]
    np.testing.assert_allclose(masses[0], masses[1])
    assert solvated.masses.sum() == pytest.approx(sum(masses[1]))
    rng = np.random.default_rng(0)
    positions = solvated.positions + rng.normal(0, 0.01, solvated.positions.shape)
    held, edges = solvated.tethers.atoms[0], edges_of(solvated)
    positions[: len(member.positions)] += edges * [1, 0, -1] - positions[held] + [0.1, 0.2, 0.0]
    energy, forces = energy_and_forces(solvated.system, positions)
    plain, without = energy_and_forces(expected, positions)
    # By the minimum image the atom is 0.1 and 0.2 nm from its site.
    assert energy - 0.5 * CONSTANT * 0.05 == pytest.approx(plain, rel=1e-6)
    more = np.zeros_like(forces)
    more[held] = -CONSTANT * np.array([0.1, 0.2, 0.0])
    np.testing.assert_allclose(forces - more, without, atol=1e-5 * abs(without).max())


@pytest.mark.parametrize("edges", [(3.0, 3.0, 3.0), (4.1, 2.3, 6.7), (2.45, 4.9, 3.5)])
def test_waters_fill_a_box_and_do_not_clash(edges):
    """No two molecules nearer than waters come at rest, over the faces of the box too; density within 15 % of that."""
    edges = np.array(edges)
    waters = waters_around(edges, np.empty((0, 3)), np.empty(0), np.array([0.3, 0.0, 0.0]))
    assert ((waters[:, 0] >= 0) & (waters[:, 0] < edges)).all()
    np.testing.assert_allclose(np.linalg.norm(waters[:, 1:] - waters[:, :1], axis=-1), 0.0957, atol=2e-4)
    oxygens = cKDTree(waters[:, 0] % edges, boxsize=edges)
    assert oxygens.query(waters[:, 0] % edges, k=2)[0][:, 1].min() > 0.24
    atoms = cKDTree(waters.reshape(-1, 3) % edges, boxsize=edges)
    pairs = atoms.query_pairs(0.15, output_type="ndarray") // WATER_ATOMS
    assert (pairs[:, 0] == pairs[:, 1]).all()
    density = len(waters) * 18.015 / edges.prod() * 1.66054e-3
    assert 0.85 < density < 1.01
    if (edges % 3.0 == 0).all():
        assert density > 0.98  # nothing had to be left out where the pattern fits


def test_waters_keep_away_from_peptides_and_ions_too(box, members):
    peptides, edges = box.positions[box.peptide_atoms], edges_of(box)
    rest = box.positions[len(peptides) :]
    tree = cKDTree(peptides % edges, boxsize=edges)
    nearest = tree.query(rest % edges)[0]
    assert nearest.min() > 0.149
    masses = np.array([box.system.getParticleMass(i)._value for i in range(box.system.getNumParticles())])
    ions = np.flatnonzero(masses > 17)
    ions = ions[ions >= len(peptides)]
    assert len(ions) == 3  # two of -1 and one of +1: each brings its own
    assert tree.query(box.positions[ions] % edges)[0].min() > 0.5
    apart = box.positions[ions][:, None] - box.positions[ions][None]
    apart -= np.round(apart / edges) * edges
    assert np.linalg.norm(apart, axis=-1)[~np.eye(3, dtype=bool)].min() > 0.5
    (nonbonded,) = (force for force in box.system.getForces() if isinstance(force, openmm.NonbondedForce))
    charge = sum(nonbonded.getParticleParameters(i)[0]._value for i in range(len(masses)))
    assert charge == pytest.approx(0, abs=1e-9)


def test_peptides_of_different_lengths_stand_at_their_sites(box, members, settings):
    edges, starts = edges_of(box), box.tethers.starts
    assert [len(member.positions) for member in members] == [starts[1], starts[2] - starts[1]]
    np.testing.assert_allclose(box.positions[box.tethers.atoms], box.tethers.fractions * edges, atol=1e-9)
    spacing = spacing_of(members, settings.padding)
    sites = box.positions[box.tethers.atoms]
    apart = sites[:, None] - sites[None]
    apart -= np.round(apart / edges) * edges
    assert np.linalg.norm(apart, axis=-1)[~np.eye(3, dtype=bool)].min() == pytest.approx(spacing)
    # Turned, and otherwise as they were.
    for member, start in zip([*members, members[0]], starts, strict=True):
        own = box.positions[start : start + len(member.positions)]
        distances = [np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (own, member.positions)]
        np.testing.assert_allclose(distances[0], distances[1], atol=1e-9)
    assert box.system.getNumParticles() == len(box.positions)


def test_the_same_seed_makes_the_same_box(members, settings):
    one, two, other = (water_box(members, ["one", "two"], settings, seed).positions for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.shape != other.shape or abs(one - other).max() > 0.1


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 27, 100, 220])
def test_sites_of_the_lattice_are_as_far_apart_as_asked(count):
    """Copies over the faces too; of an even number hardly more room than closest packing of them needs."""
    lattice = face_centred(count, 2.6)
    assert lattice.fractions.shape == (count, 3)
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3) * lattice.edges
    everywhere = (lattice.sites[None] + images[:, None]).reshape(-1, 3)
    assert cKDTree(everywhere).query(lattice.sites, k=2)[0][:, 1].min() == pytest.approx(2.6)
    packed = count * 2.6**3 / np.sqrt(2)
    assert lattice.edges.prod() < packed * (1.02 if count in (2, 8, 100, 220) else 1.42)
    assert lattice.edges.max() < 6 * lattice.edges.min()


def test_sites_follow_the_box(box):
    """A box is scaled, and peptides with it: tethers hold them where they now are."""
    system = copy.deepcopy(box.system)
    context = reference(system)
    positions, edges = box.positions, edges_of(box)
    context.setPositions(positions)
    scaled = edges * [0.95, 1.02, 1.0]
    context.setPeriodicBoxVectors(*np.diag(scaled).tolist())
    moved = positions.copy()
    starts = [*box.tethers.starts, box.tethers.starts[-1] + box.tethers.starts[1]]
    for member in range(3):
        moved[starts[member] : starts[member + 1]] += box.tethers.fractions[member] * (scaled - edges)
    context.setPositions(moved)
    tether = next(force for force in system.getForces() if force.getName() == "tether")
    group = 5
    tether.setForceGroup(group)
    context.reinitialize(preserveState=True)
    before = context.getState(energy=True, groups={group}).getPotentialEnergy()._value
    follow(context, box.tethers)
    after = context.getState(energy=True, groups={group}).getPotentialEnergy()._value
    assert before > 0.1
    assert after == pytest.approx(0, abs=1e-9)


def test_a_template_appended_is_the_system_that_it_is_of(pdbs, settings):
    member = make_member(pdbs / "A.pdb", settings)
    template = Template.of(member.system)
    assert template.charge == 0
    assert len(template.masses) == member.system.getNumParticles()
    assert sum(template.masses) == pytest.approx(member.masses.sum())


def test_what_cannot_be_put_in_a_box_is_told(members, settings):
    with pytest.raises(SimulationError, match=r"too small for a cutoff of 1\.5 nm"):
        water_box(members, ["one", "two"], settings.model_copy(update={"cutoff": 1.5}), 0)
    with pytest.raises(SimulationError, match=r"room for \d+ of \d+ ions"):
        water_box(members, ["one", "two"], settings.model_copy(update={"ionic_strength": 30.0}), 0)
    bare = app.Topology()
    bare.addAtom("C", app.element.carbon, bare.addResidue("ACE", bare.addChain()))
    with pytest.raises(SimulationError, match="cannot be tethered"):
        tethered_atom(replace(members[0], topology=bare))
