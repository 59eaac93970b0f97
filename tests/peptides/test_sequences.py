"""Sequences, tables, splits."""

import itertools
import random

import pytest

from jamun.config.peptides import PeptideSettings
from jamun.peptides.sequences import THREE_LETTER, PeptideError, parse_sequence, read_table
from jamun.peptides.splits import resolve_splits


@pytest.mark.parametrize("text", ["AW", "aw", " AW ", "ALA-TRP", "ALA_TRP", "ala-trp"])
def test_forms_of_a_sequence(text):
    peptide = parse_sequence(text)
    assert (peptide.name, peptide.letters, peptide.residues) == ("AW", "AW", ("ALA", "TRP"))


@pytest.mark.parametrize(
    ("text", "words"),
    [("AB", "'B'"), ("", "empty"), ("   ", "empty"), ("ALA-XYZ", "'XYZ'"), ("A" * 11, "at most 10"), ("ALA-", "''")],
)
def test_bad_sequences(text, words):
    with pytest.raises(PeptideError, match=words):
        parse_sequence(text)


def test_letters_without_a_separator_are_one_residue_each():
    # The letters of Ala-Leu-Ala spell the code of alanine; the workflow hands a peptide on by its letters.
    for codes in ("ALA-LEU-ALA", "GLY-LEU-TYR", "SER-GLU-ARG", "ALA-TRP"):
        peptide = parse_sequence(codes)
        assert parse_sequence(peptide.letters) == peptide
    assert parse_sequence("ALA").residues == ("ALA", "LEU", "ALA")
    with pytest.raises(PeptideError, match="single residue write E"):
        parse_sequence("GLU")


def test_one_and_ten_residues():
    assert parse_sequence("A").residues == ("ALA",)
    assert len(parse_sequence("ARNDCQEGHI").residues) == 10


def test_tables(tmp_path):
    (tmp_path / "a.csv").write_text("name,sequence\nfirst,AW\nsecond,ALA-GLY\n")
    (tmp_path / "a.fasta").write_text(">first some words\nA\nW\n\n>second\nAG\n")
    for name in ("a.csv", "a.fasta"):
        assert [(p.name, p.letters) for p in read_table(tmp_path / name)] == [("first", "AW"), ("second", "AG")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolon.csv", b"name;sequence\none;AW\ntwo;AG\n"),
        ("bom.csv", b"\xef\xbb\xbfname;sequence\r\none;AW\r\ntwo;AG\r\n"),
        ("tab.tsv", b"name\tsequence\none\tAW\ntwo\tAG\n"),
        ("utf16.csv", "name,sequence\r\none,AW\r\ntwo,AG\r\n".encode("utf-16")),
        ("spaced.csv", b"name, sequence\n one, AW\ntwo ,AG \n"),
        ("capitals.csv", b"Name,Sequence\none,AW\ntwo,AG\n"),
        ("mac.csv", b"name,sequence\rone,AW\rtwo,AG\r"),
        ("blank.csv", b"name,sequence\none,AW\n\n,\n  \ntwo,AG\n,\n,\n"),
        ("quoted.csv", b'"name","sequence"\n"one","AW"\n"two","AG"\n'),
        ("more.csv", b'id,sequence,name,note\n1,AW,one,"first, with comma"\n2,AG,two,\n'),
        ("star.fasta", b">one\nAW*\n>two\nAG*\n"),
        ("star.csv", b"name,sequence\none,AW*\ntwo,AG\n"),
        ("uniprot.fasta", b">sp|one|NEUP_HUMAN Neuropeptide OS=Homo sapiens\nAW\n>tr|two|Q9XYZ1_MOUSE\nAG\n"),
    ],
)
def test_tables_as_people_have_them(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert [(p.name, p.letters) for p in read_table(tmp_path / name)] == [("one", "AW"), ("two", "AG")]


@pytest.mark.parametrize("name", ["plain.txt", "plain.csv"])
def test_a_list_of_sequences_alone(tmp_path, name):
    (tmp_path / name).write_text("AW\n\nALA-GLY\n")
    assert [(p.name, p.letters) for p in read_table(tmp_path / name)] == [("AW", "AW"), ("AG", "AG")]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "name\nAW\n", "row 1: 'name' is no sequence .*column named 'sequence'"),
        ("a.csv", "one,AW\ntwo,AG\n", "row 1: 'one,AW' is no sequence .*column named 'sequence'"),
        ("a.csv", "AW\nAX\n", "row 2: 'AX' is no sequence .*first row, which is 'AW'"),
        ("a.csv", "name;sequence\nx;AW;AG\n", "row 2: 3 cells in 'x;AW;AG', but 2 columns"),
        ("a.csv", "sequence,sequence\nAW,AG\n", "'sequence' is there twice"),
        ("a.csv", "sequence\nAc-AW-NH2\n", "row 2: .*caps are written around all, as in Ac-AW-NHMe"),
        ("a.csv", "sequence\nA*W\n", r"row 2.*'\*'"),
        ("a.csv", "sequence\nAW\nAB\n", "row 3.*'B'"),
        ("a.csv", "name,sequence\nx,AW\n ,AG\n", "row 3.*name is empty"),
        ("a.csv", "sequence,name\nAW,x\nAG\n", "row 3.*name is empty"),
        ("a.csv", "name,sequence\nx,AW\nx,AG\n", "row 3 and row 2 are both named 'x'"),
        ("a.csv", "name,sequence\n../x,AW\n", "row 2.*letters, digits"),
        ("a.csv", "peptide\nAW\n", "column named 'sequence'"),
        ("a.csv", "sequence\n", "no peptide"),
        ("a.fasta", ">x\nAW\n>x\nAG\n", "row 3 and row 1"),
        ("a.fasta", ">\nAW\n", "row 1: the name is empty"),
        ("a.fasta", ">x\n>y\nAW\n", "row 1: a sequence is empty"),
        ("a.fa", "AW\n", "starts with a '>'"),
    ],
)
def test_bad_tables_name_the_row(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(PeptideError, match=words):
        read_table(tmp_path / name)


def test_missing_table(tmp_path):
    with pytest.raises(PeptideError, match="no such file"):
        read_table(tmp_path / "none.csv")


def test_counts_are_disjoint_and_cover_every_residue_at_both_positions(tmp_path):
    test = ["AW", "DE", "GP"]
    settings = PeptideSettings(train=40, validation=20, test=test, split_seed=3)
    splits = resolve_splits(settings, tmp_path)
    names = {split: {p.letters for p in members} for split, members in splits.items()}
    assert {split: len(members) for split, members in names.items()} == {"train": 40, "validation": 20, "test": 3}
    assert not any(a & b for a, b in itertools.combinations(names.values(), 2))
    for place in (0, 1):
        assert {letters[place] for letters in names["train"]} == set(THREE_LETTER)
    assert splits == resolve_splits(settings, tmp_path)
    other = resolve_splits(PeptideSettings(train=40, validation=20, test=test, split_seed=4), tmp_path)
    assert other["train"] != splits["train"]


def test_the_smallest_training_split_that_can_cover_does(tmp_path):
    # 20 dipeptides cover 20 types at 2 positions only if no type comes twice at a position.
    test = [first + second for first in "AC" for second in "AC"]
    for seed in range(20):
        settings = PeptideSettings(train=20, validation=10, test=test, split_seed=seed)
        train = [peptide.letters for peptide in resolve_splits(settings, tmp_path)["train"]]
        for place in (0, 1):
            assert {letters[place] for letters in train} == set(THREE_LETTER)


def test_a_sequence_under_two_names_is_drawn_once(tmp_path):
    rows = [f"{name}{place},{sequence}" for place, sequence in enumerate(("AW", "AG", "AD")) for name in "xy"]
    (tmp_path / "pool.csv").write_text("name,sequence\n" + "\n".join(rows))
    splits = resolve_splits(PeptideSettings(train=1, validation=1, test=1, pool="pool.csv"), tmp_path)
    assert sorted(peptide.letters for members in splits.values() for peptide in members) == ["AD", "AG", "AW"]
    with pytest.raises(PeptideError, match="3 different sequences"):
        resolve_splits(PeptideSettings(train=2, validation=1, test=1, pool="pool.csv"), tmp_path)


def test_the_papers_split(tmp_path):
    (tmp_path / "test.csv").write_text("sequence\n" + "\n".join(a + b for a in "ARNDC" for b in THREE_LETTER))
    splits = resolve_splits(PeptideSettings(train=200, validation=80, test="test.csv"), tmp_path)
    assert [len(splits[split]) for split in ("train", "validation", "test")] == [200, 80, 100]


def test_splits_share_no_stretch(tmp_path):
    generator = random.Random(0)
    pool = ["".join(generator.choices("ACDE", k=length)) for length in (1, 2, 3, 4, 5) for _ in range(30)]
    (tmp_path / "pool.csv").write_text("sequence\n" + "\n".join(sorted(set(pool))))
    settings = PeptideSettings(
        train=15, validation=5, test=["ACDE", "AAC"], structures=[], pool="pool.csv", unshared_substring=3
    )
    splits = resolve_splits(settings, tmp_path)
    assert [len(splits[split]) for split in ("train", "validation", "test")] == [15, 5, 2]
    letters = {split: [peptide.letters for peptide in members] for split, members in splits.items()}
    triples = {
        split: {text[i : i + 3] for text in texts for i in range(len(text) - 2)} for split, texts in letters.items()
    }
    assert all(triples.values())
    assert not any(a & b for a, b in itertools.combinations(triples.values(), 2))
    longest = {split: max(map(len, texts)) for split, texts in letters.items()}
    assert longest["train"] > 3
    # Without the setting the same draw shares some.
    free = resolve_splits(settings.model_copy(update={"unshared_substring": None}), tmp_path)
    shared = [
        {p.letters[i : i + 3] for p in free[s] for i in range(len(p.letters) - 2)} for s in ("train", "validation")
    ]
    assert shared[0] & shared[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train": ["AACD"], "test": ["GACD"], "unshared_substring": 3}, "AACD in train and GACD in test share 3"),
        (
            {"train": 2, "test": ["AAA"], "pool": ["AAAC", "DAAA"], "unshared_substring": 3},
            "train asks for 2 .* only 0",
        ),
        ({"train": ["AW"], "test": ["ALA-TRP"]}, "both train and test"),
        ({"train": ["AW", "AW"]}, "entries 1 and 2"),
        ({"train": ["AW", "AB"]}, "peptides.train, entry 2"),
        ({"train": 300, "validation": 101}, "ask for 401"),
        ({}, "no peptide in any split"),
        ({"test": "named.csv"}, "'mean' is what tables call the mean over peptides"),
        ({"form": "uncapped", "test": ["AW", "G"]}, "peptides.test: G is a single residue"),
    ],
)
def test_impossible_splits(tmp_path, settings, words):
    (tmp_path / "named.csv").write_text("sequence,name\nAW,mean\n")
    with pytest.raises(PeptideError, match=words):
        resolve_splits(PeptideSettings(**settings), tmp_path)


def test_d_residues_by_letter_and_by_name():
    for text in ("A(D)W", "a(d)w", "DAL-TRP", "DAL_TRP"):
        peptide = parse_sequence(text)
        assert (peptide.name, peptide.residues, peptide.letters) == ("DAL-TRP", ("DAL", "TRP"), "A(D)W")
    assert (peptide.natural_letters, peptide.hands) == ("AW", (-1, 1))
    assert parse_sequence(peptide.name) == peptide
    assert parse_sequence("A(D)W", "mine").name == "mine"
    with pytest.raises(PeptideError, match="holds a D glycine"):
        parse_sequence("G(D)W")
    for text in ("(D)A", "A(D", "A(E)W", "A(D)(D)W"):
        with pytest.raises(PeptideError, match="none of the 20 amino acids"):
            parse_sequence(text)


def test_ends_in_a_sequence():
    for text in ("H-AW-OH", "h-aw-oh", "H-ALA-TRP-OH"):
        peptide = parse_sequence(text)
        assert (peptide.name, peptide.residues, peptide.ends) == ("H-AW-OH", ("ALA", "TRP"), "uncapped")
        assert parse_sequence(peptide.letters) == peptide
    for text in ("Ac-AW-NHMe", "ACE-ALA-TRP-NME"):
        peptide = parse_sequence(text)
        assert (peptide.name, peptide.residues, peptide.ends) == ("Ac-AW-NHMe", ("ALA", "TRP"), "capped")
    assert parse_sequence("AW").ends is None
    assert parse_sequence("H-A(D)CAC-SS2-4-OH").name == "H-DAL-CYS-ALA-CYS-SS2-4-OH"
    for text in ("H-AW-NHMe", "Ac-AW-OH"):
        with pytest.raises(PeptideError, match="one end capped and one free"):
            parse_sequence(text)
    with pytest.raises(PeptideError, match="a ring, which has no ends"):
        parse_sequence("H-cyclo(GAGAF)-OH")
    assert parse_sequence("HIS-ALA-HIS").ends is None


def test_capped_and_uncapped_peptides_of_one_dataset(tmp_path):
    splits = resolve_splits(PeptideSettings(train=["AW", "H-AW-OH"], test=["AG"]), tmp_path)
    assert [peptide.name for peptide in splits["train"]] == ["AW", "H-AW-OH"]
    # Told or usual, it is the same molecule.
    for form, told in (("capped", "Ac-AW-NHMe"), ("uncapped", "H-AW-OH")):
        with pytest.raises(PeptideError, match="in both train and test"):
            resolve_splits(PeptideSettings(form=form, train=["AW"], test=[told]), tmp_path)
    with pytest.raises(PeptideError, match=r"peptides\.test: H-G-OH is a single residue"):
        resolve_splits(PeptideSettings(test=["AW", "H-G-OH"]), tmp_path)
