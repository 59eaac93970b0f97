"""Molecules, codes, and the store of positions."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import h5py
import mdtraj
import numpy as np
import pytest

from jamun.config.features import FeatureSettings
from jamun.data import featurize
from jamun.data.featurize import featurize_to_file, kept_frames, summarize_to_file
from jamun.data.molecule import Molecule, MoleculeError, heavy_atoms
from jamun.data.store import FeatureError, FeatureFile, mean_squared_pair_distance, write_features
from jamun.data.trained_on import TrainedOn
from jamun.data.vocabulary import ATOM_NAMES, ELEMENTS, RESIDUES, VocabularyError, encode
from jamun.model import denoiser
from jamun.peptides.writing import save_structure


def topology() -> mdtraj.Topology:
    """ACE-ALA-HIE-NME without most of the histidine's side chain, hydrogens on the backbone."""
    top = mdtraj.Topology()
    chain = top.add_chain()
    previous = None
    for name, atoms in (
        ("ACE", ["CH3", "H1", "C", "O"]),
        ("ALA", ["N", "H", "CA", "CB", "C", "O"]),
        ("HIE", ["N", "H", "CA", "CB", "C", "O"]),
        ("NME", ["N", "H", "C"]),
    ):
        residue = top.add_residue(name, chain)
        made = {atom: top.add_atom(atom, mdtraj.element.get_by_symbol(atom[0]), residue) for atom in atoms}
        pairs = [("CH3", "H1"), ("CH3", "C"), ("N", "H"), ("N", "CA"), ("CA", "CB"), ("CA", "C"), ("C", "O")]
        if name == "NME":
            pairs = [("N", "H"), ("N", "C")]
        for first, second in pairs:
            if first in made and second in made:
                top.add_bond(made[first], made[second])
        if previous is not None:
            top.add_bond(previous, made["N"])
        previous = made["C"]
    return top


def write_run(folder: Path, frames: int, boundaries: list[int], seed: int = 0) -> tuple[Path, Path, Path, np.ndarray]:
    """A trajectory, its topology and record as the simulation stage writes them; positions on XTC's grid of 1 pm."""
    top = topology()
    positions = np.random.default_rng(seed).normal(scale=0.3, size=(frames, top.n_atoms, 3)).round(3)
    trajectory = mdtraj.Trajectory(positions.astype(np.float32), top)
    trajectory.save_xtc(str(folder / "trajectory.xtc"))
    trajectory[0].save_pdb(str(folder / "topology.pdb"))
    record = {"boundaries": boundaries, "production": {"frames": frames, "frame_interval_ps": 0.1}}
    (folder / "md.json").write_text(json.dumps(record))
    return folder / "trajectory.xtc", folder / "topology.pdb", folder / "md.json", positions


def test_molecule_of_heavy_atoms() -> None:
    top = topology()
    molecule = Molecule.from_topology(top)
    assert molecule.n_atoms == 15
    assert "H" not in {name[0] for name in molecule.atom_names}
    np.testing.assert_array_equal(np.unique(molecule.residue_indices), [0, 1, 2, 3])
    assert len(molecule.bonds) == 14  # a tree
    names = {tuple(sorted((molecule.atom_names[a], molecule.atom_names[b]))) for a, b in molecule.bonds}
    assert ("C", "N") in names
    assert len(heavy_atoms(top)) == 15


@pytest.mark.parametrize(
    ("residues", "labels"),
    [(["ACE", "ALA", "TRP", "NME"], ["Ace", "Ala1", "Trp2", "Nme"]), (["GLY", "GLY"], ["Gly1", "Gly2"])],
)
def test_residues_are_counted_without_caps(residues: list[str], labels: list[str]) -> None:
    assert list(dict.fromkeys(chain(residues, [1] * len(residues)).residue_labels)) == labels


def test_lost_bonds_are_noticed() -> None:
    top = mdtraj.Topology()
    residue = top.add_residue("ALA", top.add_chain())
    for name in ("N", "CA"):
        top.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    with pytest.raises(MoleculeError, match="no bond"):
        Molecule.from_topology(top)


def test_codes() -> None:
    codes = encode(Molecule.from_topology(topology()))
    assert (codes["element"] > 0).all()
    assert codes["residue"][-1] == RESIDUES.index("NME") + 1
    assert RESIDUES.index("HIS") + 1 in codes["residue"]  # HIE counts as histidine
    assert codes["atom_name"][-1] == ATOM_NAMES.index("CH3") + 1  # the methyl of NME, whichever name a program gave it
    assert len(ELEMENTS) < denoiser.ELEMENT_CODES
    assert len(ATOM_NAMES) < denoiser.ATOM_NAME_CODES
    assert len(RESIDUES) < denoiser.RESIDUE_CODES


def test_hands_are_those_of_the_structure_and_of_the_nearest_centre() -> None:
    """Histidine and alanine side by side: (A)H mirrored at its second residue alone."""
    top = topology()
    molecule = Molecule.from_topology(top)
    centres = np.flatnonzero([name == "CA" for name in molecule.atom_names])
    assert np.flatnonzero(molecule.hands).tolist() == [atom for atom in centres if molecule.hands[atom] == 1]
    both = replace(
        molecule, hands=np.where(np.arange(molecule.n_atoms) == centres[-1], -molecule.hands, molecule.hands)
    )
    assert both.d_residues == [f"{molecule.residue_names[centres[-1]]}{molecule.residue_indices[centres[-1]] + 1}"]
    hands = both.atom_hands()
    owners = molecule.residue_indices
    inner = {owners[centre]: both.hands[centre] for centre in centres}
    for atom in range(molecule.n_atoms):
        if owners[atom] in inner:
            assert hands[atom] == inner[owners[atom]]
    assert hands[-1] == both.hands[centres[-1]]  # a cap goes with its neighbour
    positions = np.random.default_rng(0).normal(size=(top.n_atoms, 3))
    found = Molecule.from_topology(top, positions).hands
    assert np.abs(found).sum() == len(np.flatnonzero(molecule.hands))
    np.testing.assert_array_equal(Molecule.from_topology(top, -positions).hands, -found)


def test_features_keep_hands_and_older_files_are_natural(tmp_path: Path) -> None:
    molecule = Molecule.from_topology(topology())
    mirrored = replace(molecule, hands=-molecule.hands)
    positions = np.zeros((1, molecule.n_atoms, 3))
    for number, kind in enumerate((molecule, mirrored)):
        write_features(tmp_path / f"{number}.h5", "AH", kind, [positions], 1, [0, 1], 1.0, "implicit")
    file = FeatureFile(tmp_path / "1.h5")
    np.testing.assert_array_equal(file.molecule.hands, mirrored.hands)
    assert file.solvent == "implicit"
    with h5py.File(tmp_path / "1.h5", "a") as stored:
        del stored["hands"], stored.attrs["solvent"]
    np.testing.assert_array_equal(FeatureFile(tmp_path / "1.h5").molecule.hands, molecule.hands)
    assert FeatureFile(tmp_path / "1.h5").solvent is None


@pytest.mark.parametrize(
    ("residues", "hands", "words"),
    [
        (["ALA", "VAL"], [1, 1], None),
        (["ALA", "VAL"], [-1, -1], None),
        (["ALA", "VAL"], [1, -1], "both D and L residues (trained on L)"),
        (["ALA", "ALA", "VAL", "ALA"], [1, 1, 1, 1], "4 residues (trained on 2)"),
        (["ALA", "TRP"], [1, 1], "TRP (not in training)"),
    ],
)
def test_what_is_outside_of_a_training(residues: list[str], hands: list[int], words: str | None) -> None:
    trained = TrainedOn.of([chain(["ALA", "VAL"], [1, 1]), chain(["GLY", "VAL"], [0, 1])], "implicit")
    assert TrainedOn.from_json(json.loads(json.dumps(trained.to_json()))) == trained
    said = trained.outside(chain(residues, hands))
    assert said is None if words is None else (said is not None and words in said and said.endswith("."))


def chain(residues: list[str], hands: list[int]) -> Molecule:
    """A chain without caps that has of each residue CA alone."""
    count = len(residues)
    bonds = np.array([(atom, atom + 1) for atom in range(count - 1)])
    return Molecule(
        np.full(count, 6), ("CA",) * count, tuple(residues), np.arange(count), bonds, np.array(hands, dtype=np.int8)
    )


def closed(residues: list[str], names: list[str]) -> Molecule:
    """Two atoms a residue: CA, and one of this name; those are bonded in a row, and the last of them to the first."""
    count = len(residues)
    kinds = [kind for residue in residues for kind in (residue, residue)]
    atoms = [name for pair in zip(["CA"] * count, names, strict=True) for name in pair]
    bonds = [(2 * place, 2 * place + 1) for place in range(count)] + [(1, 2 * count - 1)]
    return Molecule(np.full(2 * count, 6), tuple(atoms), tuple(kinds), np.arange(2 * count) // 2, np.array(bonds))


def test_disulphides_and_rings_outside_of_a_training() -> None:
    free = closed(["CYS", "ALA", "CYS"], ["CB", "CB", "CB"])
    bridged = closed(["CYS", "ALA", "CYS"], ["SG", "CB", "SG"])
    ring = closed(["CYS", "ALA", "CYS"], ["N", "CB", "C"])
    before = "Outside of what the model was trained on, so extrapolated:"
    trained = TrainedOn.of([free])
    assert trained.outside(free) is None
    assert trained.outside(bridged) == f"{before} disulphides (not in training)."
    assert trained.outside(ring) == f"{before} head-to-tail ring (trained on uncapped)."
    both = TrainedOn.of([bridged, ring])
    assert both.residues == ("ALA", "CYS", "CYX")
    assert both.outside(bridged) is None
    assert both.outside(ring) is None
    assert TrainedOn.of([bridged]).outside(free) == f"{before} CYS (not in training)."


def test_ends_outside_of_a_training() -> None:
    trained = TrainedOn.of([Molecule.from_topology(topology())])
    said = trained.outside(chain(["ALA", "HIS"], [1, 1]))
    assert said == "Outside of what the model was trained on, so extrapolated: uncapped (trained on capped)."


def test_unknown_residue_is_named() -> None:
    molecule = Molecule.from_topology(topology())
    other = Molecule(
        molecule.elements, molecule.atom_names, ("XYZ",) * molecule.n_atoms, molecule.residue_indices, molecule.bonds
    )
    with pytest.raises(VocabularyError, match="XYZ"):
        encode(other)


def test_mean_squared_distance_is_that_of_all_pairs() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    pairs = [np.sum((frame[i] - frame[j]) ** 2) for frame in x for i in range(5) for j in range(5) if i != j]
    assert mean_squared_pair_distance(x) == pytest.approx(np.mean(pairs))


def test_kept_frames_restart_at_each_replica() -> None:
    keep, offsets = kept_frames([0, 5, 9], discard=1, stride=2)
    np.testing.assert_array_equal(np.flatnonzero(keep), [1, 3, 6, 8])
    assert offsets == [0, 2, 4]


@pytest.mark.parametrize("chunk", [3, 1000])
def test_featurize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(featurize, "CHUNK_FRAMES", chunk)
    *run, positions = write_run(tmp_path, 20, [0, 12, 20])
    target = tmp_path / "AH.h5"
    featurize_to_file(*run, FeatureSettings(discard=2, stride=3), "AH", target)
    file = FeatureFile(target)
    expected = positions[[2, 5, 8, 11, 14, 17]][:, heavy_atoms(topology())]
    assert file.positions.shape == expected.shape
    assert isinstance(file.positions, np.memmap)
    np.testing.assert_allclose(file.positions, expected, atol=6e-4)
    np.testing.assert_array_equal(file.boundaries, [0, 4, 6])
    assert file.frame_interval_ps == pytest.approx(0.3)
    assert file.peptide == "AH"
    assert file.mean_squared_distance == pytest.approx(mean_squared_pair_distance(expected), rel=1e-3)
    assert file.molecule.atom_names == Molecule.from_topology(topology()).atom_names
    np.testing.assert_array_equal(file.molecule.bonds, Molecule.from_topology(topology()).bonds)
    np.testing.assert_array_equal(file.read(np.array([4, 0, 4])), file.positions[[4, 0, 4]])
    with pytest.raises(IndexError):
        file.read(np.array([6]))
    again = pickle.loads(pickle.dumps(file))  # as multiprocessing sends it
    np.testing.assert_array_equal(again.positions, file.positions)


def test_bad_runs_are_refused_with_their_reason(tmp_path: Path) -> None:
    trajectory, pdb, record, _ = write_run(tmp_path, 6, [0, 6])
    target = tmp_path / "bad.h5"
    settings = FeatureSettings()
    (tmp_path / "short.json").write_text(json.dumps({"boundaries": [0, 9], "production": {"frame_interval_ps": 1}}))
    with pytest.raises(FeatureError, match=r"trajectory.xtc: 6 frames, but its record tells of 9"):
        featurize_to_file(trajectory, pdb, tmp_path / "short.json", settings, "AH", target)
    mdtraj.load(str(trajectory), top=str(pdb)).atom_slice(range(10)).save_xtc(str(tmp_path / "other.xtc"))
    with pytest.raises(FeatureError, match=r"other.xtc: 10 atoms"):
        featurize_to_file(tmp_path / "other.xtc", pdb, record, settings, "AH", target)
    with pytest.raises(FeatureError, match="no frames are left"):
        featurize_to_file(trajectory, pdb, record, FeatureSettings(discard=6), "AH", target)
    top = topology()
    broken = np.full((3, top.n_atoms, 3), 0.1)
    broken[1, 4] = np.nan
    mdtraj.Trajectory(broken, top).save_dcd(str(tmp_path / "nan.dcd"))
    (tmp_path / "three.json").write_text(json.dumps({"boundaries": [0, 3], "production": {"frame_interval_ps": 1}}))
    with pytest.raises(FeatureError, match=r"frame 1 .* not finite"):
        featurize_to_file(tmp_path / "nan.dcd", pdb, tmp_path / "three.json", settings, "AH", target)
    assert not target.exists()
    with pytest.raises(FeatureError, match="not a features file"):
        FeatureFile(pdb)
    with pytest.raises(FeatureError, match="no such features file"):
        FeatureFile(tmp_path / "absent.h5")


def test_dataset_summary_averages_over_training_frames(tmp_path: Path) -> None:
    targets, squared, frames = [], [], [8, 4, 6]
    for number, count in enumerate(frames):
        folder = tmp_path / str(number)
        folder.mkdir()
        *run, positions = write_run(folder, count, [0, count], seed=number)
        targets.append(folder / "AH.h5")
        featurize_to_file(*run, FeatureSettings(), "AH", targets[-1])
        squared.append(mean_squared_pair_distance(positions[:, heavy_atoms(topology())]))
    summarize_to_file(targets[:2], targets[2:], tmp_path / "dataset.json")
    described = json.loads((tmp_path / "dataset.json").read_text())
    assert described["mean_squared_distance"] == pytest.approx((8 * squared[0] + 4 * squared[1]) / 12, rel=1e-3)
    assert described["train"]["frames"] == 12
    assert described["validation"]["peptides"] == 1
    with pytest.raises(FeatureError, match="no training peptides"):
        summarize_to_file([], targets, tmp_path / "none.json")


def test_a_structure_without_its_hydrogens_keeps_its_bonds_on_disk(tmp_path: Path) -> None:
    """Serial numbers with gaps, as a PDB with hydrogens leaves them, must not move bonds to other atoms."""
    top = topology()
    whole = mdtraj.Trajectory(np.random.default_rng(0).normal(size=(1, top.n_atoms, 3)), top)
    whole.save_pdb(str(tmp_path / "whole.pdb"))
    read = mdtraj.load(str(tmp_path / "whole.pdb"))
    heavy = read.atom_slice(heavy_atoms(read.topology))
    save_structure(heavy, tmp_path / "heavy.pdb")
    again = Molecule.from_topology(mdtraj.load_topology(str(tmp_path / "heavy.pdb")))
    np.testing.assert_array_equal(again.bonds, Molecule.from_topology(heavy.topology).bonds)
    assert [atom.serial for atom in heavy.topology.atoms] != list(range(1, heavy.n_atoms + 1))  # left as it was
