"""Disulphides and head-to-tail rings: spelled, built, read from structures, and their torsions."""

import itertools
import json

import mdtraj
import numpy as np
import pytest
from openmm import app
from scipy.optimize import approx_fprime

from jamun.config.peptides import PeptideSettings
from jamun.peptides import closing
from jamun.peptides.build import build_peptide, build_to_files, force_field
from jamun.peptides.checks import check, peptide_bonds
from jamun.peptides.closures import RING, Closures
from jamun.peptides.conformations import conformed, drawn
from jamun.peptides.given import prepare_to_simulate, take_structure_to_files
from jamun.peptides.sequences import PeptideError, parse_sequence, read_table
from jamun.peptides.splits import resolve_splits
from jamun.peptides.structures import read_structure
from jamun.peptides.topology import chain_bonds, peptide_topology
from jamun.peptides.torsions import compute_torsions, phi_psi_pairs
from jamun.peptides.writing import save_structure
from jamun.sampling.starts import SamplingError, read_starts


@pytest.mark.parametrize(
    ("texts", "name", "letters", "ring", "disulphides"),
    [
        (("CAAC-SS1-4", "caac-ss1-4", "CYS-ALA-ALA-CYS-SS4-1", "CAAC_SS1-4"), "CAAC-SS1-4", None, False, ((1, 4),)),
        (("cyclo-GAGAF", "cyclo(GAGAF)", "CYCLO(-Gly-Ala-Gly-Ala-Phe-)"), "cyclo-GAGAF", None, True, ()),
        (("CCGGCC-SS2-5-SS1-6",), "CCGGCC-SS1-6-SS2-5", None, False, ((1, 6), (2, 5))),
        (("cyclo(RGDF(D)K)",), "cyclo-ARG-GLY-ASP-DPN-LYS", "cyclo-RGDF(D)K", True, ()),
        (("cyclo(CAGCGA)-SS1-4",), "cyclo-CAGCGA-SS1-4", None, True, ((1, 4),)),
    ],
)
def test_spellings(texts, name, letters, ring, disulphides):
    for text in (*texts, letters or name, name):
        peptide = parse_sequence(text)
        assert (peptide.name, peptide.letters) == (name, letters or name)
        assert (peptide.ring, peptide.disulphides) == (ring, disulphides)
    assert parse_sequence(peptide.letters, "mine").disulphides == disulphides


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CAAC-SS1-3", "residue 3, which is no cysteine"),
        ("CAAC-SS1-5", "residue 5, which is no cysteine"),
        ("CACAC-SS1-3-SS3-5", "residue 3 twice in disulphides"),
        ("CAAC-SS1-1", "residue 1 twice in disulphides"),
        ("ACCA-SS2-3", "two neighbours, 2 and 3"),
        ("cyclo(CAAAC)-SS1-5", "two neighbours, 1 and 5"),
        ("cyclo(GAGA)", "ring of 4 residues, which needs cis"),
        ("cyclo()", "ring of 0 residues"),
        ("cyclo(GAGAX)", "'X', which is none of the 20"),
        ("cyclo(RGDfK)", "small letters among capitals.*F\\(D\\)"),
        ("cyclo(" + "A" * 11 + ")", "at most 10"),
    ],
)
def test_what_cannot_be_is_refused(text, words):
    with pytest.raises(PeptideError, match=words):
        parse_sequence(text)


def test_spellings_of_one_ring_are_one_molecule(tmp_path):
    (tmp_path / "rings.csv").write_text("name,sequence\nfirst,cyclo(CAGCGA)-SS1-4\nopen,CAGCGA\n")
    first, other = read_table(tmp_path / "rings.csv")
    turned = parse_sequence("cyclo(AGCGAC)-SS3-6")
    assert first.molecule("capped") == turned.molecule("capped")
    assert len({one.molecule("capped") for one in (first, other, parse_sequence("CAGCGA-SS1-4"))}) == 3
    with pytest.raises(PeptideError, match="in both train and test"):
        resolve_splits(PeptideSettings(train=[turned.letters], test="rings.csv"), tmp_path)
    shared = PeptideSettings(train=["FGAW"], test=["cyclo(GAGAF)"], unshared_substring=3)
    with pytest.raises(PeptideError, match="share 3 residues in a row"):  # F-G-A is across the bond of the ring
        resolve_splits(shared, tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The PDB of a peptide that is built once."""
    folder, made = tmp_path_factory.mktemp("built"), {}

    def build(text, form="capped"):
        peptide = parse_sequence(text)
        pdb = folder / f"{form}-{peptide.name}.pdb"
        if pdb not in made:
            build_to_files(peptide, form, 7.0, pdb, pdb.with_suffix(".json"))
            made[pdb] = peptide
        return pdb

    return build


CASES = [
    ("CAAC-SS1-4", "capped", "ACE CYX ALA ALA CYX NME"),
    ("C(D)GC-SS1-3", "uncapped", "NCYX GLY CCYX"),
    ("cyclo(HF(D)GPG)", "uncapped", "HID PHE GLY PRO GLY"),
    ("cyclo(PCGACG)-SS2-5", "capped", "PRO CYX GLY ALA CYX GLY"),
]


@pytest.mark.parametrize(("text", "form", "templates"), CASES)
def test_closed_chains_build(built, text, form, templates):
    """By the force field's residues: inner ones in a ring, also the first, whose nitrogen is no end's."""
    pdb, peptide = built(text, form), parse_sequence(text)
    record = json.loads(pdb.with_suffix(".json").read_text())
    assert record["checks"]["templates"] == templates.split()
    assert (record["sequence"], record["form"]) == (peptide.letters, RING if peptide.ring else form)
    structure = read_structure(pdb)
    assert structure.notes == ()  # its records tell the bonds
    assert structure.peptide(peptide.name) == peptide
    names = [name for own in structure.atom_names for name in own]
    for one, other in structure.closures.bonds:
        length = np.linalg.norm(structure.positions[0][one] - structure.positions[0][other])
        assert length == pytest.approx(0.204 if names[one] == "SG" else 0.134, abs=0.005)
    assert "OXT" not in names or not peptide.ring
    assert len(record["checks"]["omega_radians"]) == len(structure.residues) - (not peptide.ring)
    topologies = (app.PDBFile(str(pdb)).topology, mdtraj.load(str(pdb)).topology.to_openmm())
    assert [force_field().getUnmatchedResidues(topology) for topology in topologies] == [[], []]
    assert prepare_to_simulate(pdb, "mine", 7.0, pdb.with_suffix(".taken")) == pdb


def test_building_a_ring_twice_gives_the_same():
    first, second = (build_peptide(parse_sequence("cyclo(GGGGG)"), "capped", 7.0)[1] for _ in range(2))
    assert np.array_equal(first, second)


def test_the_gradient_of_the_closing_is_that_of_its_cost(built):
    """Against finite differences, where pulls, contacts and the sides of phi all have a part."""
    peptide = parse_sequence("CAFC-SS1-4")
    structure = read_structure(built("CAFC"))
    chain = closing._chain(structure.trajectory().topology, peptide)
    angles = np.random.default_rng(0).normal(0.0, 1.5, len(chain.torsions))
    arguments = (structure.positions[0], chain)
    _, gradient = closing._cost(angles, *arguments)
    numeric = approx_fprime(angles, lambda now: closing._cost(now, *arguments)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-2 * np.abs(numeric).max())


def test_a_mirrored_ring_is_refused(built):
    loaded = mdtraj.load(str(built("cyclo(PCGACG)-SS2-5")))
    check(loaded.xyz[0], loaded.topology, "ring")
    with pytest.raises(PeptideError, match="D instead of L"):
        check(loaded.xyz[0] * [-1, 1, 1], loaded.topology, "ring")


def test_torsions_of_a_ring_do_not_depend_on_where_it_begins(built):
    """Each residue of a ring has phi, psi and omega, whichever is written first."""
    structure = read_structure(built("cyclo(HF(D)GPG)", "uncapped"))
    spelled = {}
    for first in range(5):
        order = [*range(first, 5), *range(first)]
        starts = np.cumsum([0, *map(len, structure.atom_names)])
        atoms = np.concatenate([np.arange(starts[place], starts[place + 1]) for place in order])
        residues = tuple(structure.residues[place] for place in order)
        names = tuple(structure.atom_names[place] for place in order)
        ends = [(int(sum(map(len, names[:-1]))) + names[-1].index("C"), 0)]
        bonds = np.concatenate([chain_bonds(residues, names), ends])
        turned = mdtraj.Trajectory(structure.positions[:, atoms], peptide_topology(residues, names, bonds))
        torsions, angles = compute_torsions(turned)
        assert len(phi_psi_pairs(torsions)) == 5
        assert len(peptide_bonds(turned.topology)) == 5
        places = [(torsion.residue - 1 + first) % 5 for torsion in torsions]
        spelled[first] = {
            (torsion.kind, place): float(angle)
            for torsion, place, angle in zip(torsions, places, angles[0], strict=True)
        }
        assert [place for torsion, place in zip(torsions, places, strict=True) if torsion.kind == "phi"] == order
    for first in range(1, 5):
        assert spelled[first].keys() == spelled[0].keys()
        np.testing.assert_allclose([spelled[first][key] for key in spelled[0]], list(spelled[0].values()), atol=1e-4)


def test_torsions_of_a_disulphide(built):
    loaded = mdtraj.load(str(built("CAAC-SS1-4")))
    torsions, angles = compute_torsions(loaded)
    found = {(one.kind, one.residue): angle for one, angle in zip(torsions, angles[0], strict=True)}
    assert {key for key in found if key[0].startswith("chi")} == {
        ("chi1", 1), ("chi1", 4), ("chi2", 1), ("chi2", 4), ("chi3", 1),
    }  # fmt: skip
    assert np.rad2deg(abs(found["chi3", 1])) == pytest.approx(90, abs=30)


def without_records(pdb, target, *records):
    lines = [line for line in pdb.read_text().splitlines() if not line.startswith(("CONECT", "SSBOND"))]
    target.write_text("\n".join([*records, *lines]) + "\n")
    return target


def test_bonds_by_distance_are_told_and_those_of_records_are_not(built, tmp_path):
    bridge, ring = built("CAAC-SS1-4"), built("cyclo(HF(D)GPG)", "uncapped")
    bare = without_records(bridge, tmp_path / "bare.pdb")
    assert read_structure(bare).notes == ("a disulphide joins CYS2 and CYS5",)
    record = "SSBOND   1 CYS A    2    CYS A    5"
    assert read_structure(without_records(bridge, tmp_path / "ssbond.pdb", record)).notes == ()
    open_ring = without_records(ring, tmp_path / "ring.pdb")
    assert read_structure(open_ring).notes == ("a ring: GLY5 is bonded to HIS1",)
    assert read_structure(open_ring).peptide("x").letters == "cyclo-HF(D)GPG"
    link = f"LINK         C   GLY A   5{'':17}N   HIS A   1"
    assert read_structure(without_records(ring, tmp_path / "link.pdb", link)).notes == ()
    take_structure_to_files(open_ring, "mine", 7.0, tmp_path / "taken.pdb", tmp_path / "taken.json")
    taken = json.loads((tmp_path / "taken.json").read_text())
    assert taken["checks"]["templates"] == ["HID", "PHE", "GLY", "PRO", "GLY"]
    assert (taken["sequence"], taken["form"]) == ("cyclo-HF(D)GPG", RING)


def test_a_bond_of_another_kind_is_refused(built, tmp_path):
    """Of two side chains, by its record; where the record means atoms that are far apart, it is no bond."""
    pdb = built("cyclo(HF(D)GPG)", "uncapped")
    text = pdb.read_text()
    at = {(line[12:16].strip(), line[22:26].strip()): line for line in text.splitlines() if line.startswith("ATOM")}
    near = tmp_path / "near.pdb"
    numbers = [at[key][6:11] for key in (("CB", "1"), ("CB", "4"))]
    record = f"CONECT{numbers[0]}{numbers[1]}\nEND"
    near.write_text(text.replace("END", record))
    assert read_structure(near).peptide("x").ring
    moved = at["CB", "4"]
    beside = "".join(f"{float(at['CB', '1'][start : start + 8]) + 0.9:8.3f}" for start in (30, 38, 46))
    near.write_text(near.read_text().replace(moved, moved[:30] + beside + moved[54:]))
    with pytest.raises(PeptideError, match=r"near\.pdb: HIS1 CB is bonded to PRO4 CB; between residues"):
        read_structure(near)


def test_a_record_of_a_far_bond_is_refused(built, tmp_path):
    record = "SSBOND   1 CYS A    2    CYS A    5"
    with pytest.raises(PeptideError, match=r"bond CYS2 SG to CYS5 SG is .* nm long"):
        read_structure(without_records(built("CAAC"), tmp_path / "far.pdb", record))


def test_starts_must_have_the_same_bonds(built):
    with pytest.raises(SamplingError, match=r"other disulphides than in .*CAAC-SS1-4\.pdb"):
        read_starts([built("CAAC-SS1-4"), built("CAAC")])


def test_a_closed_chain_starts_as_built_alone():
    topology, positions, _ = build_peptide(parse_sequence("CGC-SS1-3"), "capped", 7.0)
    for start in (lambda: conformed(topology, positions, "alpha", "CGC"), lambda: drawn(topology, positions, "CGC", 1)):
        with pytest.raises(PeptideError, match="CGC: a ring or a disulphide sets its backbone"):
            start()


@pytest.mark.parametrize(("text", "form"), [case[:2] for case in CASES])
def test_heavy_atoms_are_written_with_the_bonds(built, tmp_path, text, form):
    frame = read_structure(built(text, form)).trajectory()
    save_structure(frame, tmp_path / "heavy.pdb")
    closures = Closures.of_topology(frame.topology)
    assert closures
    assert Closures.of_topology(mdtraj.load(str(tmp_path / "heavy.pdb")).topology) == closures
    again = read_structure(tmp_path / "heavy.pdb")
    assert (again.closures, again.notes) == (closures, ())


def test_an_open_chain_has_no_closures(built):
    assert not Closures.of_topology(mdtraj.load(str(built("CAAC"))).topology)
    pairs = itertools.pairwise(range(3))
    assert not Closures.of(("C", "N", "CA"), (0, 1, 1), pairs)
