"""Structure files as people have them: each comes to the right peptide, with a word about what was left out, or to one
sentence."""

import gzip
import json
from pathlib import Path

import mdtraj
import numpy as np
import pytest
from openmm import app

from jamun.config.peptides import PeptideSettings
from jamun.peptides.build import force_field
from jamun.peptides.checks import peculiarities
from jamun.peptides.given import prepare_to_simulate, take_structure_to_files
from jamun.peptides.reading import STRUCTURE_SUFFIXES, structure_name
from jamun.peptides.residues import RESIDUE_KINDS, standard_atom
from jamun.peptides.sequences import ONE_LETTER, PeptideError
from jamun.peptides.splits import resolve_splits
from jamun.peptides.structures import read_structure
from jamun.sampling.starts import SamplingError, read_starts

CASES = Path(__file__).parent.parent / "cases" / "structures"
BASE = CASES / "AW_UPPER.PDB"  # ACE-ALA-TRP-NME as it was built
AW, IHK, AWA = "ACE-ALA-TRP-NME", "ACE-ILE-HIS-LYS-NME", "ACE-ALA-TRP-NH2"

TAKEN = [
    ("mutant_block.pdb", AW, "took place A of 2 of ALA2; left out SER"),
    ("mutant_interleaved.pdb", AW, "took place A of 2 of ALA2; left out SER"),
    ("noel.pdb", IHK, None),
    ("solvated.pdb", AW, "left out 2 HOH, 1 CL, 1 NA"),
    ("icode.pdb", AW, None),
    ("icode_same_name.pdb", "ACE-ALA-ALA-NME", None),
    ("charmm.pdb", IHK, "renamed ILE2 CD to ILE CD1; HSD3 to HIS; NME5 CH3 to NME C"),
    ("nh2.pdb", AWA, None),
    ("nhe.pdb", AWA, "renamed NHE4 to NH2"),
    ("maestro.pdb", AW, "renamed ACE1 CA to ACE CH3; NME4 CA to NME C"),
    ("amber.pdb", AW, "renamed NME4 CH3 to NME C"),
    ("nma.pdb", AW, "renamed NMA4 to NME; NMA4 CA to NME C"),
    ("mirror.pdb", AW, None),
    ("nmr.pdb", AW, None),
    ("latin1.pdb", AW, None),
    ("AW.cif", AW, None),
    ("bom.pdb", AW, None),
    ("AW.gro", AW, None),
    ("AW.pdb.gz", AW, None),
    ("pdb0aw.ent", AW, None),
    ("ter_middle.pdb", AW, None),
    ("stripped_h.pdb", AW, None),
    ("CGC.pdb", "ACE-CYS-GLY-CYS-NME", None),
    ("caps_last.pdb", AW, f"put residues into the order of their bonds, {AW}"),
    ("patch.pdb", AW, "renamed ACE2 "),
    ("noel_short.pdb", AW, None),
]
# Files of a peptide with other positions than those of BASE.
ELSEWHERE = ("patch.pdb", "noel_short.pdb", "mirror.pdb", "nmr.pdb")

REFUSED = [
    ("unl.pdb", "residue UNL1 with 46 atoms is none of the 20 amino acids"),
    ("no_cb.pdb", "residue ALA2 lacks CB;"),
    ("gap.pdb", "ILE2 and LYS4 are not bonded (0.47 nm from C to N)"),
    ("ca_only.pdb", "residue ALA2 lacks N, C, O, CB;"),
    ("backbone.pdb", "residue ACE1 lacks CH3;"),
    ("truncated.pdb", "residue TRP3 lacks CG, CD1, CD2, CE2, CE3, NE1, CZ2, CZ3, CH2;"),
    ("dimer.pdb", f"2 peptide chains ({AW}, {AW})"),
    ("dimer_blank_ter.pdb", f"2 peptide chains ({AW}, {AW})"),
    ("two.pdb", f"2 peptide chains ({AW}, {AW})"),
    ("MSE.pdb", "residue MSE2 is none of the 20 amino acids"),
    ("UNK.pdb", "residue UNK2 is none of the 20 amino acids"),
    ("DAL.pdb", "DAL2 is a D residue by its name, but L by its positions"),
    ("AIB.pdb", "residue AIB2 is none of the 20 amino acids"),
    ("nmr_uneven.pdb", "model 2: residue TRP3 lacks CZ2;"),
    ("disulfide.pdb", "CYX2 is a cysteine of a disulphide by its name"),
]


def test_every_case_is_asked_for():
    assert {name for name, *_ in TAKEN} | {name for name, _ in REFUSED} | {"alt.pdb", BASE.name} == {
        path.name for path in CASES.iterdir()
    }


@pytest.mark.parametrize(("name", "residues", "note"), TAKEN, ids=[case[0] for case in TAKEN])
def test_taken(name, residues, note):
    structure = read_structure(CASES / name)
    assert "-".join(structure.residues) == residues
    assert all(note in found for found in structure.notes) if note else not structure.notes
    assert structure.atom_names == tuple(RESIDUE_KINDS[kind].atoms for kind in structure.residues)
    lengths = np.linalg.norm(np.diff(structure.positions[:, structure.bonds], axis=2)[:, :, 0], axis=-1)
    assert lengths.min() > 0.11
    assert lengths.max() < 0.19
    rings = sum({"HIS": 1, "TRP": 2}.get(kind, 0) for kind in structure.residues)
    assert len(structure.bonds) == structure.positions.shape[1] - 1 + rings
    if residues == AW and name not in ELSEWHERE:
        np.testing.assert_allclose(structure.positions[0], read_structure(BASE).positions[0], atol=6e-4)


@pytest.mark.parametrize(("name", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(name, words, tmp_path):
    """The same sentence wherever a structure enters."""
    source = CASES / name
    for enter in (
        lambda: read_structure(source),
        lambda: read_starts([source]),
        lambda: take_structure_to_files(source, "mine", 7.0, tmp_path / "taken.pdb", tmp_path / "taken.json"),
        lambda: prepare_to_simulate(source, "mine", 7.0, tmp_path / "ready.pdb"),
        lambda: resolve_splits(PeptideSettings(test=["GG"], structures=[name]), CASES),
    ):
        with pytest.raises(PeptideError) as caught:
            enter()
        assert words in str(caught.value)
        assert name in str(caught.value)
        assert str(caught.value).endswith(".")
    assert not list(tmp_path.iterdir())


def test_the_place_of_higher_occupancy_is_taken(tmp_path):
    given = tmp_path / "alt.pdb"
    text = (CASES / "alt.pdb").read_text()
    occupancies = {line[16]: float(line[54:60]) for line in text.splitlines() if line[16:17].strip() and "CZ2" in line}
    assert occupancies["B"] > occupancies["A"]
    structure = read_structure(CASES / "alt.pdb")
    assert structure.notes == ("took place B of 2 of TRP3",)
    given.write_text("\n".join(line for line in text.splitlines() if line[16:17] != "A"))
    np.testing.assert_array_equal(read_structure(given).positions, structure.positions)


def as_mmcif(pdb, bond=None):
    """The same atoms as the PDB writes them in mmCIF, and a record of a bond of two (chain, number, atom)."""
    columns = ("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id")
    columns += ("label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy", "auth_seq_id")
    columns += ("auth_asym_id", "pdbx_PDB_model_num")
    lines, model = ["data_AW", "loop_", *(f"_atom_site.{column}" for column in columns)], 1
    for line in pdb.read_text().splitlines():
        model += line.startswith("ENDMDL")
        if line.startswith(("ATOM", "HETATM")):
            name, place, number = line[12:16].strip(), line[16].strip() or ".", line[22:26].strip()
            cells = [line[:6], line[6:11], line[76:78].strip() or "?", f'"{name}"', place, line[17:20], "A", number]
            cells += [line[26].strip() or "?", line[30:38], line[38:46], line[46:54], line[54:60].strip() or "?"]
            lines.append(" ".join([*cells, number, "A", str(model)]))
    if bond is not None:
        ends = [f"ptnr{place}_{end}" for place in (1, 2) for end in ("auth_asym_id", "auth_seq_id", "label_atom_id")]
        lines += ["loop_", "_struct_conn.conn_type_id", *(f"_struct_conn.{end}" for end in ends)]
        lines.append(" ".join(["covale", *map(str, (*bond[0], *bond[1]))]))
    return "\n".join([*lines, "#", ""])


@pytest.mark.parametrize("name", ["alt.pdb", "mutant_block.pdb", "mutant_interleaved.pdb", "icode.pdb", "nmr.pdb"])
def test_mmcif_is_read_as_pdb_is(tmp_path, name):
    """MDTraj takes the first place of an atom, whatever its occupancy, and tells residues 52 and 52A by no code."""
    pdb, given = read_structure(CASES / name), tmp_path / "given.cif"
    given.write_text(as_mmcif(CASES / name))
    cif = read_structure(given)
    assert (cif.residues, cif.notes) == (pdb.residues, pdb.notes)
    np.testing.assert_array_equal(cif.positions, pdb.positions)


def test_bonds_that_mmcif_records(tmp_path):
    given = tmp_path / "given.cif"
    given.write_text(as_mmcif(BASE, bond=(("A", 2, "C"), ("A", 3, "N"))))
    assert read_structure(given).residues == read_structure(BASE).residues
    positions = {f"{line[17:20]}{line[12:16].strip()}": line[30:54] for line in BASE.read_text().splitlines()}
    near = BASE.read_text().replace(
        positions["ALACB"], f"{float(positions['TRPCA'][:8]) - 0.9:8.3f}" + positions["TRPCA"][8:]
    )
    (tmp_path / "near.pdb").write_text(near)
    given.write_text(as_mmcif(tmp_path / "near.pdb", bond=(("A", 2, "CB"), ("A", 3, "CA"))))
    with pytest.raises(PeptideError, match="ALA2 CB is bonded to TRP3 CA; between residues"):
        read_structure(given)


def test_a_mirror_image_is_told_wherever_it_enters(caplog, tmp_path):
    told = ["ALA2 CA is inverted (D instead of L)", "TRP3 CA is inverted (D instead of L)"]
    assert read_starts([CASES / "mirror.pdb"]).notes == [f"{CASES / 'mirror.pdb'}: {sentence}" for sentence in told]
    frame = read_structure(CASES / "mirror.pdb").trajectory()
    assert peculiarities(frame.xyz[0], frame.topology) == told
    prepare_to_simulate(CASES / "mirror.pdb", "mirror", 7.0, tmp_path / "mirror.pdb")
    assert all(sentence in caplog.text for sentence in told)


def test_a_cis_bond_is_told(tmp_path):
    lines = BASE.read_text().splitlines(keepends=True)
    structure = read_structure(BASE)
    top = structure.trajectory().topology
    at = {f"{atom.residue.name}{atom.name}": atom.index for atom in top.atoms}
    pivot, axis = (
        structure.positions[0][at["ALAC"]],
        structure.positions[0][at["TRPN"]] - structure.positions[0][at["ALAC"]],
    )
    axis = axis / np.linalg.norm(axis)
    turned = []
    for line in lines:  # all that comes after the peptide bond is turned about it by 180 degrees
        if line.startswith(("ATOM", "HETATM")) and line[17:20] in ("TRP", "NME"):
            place = np.array([float(line[start : start + 8]) for start in (30, 38, 46)]) / 10 - pivot
            place = 2 * np.dot(place, axis) * axis - place + pivot
            line = line[:30] + "".join(f"{10 * value:8.3f}" for value in place) + line[54:]
        turned.append(line)
    (tmp_path / "cis.pdb").write_text("".join(turned))
    assert [note.partition(": ")[2] for note in read_starts([tmp_path / "cis.pdb"]).notes if "cis" in note] == [
        "the peptide bond ALA2-TRP3 is cis"
    ]


def test_all_models_are_starts():
    starts = read_starts([CASES / "nmr.pdb", BASE])
    assert len(starts) == 4
    assert [atom.name for atom in starts.trajectory.topology.atoms][:5] == ["C", "O", "CH3", "N", "CA"]
    with pytest.raises(SamplingError, match=r"CGC\.pdb: 21 heavy atoms, but .*nmr\.pdb has 24"):
        read_starts([CASES / "nmr.pdb", CASES / "CGC.pdb"])


def test_a_structure_is_simulated_as_it_is_or_with_hydrogens(tmp_path):
    built = tmp_path / "built.pdb"
    built.write_bytes(BASE.read_bytes())
    assert prepare_to_simulate(built, "built", 7.0, tmp_path / "made.pdb") == built
    for name in ("solvated.pdb", "amber.pdb", "caps_last.pdb", "AW.gro", "stripped_h.pdb"):
        target = tmp_path / f"{name}.pdb"
        assert prepare_to_simulate(CASES / name, "AW", 7.0, target) == target
        topology = app.PDBFile(str(target)).topology
        assert topology.getNumAtoms() == 46
        assert topology.getNumChains() == 1
        assert not force_field().getUnmatchedResidues(topology)
    # Ours: no second time.
    assert prepare_to_simulate(target, "AW", 7.0, tmp_path / "again.pdb") == target


@pytest.mark.parametrize("suffix", STRUCTURE_SUFFIXES)
def test_an_ending_counts_whatever_its_case(tmp_path, suffix):
    plain = suffix.removesuffix(".gz")
    content = (
        CASES / {".gro": "AW.gro"}.get(plain, "AW.cif" if plain in (".cif", ".mmcif", ".pdbx") else BASE.name)
    ).read_bytes()
    folder = tmp_path / "Stücke"  # MDTraj cannot open this
    folder.mkdir()
    for name in (f"AW{suffix}", f"AX{suffix.upper()}"):
        (folder / name).write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
        assert read_structure(folder / name).amino_acids == ("ALA", "TRP")
        assert structure_name(folder / name) == name[:2]
    splits = resolve_splits(PeptideSettings(test=["GG"], structures="Stücke"), tmp_path)
    assert [peptide.name for peptide in splits["test"]] == ["GG", "AW", "AX"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: scaled(text, 0.1), "a typical bond is 0.0141 nm long, not 0.15"),
        (lambda text: scaled(text, 10.0), "a typical bond is 1.41 nm long, not 0.15"),
        (lambda text: text.replace("   1.249  -0.900", "     nan  -0.900"), "the position of TRP3 N is not finite"),
        (lambda text: text.replace("   1.249  -0.900", "     abc  -0.900"), "no position in columns 31 to 54"),
        (lambda text: text.replace("   1.880   0.419", "   5.880   0.419"), "TRP3 N to TRP3 CA is 0.482 nm long"),
        (lambda text: text.replace("   1.730   0.856   1.094", "   1.249  -0.900   0.000"), "outside of 0.09 to 0.25"),
        (lambda text: text.replace("ALA A   2", "ACE A   2"), "holds atom"),
        (lambda text: "", "no peptide in it"),
    ],
)
def test_positions_that_are_no_peptide_are_refused(tmp_path, spoil, words):
    given = tmp_path / "given.pdb"
    given.write_text(spoil((CASES / "nh2.pdb").read_text()))
    with pytest.raises(PeptideError) as caught:
        read_structure(given)
    assert words in str(caught.value)


def scaled(text, factor):
    """Text of a PDB with all positions times `factor`."""
    return "\n".join(
        line[:30] + "".join(f"{factor * float(line[at : at + 8]):8.3f}" for at in (30, 38, 46)) + line[54:]
        if line.startswith("ATOM")
        else line
        for line in text.splitlines()
    )


def test_an_end_gets_its_second_oxygen_in_the_plane(tmp_path):
    lines = [line for line in (CASES / "nh2.pdb").read_text().splitlines() if " NH2 " not in line]
    (tmp_path / "open.pdb").write_text("\n".join(lines))
    structure = read_structure(tmp_path / "open.pdb")
    assert structure.notes == ("added OXT to the end of the chain",)
    at = {str(atom): atom.index for atom in structure.trajectory().topology.atoms}
    ca, c, o, oxt = (structure.positions[0][at[f"TRP3-{name}"]] for name in ("CA", "C", "O", "OXT"))
    assert np.linalg.norm(oxt - c) == pytest.approx(0.125)
    angles = [
        np.arccos(np.dot(a - c, b - c) / np.linalg.norm(a - c) / np.linalg.norm(b - c))
        for a, b in ((ca, oxt), (o, oxt), (ca, o))
    ]
    assert sum(angles) == pytest.approx(2 * np.pi, abs=1e-3)  # of a plane


def test_a_disulphide_is_a_bond(tmp_path):
    lines = (CASES / "CGC.pdb").read_text().splitlines()
    moved = []
    structure = read_structure(CASES / "CGC.pdb")
    first, second = (
        structure.positions[0][atom.index] * 10 for atom in structure.trajectory().topology.atoms if atom.name == "SG"
    )
    shift = first + np.array([1.2, -1.6, 0.3]) - second  # the second sulphur comes to 0.2 nm from the first
    for line in lines:
        if line[12:16].strip() == "SG" and line[22:26].strip() == "4":
            line = line[:30] + "".join(f"{v:8.3f}" for v in second + shift) + line[54:]
        moved.append(line)
    (tmp_path / "bonded.pdb").write_text("\n".join(moved))
    with pytest.raises(PeptideError, match="bond CYS4 CB to CYS4 SG is 0"):  # this chain is too open for it
        read_structure(tmp_path / "bonded.pdb")


def test_atoms_and_bonds_of_residues_are_those_of_the_force_field():
    """The table of residues against OpenMM's templates of amber99sbildn, which were written by others."""
    templates = force_field()._templates
    same = {"HIS": "HID", "NH2": "NHE"}
    for kind, residue in RESIDUE_KINDS.items():
        template = templates[same.get(kind, kind)]
        heavy = {
            place: standard_atom(kind, atom.name)
            for place, atom in enumerate(template.atoms)
            if atom.element is not app.element.hydrogen
        }
        assert set(heavy.values()) == set(residue.atoms), kind
        bonds = {
            frozenset((heavy[first], heavy[second]))
            for first, second in template.bonds
            if first in heavy and second in heavy
        }
        assert bonds == {frozenset(bond) for bond in residue.bonds}, kind
    assert set(RESIDUE_KINDS) == {*ONE_LETTER, "ACE", "NME", "NH2"}


def test_the_order_of_atoms_is_that_of_built_peptides(tmp_path):
    taken = tmp_path / "taken.pdb"
    take_structure_to_files(CASES / "maestro.pdb", "mine", 7.0, taken, tmp_path / "taken.json")
    built = mdtraj.load(str(CASES / "stripped_h.pdb")).topology
    heavy = [str(atom) for atom in mdtraj.load(str(taken)).topology.atoms if atom.element.symbol != "H"]
    assert heavy == [str(atom) for atom in built.atoms if atom.element.symbol != "H"]
    record = json.loads((tmp_path / "taken.json").read_text())
    assert record["form"] == "capped"
    assert record["sequence"] == "AW"
