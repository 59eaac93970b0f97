"""Samples with hydrogens: the peptide's atoms in its order, of the right hand, without clashes, energies finite."""

import mdtraj
import numpy as np
import pytest

from jamun.commands.sample import Molecule, write_all_atoms
from jamun.config.configuration import Configuration
from jamun.io.atomic import read_json, read_npz, write_npz
from jamun.io.files import AllAtomFiles, SamplingFiles
from jamun.peptides.build import build_peptide, write_peptide
from jamun.peptides.checks import CLASH_HEAVY_NM, CLASH_HYDROGEN_NM, closest_contacts, stereocentres
from jamun.peptides.conformations import conformed
from jamun.peptides.hydrogens import SeedError
from jamun.peptides.residues import chirality
from jamun.peptides.sequences import parse_sequence
from jamun.sampling.all_atoms import all_atoms_to_files

ACCEPTED = np.array([True, True, False, True, True, True])
MIRRORED = 4


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Six samples of Ile-Ser, one of them rejected, one a mirror image; the folder and the heavy atoms' frames."""
    folder = tmp_path_factory.mktemp("samples")
    topology, built, _ = build_peptide(parse_sequence("IS"), "capped", 7.0)
    write_peptide(topology, built, folder / "IS.pdb")
    whole = mdtraj.Topology.from_openmm(topology)
    heavy = whole.select("element != H")
    generator = np.random.default_rng(0)
    frames = np.array(
        [conformed(topology, built, backbone, "IS")[heavy] for backbone in ("alpha", "beta") for _ in range(3)]
    )
    frames += 0.003 * generator.standard_normal(frames.shape)
    frames[MIRRORED] *= [-1, 1, 1]
    samples = mdtraj.Trajectory(frames, whole.subset(heavy))
    files = SamplingFiles.in_folder(folder)
    samples.save_xtc(str(files.samples))
    samples[0].save_pdb(str(files.topology))
    write_npz(files.flags, {"accepted": ACCEPTED})
    return folder, files, frames


@pytest.fixture(scope="module")
def written(sampled):
    folder, files, _ = sampled
    found = AllAtomFiles.in_folder(folder)
    all_atoms_to_files(folder / "IS.pdb", files, found)
    return found, mdtraj.load(str(found.trajectory), top=str(found.topology))


def test_names_and_order_are_the_built_peptides_and_frames_those_accepted(sampled, written):
    folder, _, heavy = sampled
    found, frames = written
    built = mdtraj.load_topology(str(folder / "IS.pdb"))
    assert [str(atom) for atom in frames.topology.atoms] == [str(atom) for atom in built.atoms]
    kept = [number for number in np.flatnonzero(ACCEPTED) if number != MIRRORED]
    np.testing.assert_array_equal(read_npz(found.arrays)["sample"], kept)
    np.testing.assert_array_equal(frames.time, kept)
    own = frames.atom_slice(frames.topology.select("element != H"))
    # contacts are relaxed where they are: the basins stay
    assert np.abs(own.xyz - heavy[kept]).max() < 0.12
    record = read_json(found.record)
    assert (record["samples"], record["written"], record["refused"]) == (5, 4, 1)


def test_hands_are_kept_and_nothing_clashes(written):
    _, frames = written
    centres = stereocentres(frames.topology)
    assert len(centres) == 3  # both alpha carbons, and the beta carbon of isoleucine
    for _, centre, neighbours in centres:
        assert (chirality(frames.xyz, centre, neighbours) > 0).all()
    for frame in frames.xyz:
        contacts = closest_contacts(frame, frames.topology)
        assert contacts["heavy"] > CLASH_HEAVY_NM
        assert contacts["hydrogen"] > CLASH_HYDROGEN_NM


def test_energies_are_those_of_the_frames_and_below_those_before(sampled, written):
    import openmm
    from openmm import app

    from jamun.peptides.build import force_field

    folder, _, _ = sampled
    found, frames = written
    energies = read_npz(found.arrays)["energy"]
    assert np.isfinite(energies).all()
    topology = app.PDBFile(str(folder / "IS.pdb")).topology
    system = force_field().createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=None)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    for frame, energy in zip(frames.xyz, energies, strict=True):
        context.setPositions(frame.astype(float))
        # XTC rounds to 0.0005 nm, by which stiff bonds of 3e5 kJ/mol/nm2 change by less than a tenth of a kJ/mol each
        assert context.getState(energy=True).getPotentialEnergy()._value == pytest.approx(energy, abs=5.0)
    assert read_json(found.record)["energy_kj_per_mol"]["0.5"] == pytest.approx(np.median(energies))


def test_samples_of_a_structure_get_the_hydrogens_that_it_lacks(sampled, written, tmp_path):
    """As `jamun sample --pdb --hydrogens` does, from a file of heavy atoms alone."""
    _, files, _ = sampled
    tmp_path = tmp_path / "Mäx 1"  # MDTraj opens names in ASCII alone
    tmp_path.mkdir()
    own = SamplingFiles.in_folder(tmp_path)
    for source, target in ((files.samples, own.samples), (files.flags, own.flags), (files.topology, own.topology)):
        target.write_bytes(source.read_bytes())
    write_all_atoms(Molecule("IS", [files.topology]), Configuration(), tmp_path)
    found = AllAtomFiles.in_folder(tmp_path)
    assert found.trajectory.stat().st_size > 0
    topology = mdtraj.load_topology(str(found.topology))
    assert [str(atom) for atom in topology.atoms] == [str(atom) for atom in written[1].topology.atoms]
    np.testing.assert_array_equal(read_npz(found.arrays)["sample"], read_npz(written[0].arrays)["sample"])


def test_samples_of_another_molecule_or_of_the_other_hand_alone_are_told(sampled, tmp_path):
    folder, files, frames = sampled
    topology, built, _ = build_peptide(parse_sequence("SI"), "capped", 7.0)
    write_peptide(topology, built, tmp_path / "SI.pdb")
    out = AllAtomFiles.in_folder(tmp_path)
    with pytest.raises(SeedError, match="order"):
        all_atoms_to_files(tmp_path / "SI.pdb", files, out)
    mirrored = SamplingFiles.in_folder(tmp_path)
    mdtraj.Trajectory(frames * [-1, 1, 1], mdtraj.load_topology(str(files.topology)))[:2].save_xtc(
        str(mirrored.samples)
    )
    mirrored.topology.write_bytes(files.topology.read_bytes())
    write_npz(mirrored.flags, {"accepted": np.ones(2, dtype=bool)})
    with pytest.raises(SeedError, match="hands"):
        all_atoms_to_files(folder / "IS.pdb", mirrored, out)
    assert not out.record.exists()
