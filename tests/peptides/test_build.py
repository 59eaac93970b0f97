"""Built peptides: every dipeptide, the checks, the files."""

import json
import random
from itertools import pairwise

import mdtraj
import numpy as np
import pytest
from openmm import app

from jamun.peptides import build
from jamun.peptides.build import build_peptide, build_to_files, force_field
from jamun.peptides.checks import check, peptide_bonds, stereocentres
from jamun.peptides.sequences import THREE_LETTER, PeptideError, parse_sequence
from jamun.peptides.splits import dipeptides
from jamun.peptides.structures import read_structure
from jamun.sampling.starts import read_starts

# Without caps every residue at each end: what is bonded to what else is as with caps, and all of them build in
# `make test-full`.
EVERY_END = [parse_sequence(pair[0] + pair[1]) for pair in pairwise([*THREE_LETTER, next(iter(THREE_LETTER))])]


@pytest.mark.parametrize(
    ("form", "peptides"),
    [
        pytest.param("capped", dipeptides(), id="capped"),
        pytest.param("uncapped", EVERY_END, id="uncapped, every residue at each end"),
        pytest.param("uncapped", dipeptides(), id="uncapped", marks=pytest.mark.full),
    ],
)
def test_all_dipeptides_build(form, peptides):
    for peptide in peptides:
        topology, positions, record = build_peptide(peptide, form, 7.0)
        names = [residue.name for residue in topology.residues()]
        expected = ["ACE", *peptide.residues, "NME"] if form == "capped" else list(peptide.residues)
        assert names == expected
        assert positions.shape == (topology.getNumAtoms(), 3)
        assert len(record["stereocentres"]) >= sum(residue != "GLY" for residue in peptide.residues)
        assert len(record["omega_radians"]) == (3 if form == "capped" else 1)


@pytest.mark.parametrize("sequence", ["G", "W", "AWP", "ARNDC", "ARNDCQEGHI", "LKMFPSTWYV"])
@pytest.mark.parametrize("form", ["capped", "uncapped"])
def test_other_lengths_and_every_residue(sequence, form):
    if form == "uncapped" and len(sequence) == 1:
        with pytest.raises(PeptideError, match="single residue without caps"):
            build_peptide(parse_sequence(sequence), form, 7.0)
        return
    topology, _, _ = build_peptide(parse_sequence(sequence), form, 7.0)
    assert topology.getNumResidues() == len(sequence) + (2 if form == "capped" else 0)


def test_ends_that_the_sequence_tells(tmp_path):
    for sequence, usual, form in (("H-AW-OH", "capped", "uncapped"), ("Ac-AW-NHMe", "uncapped", "capped")):
        build_to_files(parse_sequence(sequence), usual, 7.0, tmp_path / "told.pdb", tmp_path / "told.json")
        build_to_files(parse_sequence("AW"), form, 7.0, tmp_path / "usual.pdb", tmp_path / "usual.json")
        told, as_usual = (json.loads((tmp_path / name).read_text()) for name in ("told.json", "usual.json"))
        assert (told["form"], told["residues"]) == (form, as_usual["residues"])
        assert (tmp_path / "told.pdb").read_text() == (tmp_path / "usual.pdb").read_text()


def test_files_read_back_with_bonds(tmp_path):
    build_to_files(parse_sequence("AW"), "capped", 7.0, tmp_path / "AW.pdb", tmp_path / "AW.json")
    read = mdtraj.load(tmp_path / "AW.pdb")
    topology, positions, _ = build_peptide(parse_sequence("AW"), "capped", 7.0)
    assert read.topology.n_chains == 1
    assert read.topology.n_bonds == topology.getNumBonds()
    np.testing.assert_allclose(read.xyz[0], positions, atol=1e-4)
    assert force_field().getUnmatchedResidues(app.PDBFile(str(tmp_path / "AW.pdb")).topology) == []
    record = json.loads((tmp_path / "AW.json").read_text())
    assert record["residues"] == ["ACE", "ALA", "TRP", "NME"]
    assert record["provenance"]["packages"]["openmm"]


def test_ph_sets_protonation():
    def charged_histidine(ph):
        topology, *_ = build_peptide(parse_sequence("H"), "capped", ph)
        names = {atom.name for atom in topology.atoms()}
        return {"HD1", "HE2"} <= names

    assert charged_histidine(4.0)
    assert not charged_histidine(9.0)


def test_protonation_states_without_a_template_are_refused_in_a_sentence():
    with pytest.raises(PeptideError, match=r"DE: .* uncapped, at pH 2 .*ASP.*nearer to 7"):
        build_peptide(parse_sequence("DE"), "uncapped", 2.0)
    assert build_peptide(parse_sequence("DE"), "capped", 2.0)[2]["templates"] == ["ACE", "ASH", "GLH", "NME"]


def test_building_twice_gives_the_same_and_leaves_the_random_state():
    state = random.getstate()
    first, second = (build_peptide(parse_sequence("HR"), "uncapped", 7.0)[1] for _ in range(2))
    assert np.array_equal(first, second)
    assert random.getstate() == state


def test_hydrogens_are_placed_otherwise_where_relaxing_turns_a_stereocentre_over(monkeypatch):
    build_peptide(parse_sequence("RKIM"), "capped", 7.0)
    monkeypatch.setattr(build, "_PLACINGS", 1)
    with pytest.raises(PeptideError, match="LYS3 CA came out inverted"):
        build_peptide(parse_sequence("RKIM"), "capped", 7.0)


def test_nothing_is_printed(capfd):
    build_peptide(parse_sequence("AW"), "capped", 7.0)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.fixture(scope="module")
def isoleucine():
    topology, positions, _ = build_peptide(parse_sequence("IT"), "capped", 7.0)
    return mdtraj.Topology.from_openmm(topology), positions


def test_mirror_image_is_refused(isoleucine):
    topology, positions = isoleucine
    assert len(stereocentres(topology)) == 4
    with pytest.raises(PeptideError, match="inverted"):
        check(positions * [-1, 1, 1], topology, "IT")


def test_a_swapped_side_chain_is_refused(isoleucine):
    topology, positions = isoleucine
    atoms = {atom.name: atom.index for atom in topology.residue(1).atoms}
    swapped = positions.copy()
    swapped[[atoms["CG1"], atoms["CG2"]]] = positions[[atoms["CG2"], atoms["CG1"]]]
    with pytest.raises(PeptideError, match="ILE2 CB"):
        check(swapped, topology, "IT")


def test_a_cis_bond_is_refused(isoleucine):
    topology, positions = isoleucine
    _, (_, carbon, nitrogen, _) = peptide_bonds(topology)[1]
    axis = positions[nitrogen] - positions[carbon]
    axis /= np.linalg.norm(axis)
    # Turn everything after the bond by 180 degrees about it.
    moved = positions.copy()
    later = [atom.index for atom in topology.atoms if atom.residue.index >= 2]
    relative = positions[later] - positions[nitrogen]
    moved[later] = positions[nitrogen] + 2 * np.outer(relative @ axis, axis) - relative
    with pytest.raises(PeptideError, match="not trans"):
        check(moved, topology, "IT")


def test_a_clash_is_refused(isoleucine):
    topology, positions = isoleucine
    clashing = positions.copy()
    last = topology.n_atoms - 1
    clashing[last] = positions[0] + 0.05
    with pytest.raises(PeptideError, match="clash"):
        check(clashing, topology, "IT")


@pytest.mark.parametrize("form", ["capped", "uncapped"])
@pytest.mark.parametrize("sequence", ["A(D)W", "I(D)P(D)", "TP(D)I(D)"])
def test_d_residues_build(sequence, form, tmp_path):
    """Ile and Thr are mirrored at both of their centres; a structure that is read back is of the same hands."""
    peptide = parse_sequence(sequence)
    build_to_files(peptide, form, 7.0, tmp_path / "built.pdb", tmp_path / "built.json")
    structure = read_structure(tmp_path / "built.pdb")
    assert structure.amino_acids == peptide.residues
    hands = dict(enumerate(peptide.hands, start=form == "capped"))
    assert all(sign == hands[place] for _, place, sign in structure.hands_found())
    assert json.loads((tmp_path / "built.json").read_text())["sequence"] == sequence


def test_a_residue_of_the_wrong_hand_is_told(tmp_path):
    """By the name that the file gives it: DAL is D, ALA is L."""
    build_to_files(parse_sequence("A(D)V"), "capped", 7.0, tmp_path / "d.pdb", tmp_path / "d.json")
    text = (tmp_path / "d.pdb").read_text()
    (tmp_path / "named.pdb").write_text(text.replace("ALA A", "DAL A"))
    (tmp_path / "wrong.pdb").write_text(text.replace("VAL A", "DVA A"))
    named = read_structure(tmp_path / "named.pdb")
    assert (named.residues, named.amino_acids) == (("ACE", "ALA", "VAL", "NME"), ("DAL", "VAL"))
    assert read_starts([tmp_path / "named.pdb"]).notes == []
    assert read_starts([tmp_path / "d.pdb"]).notes == [
        f"{tmp_path / 'd.pdb'}: ALA2 CA is inverted (D instead of L)"  # D by its positions, L by its name
    ]
    with pytest.raises(PeptideError, match=r"wrong\.pdb: DVA3 is a D residue by its name, but L by its positions"):
        read_structure(tmp_path / "wrong.pdb")
