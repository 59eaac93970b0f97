"""Backbones set to a conformation: near phi and psi, L, trans, whatever the side chains."""

import mdtraj
import numpy as np
import pytest

from jamun.io.seeds import derived_seed
from jamun.peptides import conformations
from jamun.peptides.build import build_peptide
from jamun.peptides.checks import stereocentres
from jamun.peptides.conformations import CONFORMATIONS, ROTAMERS, backbone_torsions, conformed, drawn, torsion
from jamun.peptides.residues import chirality
from jamun.peptides.sequences import PeptideError, parse_sequence


@pytest.mark.parametrize(
    ("sequence", "form"),
    [
        ("G", "capped"),
        ("P", "capped"),
        ("WP", "uncapped"),
        ("VIT", "capped"),
        ("GPG", "capped"),
        ("ARNDCQEGHI", "capped"),
        ("LKMFPSTWYV", "uncapped"),
        ("WWWWWWWWWW", "capped"),
    ],
)
def test_phi_and_psi_are_those_of_the_conformation(sequence, form):
    topology, positions, _ = build_peptide(parse_sequence(sequence), form, 7.0)
    structure = mdtraj.Topology.from_openmm(topology)
    proline = {atom.index for atom in structure.atoms if atom.residue.name == "PRO"}
    for conformation, targets in CONFORMATIONS.items():
        moved = conformed(topology, positions, conformation, sequence)
        assert moved.shape == positions.shape
        torsions = backbone_torsions(structure)
        assert len(torsions) == 2 * (len(sequence) - (form == "uncapped"))
        for kind, quartet in torsions:
            angle = np.rad2deg(torsion(moved, quartet))
            # The ring sets phi of proline.
            target, tolerance = (-65, 35) if kind == "phi" and quartet[1] in proline else (targets[kind == "psi"], 10)
            assert abs((angle - target + 180) % 360 - 180) < tolerance, (conformation, kind, angle)
        assert all(chirality(moved, centre, others) > 0 for _, centre, others in stereocentres(structure))
        # Bonds are those of the built peptide, give or take what relaxation does.
        first, second = np.array([(bond.atom1.index, bond.atom2.index) for bond in structure.bonds]).T
        lengths = [np.linalg.norm(place[first] - place[second], axis=1) for place in (positions, moved)]
        np.testing.assert_allclose(*lengths, atol=0.01)


@pytest.mark.parametrize("sequence", ["ARNDCQEGHI", "LKMFPSTWYV", "VIT", "WWW"])
@pytest.mark.parametrize("conformation", ["alpha", "beta"])
def test_chi1_is_that_of_the_rotamer(sequence, conformation):
    topology, positions, _ = build_peptide(parse_sequence(sequence), "capped", 7.0)
    structure = mdtraj.Topology.from_openmm(topology)
    for rotamer, target in ROTAMERS.items():
        moved = conformed(topology, positions, conformation, sequence, rotamer)
        for _, quartet in backbone_torsions(structure):
            plain = CONFORMATIONS[conformation]
            kind = structure.atom(quartet[0]).name != "C"
            if structure.atom(quartet[1]).residue.name != "PRO" or kind:
                angle = np.rad2deg(torsion(moved, quartet))
                assert abs((angle - plain[kind] + 180) % 360 - 180) < 10
        quartets, angles = mdtraj.compute_chi1(mdtraj.Trajectory(moved[None], structure))
        assert len(quartets) == sum(letter not in "AG" for letter in sequence)
        for quartet, angle in zip(quartets, np.rad2deg(angles[0]), strict=True):
            if structure.atom(quartet[1]).residue.name != "PRO":
                assert abs((angle - target + 180) % 360 - 180) < 15


def test_drawn_residues_have_conformations_of_their_own():
    topology, positions, _ = build_peptide(parse_sequence("AVWPLKGS"), "capped", 7.0)
    structure = mdtraj.Topology.from_openmm(topology)
    found = []
    for seed in range(4):
        moved = drawn(topology, positions, "AVWPLKGS", seed)
        np.testing.assert_array_equal(moved, drawn(topology, positions, "AVWPLKGS", seed))
        assert all(chirality(moved, centre, others) > 0 for _, centre, others in stereocentres(structure))
        psi = [torsion(moved, quartet) for kind, quartet in backbone_torsions(structure) if kind == "psi"]
        found.append([-90 < np.rad2deg(angle) < 90 for angle in psi])
    # Both sides of psi occur within a chain, and differently for each seed.
    assert all(0 < sum(sides) < len(sides) for sides in found)
    assert len({tuple(sides) for sides in found}) == 4


def test_a_draw_that_runs_through_a_ring_is_drawn_again(monkeypatch):
    topology, positions, _ = build_peptide(parse_sequence("FWNM"), "capped", 7.0)
    structure = mdtraj.Topology.from_openmm(topology)
    first, second = np.array([(bond.atom1.index, bond.atom2.index) for bond in structure.bonds]).T
    seed = derived_seed(0, "start", "FWNM", "1")
    moved = drawn(topology, positions, "FWNM", seed)
    assert np.linalg.norm(moved[first] - moved[second], axis=1).max() < 0.2
    # That seed's first draw does: methionine through the ring of phenylalanine.
    monkeypatch.setattr(conformations, "_DRAWS", 1)
    with pytest.raises(PeptideError, match="runs through a ring"):
        drawn(topology, positions, "FWNM", seed)


def test_torsions_are_those_of_mdtraj():
    topology, positions, _ = build_peptide(parse_sequence("APW"), "capped", 7.0)
    trajectory = mdtraj.Trajectory(positions[None], mdtraj.Topology.from_openmm(topology))
    expected = {"phi": mdtraj.compute_phi(trajectory), "psi": mdtraj.compute_psi(trajectory)}
    for kind, (quartets, angles) in expected.items():
        found = [quartet for name, quartet in backbone_torsions(trajectory.topology) if name == kind]
        assert [tuple(quartet) for quartet in quartets] == found
        np.testing.assert_allclose([torsion(positions, quartet) for quartet in found], angles[0], atol=1e-5)


def test_a_result_that_fails_the_checks_is_refused():
    topology, positions, _ = build_peptide(parse_sequence("AA"), "capped", 7.0)
    with pytest.raises(PeptideError, match=r"AA: .* inverted"):
        conformed(topology, positions * [-1, 1, 1], "beta", "AA")
