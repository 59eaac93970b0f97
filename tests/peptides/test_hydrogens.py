"""Hydrogens on many frames: where they were, of the right hand, without clashes, in seconds."""

import time

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from jamun.peptides.build import build_peptide, force_field
from jamun.peptides.checks import CLASH_HEAVY_NM, CLASH_HYDROGEN_NM, closest_contacts, stereocentres
from jamun.peptides.conformations import conformed
from jamun.peptides.hydrogens import AllAtoms, SeedError, add_hydrogens, relax
from jamun.peptides.residues import chirality
from jamun.peptides.sequences import parse_sequence

REFERENCE = openmm.Platform.getPlatformByName("Reference")


@pytest.fixture(scope="module")
def histidine_proline():
    """Topology of OpenMM and of MDTraj, one built frame, and 12 frames of 2 ps of MD each from two backbones."""
    topology, built, _ = build_peptide(parse_sequence("HP"), "capped", 7.0)
    system = force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.002)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, REFERENCE)
    frames = []
    for backbone in ("alpha", "beta"):
        context.setPositions(conformed(topology, built, backbone, "HP"))
        context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
        for _ in range(6):
            integrator.step(200)
            frames.append(context.getState(positions=True).getPositions(asNumpy=True)._value)
    return topology, mdtraj.Topology.from_openmm(topology), np.asarray(built), np.array(frames)


def heavy_of(topology):
    return topology.select("element != H")


def test_hydrogens_that_cannot_turn_come_where_the_md_has_them(histidine_proline):
    _, topology, built, frames = histidine_proline
    placed = add_hydrogens(frames[:, heavy_of(topology)], topology, built)
    np.testing.assert_array_equal(placed[:, heavy_of(topology)], frames[:, heavy_of(topology)])
    held = [atom.index for atom in topology.atoms if atom.name in ("HA", "H", "HB2", "HB3", "HD2", "HE1", "HG2")]
    distance = np.linalg.norm(placed[:, held] - frames[:, held], axis=-1)
    # angles of hydrogens swing by 5 degrees or so at 300 K: 0.01 nm
    assert np.sqrt(np.square(distance).mean()) < 0.02
    first, second = np.array(
        [(a.index, b.index) for a, b in topology.bonds if "H" in (a.element.symbol, b.element.symbol)]
    ).T
    lengths = np.linalg.norm(placed[:, first] - placed[:, second], axis=-1)
    assert abs(lengths - 0.105).max() < 0.02


def test_relaxed_frames_have_the_right_hand_no_clash_and_energies_of_the_md(histidine_proline):
    molecule, topology, built, frames = histidine_proline
    system = force_field().createSystem(molecule, nonbondedMethod=app.NoCutoff, constraints=None)
    placed = add_hydrogens(frames[:, heavy_of(topology)], topology, built)
    relaxed, good = relax(placed, topology, system, built)
    assert good.all()
    for _, centre, neighbours in stereocentres(topology):
        assert (chirality(relaxed, centre, neighbours) > 0).all()
    for frame in relaxed:
        contacts = closest_contacts(frame, topology)
        assert contacts["heavy"] > CLASH_HEAVY_NM
        assert contacts["hydrogen"] > CLASH_HYDROGEN_NM
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), REFERENCE)

    def energy(frame):
        context.setPositions(frame)
        return context.getState(energy=True).getPotentialEnergy()._value

    # after a few steps of a minimisation below those of 300 K, and in the same basin
    assert max(map(energy, relaxed)) < max(map(energy, frames))
    assert np.abs(relaxed[:, heavy_of(topology)] - frames[:, heavy_of(topology)]).max() < 0.12


def test_mirror_images_are_refused(histidine_proline):
    molecule, topology, built, frames = histidine_proline
    system = force_field().createSystem(molecule, nonbondedMethod=app.NoCutoff, constraints=None)
    both = np.array([frames[0], frames[0] * [-1, 1, 1]])
    _, good = relax(add_hydrogens(both[:, heavy_of(topology)], topology, built), topology, system, built)
    np.testing.assert_array_equal(good, [True, False])


def test_frames_of_another_molecule_are_refused(histidine_proline):
    _, topology, built, frames = histidine_proline
    with pytest.raises(SeedError, match="heavy atoms"):
        add_hydrogens(frames[:, heavy_of(topology)[1:]], topology, built)


def test_many_frames_take_seconds(histidine_proline):
    """Processor time of this process: a hundred frames in a tenth of the ten seconds that a thousand may take."""
    molecule, topology, built, frames = histidine_proline
    system = force_field().createSystem(molecule, nonbondedMethod=app.NoCutoff, constraints=None)
    heavy = np.tile(frames[:, heavy_of(topology)], (9, 1, 1))[:100]
    begin = time.process_time()
    relax(add_hydrogens(heavy, topology, built), topology, system, built)
    assert time.process_time() - begin < 1.0


def test_samples_with_another_disulphide_are_another_molecule():
    molecule, built, _ = build_peptide(parse_sequence("CC"), "capped", 7.0)
    topology = mdtraj.Topology.from_openmm(molecule)
    reduced = AllAtoms(topology, np.asarray(built), heavy_of(topology), force_field().createSystem(molecule))
    samples = topology.subset(heavy_of(topology))
    reduced.require(samples)
    samples.add_bond(*(atom for atom in samples.atoms if atom.name == "SG"))
    with pytest.raises(SeedError, match="other disulphides"):
        reduced.require(samples)
