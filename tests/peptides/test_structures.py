"""Peptides given as PDB files: what is taken in, under which names, and what is refused."""

import json

import mdtraj
import numpy as np
import pytest

from jamun.config.peptides import PeptideSettings
from jamun.peptides.build import build_to_files
from jamun.peptides.given import take_structure_to_files
from jamun.peptides.sequences import PeptideError, parse_sequence
from jamun.peptides.splits import resolve_splits, structure_files
from jamun.peptides.structures import read_structure

WATER = "HETATM 9001  O   HOH W 900      50.000  50.000  50.000  1.00  0.00           O\n"


@pytest.fixture
def built(tmp_path):
    """Builds a peptide and returns its PDB."""

    def build(sequence, form="capped"):
        pdb = tmp_path / f"{sequence}-built.pdb"
        build_to_files(parse_sequence(sequence), form, 7.0, pdb, pdb.with_suffix(".json"))
        return pdb

    return build


def take(source, tmp_path):
    """The structure as taken in, and its record."""
    pdb, record = tmp_path / "taken.pdb", tmp_path / "taken.json"
    take_structure_to_files(source, "mine", 7.0, pdb, record)
    return mdtraj.load(str(pdb)), json.loads(record.read_text())


def atoms(pdb):
    """Lines of the atoms of a PDB."""
    return [line for line in pdb.read_text().splitlines(keepends=True) if line.startswith(("ATOM", "HETATM"))]


def heavy(trajectory):
    """Heavy atoms by label and their distances (N, N) in nm, which no shift changes."""
    kept = trajectory.atom_slice(trajectory.topology.select("not element H"))
    return [str(atom) for atom in kept.topology.atoms], np.linalg.norm(kept.xyz[0][:, None] - kept.xyz[0], axis=-1)


@pytest.mark.parametrize(("sequence", "form"), [("AW", "capped"), ("HCK", "uncapped"), ("MTSPI", "capped")])
def test_a_built_peptide_comes_back_as_it_was(built, tmp_path, sequence, form):
    source = built(sequence, form)
    taken, record = take(source, tmp_path)
    original = mdtraj.load(str(source))
    assert [str(atom) for atom in taken.topology.atoms] == [str(atom) for atom in original.topology.atoms]
    assert taken.topology.n_bonds == original.topology.n_bonds
    np.testing.assert_allclose(heavy(taken)[1], heavy(original)[1], atol=2e-4)
    assert (record["sequence"], record["form"]) == (sequence, form)
    assert record["checks"]["peculiarities"] == record["source"]["notes"] == []


def test_names_of_programs_water_and_models_are_put_right(built, tmp_path):
    source = built("AH")
    lines = [line for line in atoms(source) if line[76:78].strip() != "H"]
    renamed = "".join(lines).replace("HIS A", "HID B").replace("ALA A", "ALA B").replace(" C   NME", " CH3 NME")
    model = "MODEL        1\n" + renamed + WATER + "ENDMDL\n"
    second = model.replace("MODEL        1", "MODEL        2")
    given = tmp_path / "given.pdb"
    given.write_text(model + second + "END\n")
    taken, record = take(given, tmp_path)
    assert heavy(taken)[0] == heavy(mdtraj.load(str(source)))[0]
    assert taken.topology.n_chains == 1
    assert taken.n_atoms == mdtraj.load(str(source)).n_atoms
    assert any("1 HOH" in note for note in record["source"]["notes"])
    assert any("first of 2 models" in note for note in record["source"]["notes"])


def test_an_end_without_its_oxygen_is_completed(built, tmp_path):
    given = tmp_path / "given.pdb"
    given.write_text("".join(line for line in atoms(built("AA", "uncapped")) if line[12:16].strip() != "OXT"))
    taken, record = take(given, tmp_path)
    assert "OXT" in {atom.name for atom in taken.topology.atoms}
    assert record["source"]["notes"] == ["added OXT to the end of the chain"]


def test_a_mirrored_structure_is_taken_and_told(built, tmp_path):
    mirrored = mdtraj.load(str(built("AV")))
    mirrored.xyz[..., 0] *= -1
    mirrored.save_pdb(str(tmp_path / "given.pdb"))
    _, record = take(tmp_path / "given.pdb", tmp_path)
    assert [sentence.split()[0] for sentence in record["checks"]["peculiarities"]] == ["ALA2", "VAL3"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [line for line in lines if "CB  VAL" not in line], "VAL3 lacks CB"),
        (lambda lines: [line.replace("VAL", "XYZ") for line in lines], "XYZ3 is none of the 20 amino acids"),
        (lambda lines: [*lines, "TER\n", *(f"{line[:21]}B{line[22:]}" for line in lines)], "2 peptide chains"),
        (lambda _: [WATER], "no peptide in it"),
        (lambda _: ["nothing\n"], "no peptide in it"),
    ],
    ids=["missing atom", "unknown residue", "two chains", "water", "text"],
)
def test_what_is_no_whole_peptide_is_refused(built, tmp_path, change, words):
    given = tmp_path / "given.pdb"
    given.write_text("".join(change(atoms(built("AV")))))
    with pytest.raises(PeptideError, match=words):
        take_structure_to_files(given, "given", 7.0, tmp_path / "taken.pdb", tmp_path / "taken.json")
    assert not (tmp_path / "taken.pdb").exists()


def test_structures_are_test_peptides(built, tmp_path):
    folder = tmp_path / "structures"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / f"{name}.pdb").write_bytes(built("AV").read_bytes())
    (folder / "notes.txt").write_text("no structure")
    assert list(structure_files("structures", tmp_path)) == ["a", "b"]
    splits = resolve_splits(PeptideSettings(test=["AW"], structures="structures"), tmp_path)
    assert [(peptide.name, peptide.letters) for peptide in splits["test"]] == [("AW", "AW"), ("a", "AV"), ("b", "AV")]
    assert read_structure(folder / "a.pdb").residues == ("ACE", "ALA", "VAL", "NME")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"structures": ["none.pdb"]}, "none.pdb is not there"),
        ({"structures": ["empty"]}, "does not end in .pdb"),
        ({"structures": "empty"}, "no file ends in .pdb"),
        ({"structures": ["AV-built.pdb", "more/AV-built.pdb"]}, "are both AV-built"),
        ({"structures": ["a b.pdb"]}, "rename the file"),
        ({"structures": ["AV-built.pdb"], "train": ["AV"]}, "is in train too"),
        ({"structures": ["AW.pdb"], "test": ["AW"]}, "both have a peptide 'AW'"),
    ],
)
def test_lists_that_cannot_be_used(built, tmp_path, settings, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "more").mkdir()
    for copy in ("more/AV-built.pdb", "a b.pdb", "AW.pdb"):
        (tmp_path / copy).write_bytes(built("AV").read_bytes())
    with pytest.raises(PeptideError, match=words):
        resolve_splits(PeptideSettings(**settings), tmp_path)
