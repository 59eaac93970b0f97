"""What a good source turns into: the original coordinates, our names and order, and a record of what was changed."""

from __future__ import annotations

import hashlib

import mdtraj
import numpy as np
import pytest
from foreign import FRAMES, INTERVAL, expected, renamed, save_h5, save_npz, shaken, with_water, wrapped

from jamun.config.features import FeatureSettings
from jamun.data.featurize import featurize_to_file
from jamun.data.molecule import heavy_atoms
from jamun.data.store import FeatureFile
from jamun.io.files import STATE_COLUMNS
from jamun.trajectories import frames as frames_module

XTC_NM = 1.1e-3  # two roundings to a picometre, and that of the centre
CUBE = 3.0 * np.eye(3)
# The lattice of a truncated octahedron.
OCTAHEDRON = 3.0 * np.array([[1, 0, 0], [1 / 3, 2 * 2**0.5 / 3, 0], [-1 / 3, 2**0.5 / 3, 6**0.5 / 3]])


def write(folder, trajectory, suffix=".xtc", name="run"):
    """The trajectory and its first frame's PDB."""
    path, topology = folder / f"{name}{suffix}", folder / "run.pdb"
    trajectory[0].save_pdb(str(topology))
    if suffix == ".npz":
        save_npz(path, trajectory.xyz)
    elif suffix == ".h5":
        save_h5(path, trajectory)
    else:
        trajectory.save(str(path))
    return topology, path


@pytest.mark.parametrize("suffix", [".xtc", ".trr", ".dcd", ".h5", ".npz"])
@pytest.mark.parametrize("hydrogens", [True, False])
def test_every_format_with_hydrogens_and_without(tmp_path, built, imported, suffix, hydrogens):
    pdb = built("IT")
    original = shaken(pdb)
    if not hydrogens:
        original = original.atom_slice(heavy_atoms(original.topology))
    settings = {} if suffix in (".xtc", ".trr", ".h5") else {"frame_interval": INTERVAL}
    got = imported(pdb, *write(tmp_path, original, suffix), **settings)
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    own = mdtraj.load_topology(str(pdb))
    names = [str(own.atom(index)) for index in heavy_atoms(own)]
    assert [str(atom) for atom in got.trajectory.topology.atoms] == names
    np.testing.assert_allclose(got.trajectory.time, INTERVAL * np.arange(1, FRAMES + 1), rtol=1e-6)
    assert any("hydrogens" in fix for fix in got.record["import"]["fixes"]) == hydrogens


def test_the_record_has_what_later_stages_read(tmp_path, built, imported):
    pdb = built("IT")
    topology, path = write(tmp_path, shaken(pdb))
    got = imported(pdb, topology, path)
    record = got.record
    assert record["peptide"] == "peptide"
    assert record["boundaries"] == [0, FRAMES]
    assert record["production"]["frames"] == FRAMES
    assert record["production"]["frame_interval_ps"] == pytest.approx(INTERVAL)
    assert record["production"]["seconds"] is record["production"]["seconds_per_frame"] is None
    assert record["production"]["ns_per_day"] is record["platform"] is record["threads"] is None
    assert record["settings"]["kind"] == "files"
    assert record["provenance"]["packages"]["mdtraj"]
    told = record["import"]
    assert told["trajectories"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["topology"]["sha256"] == hashlib.sha256(topology.read_bytes()).hexdigest()
    assert told["frames_read"] == told["frames_kept"] == FRAMES
    assert got.state.strip() == ",".join(STATE_COLUMNS)
    assert not got.work.exists()


def test_features_of_an_import_are_its_positions(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    got = imported(pdb, *write(tmp_path, original))
    target = tmp_path / "features.h5"
    files = (got.out / "trajectory.xtc", got.out / "topology.pdb", got.out / "md.json")
    featurize_to_file(*files, FeatureSettings(), "IT", target)
    stored = FeatureFile(target)
    assert stored.n_frames == FRAMES
    assert stored.molecule.n_atoms == expected(original).shape[1]


def test_replicas_stride_and_wall_clock(tmp_path, built, imported):
    pdb = built("IT")
    first, second = shaken(pdb, 10, seed=1), shaken(pdb, 7, seed=2)
    topology, one = write(tmp_path, first, name="one")
    _, two = write(tmp_path, second, name="two")
    got = imported(pdb, topology, one, two, stride=3, seconds_per_frame=0.5)
    assert got.record["boundaries"] == [0, 4, 7]
    np.testing.assert_allclose(
        got.trajectory.xyz, np.concatenate([expected(first)[::3], expected(second)[::3]]), atol=XTC_NM
    )
    assert got.record["production"]["frame_interval_ps"] == pytest.approx(3 * INTERVAL)
    assert got.record["production"]["seconds_per_frame"] == pytest.approx(1.5)
    assert got.record["production"]["seconds"] == pytest.approx(1.5 * 7)
    assert (np.diff(got.trajectory.time) > 0).all()


@pytest.mark.parametrize("suffix", [".xtc", ".h5", ".npz"])
def test_stretches_join_without_a_seam(tmp_path, built, imported, monkeypatch, suffix):
    pdb = built("IT")
    original = shaken(pdb)
    monkeypatch.setattr(frames_module, "_CHUNK_ATOMS", 5 * original.n_atoms)
    got = imported(pdb, *write(tmp_path, original, suffix), frame_interval=INTERVAL, stride=2)
    np.testing.assert_allclose(got.trajectory.xyz, expected(original)[::2], atol=XTC_NM)


def test_names_of_other_programs(tmp_path, built, imported):
    pdb = built("IH")
    original = shaken(pdb)
    foreign = shaken(pdb)
    renamed(foreign, {"HIS": "HIE", "NME": "NMA"}, {("ILE", "CD1"): "CD", ("NMA", "C"): "CH3"})
    got = imported(pdb, *write(tmp_path, foreign))
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    notes = " ".join(got.record["import"]["fixes"])
    for words in ("ILE2 CD to ILE CD1", "HIE3 to HIS", "NMA4 to NME"):
        assert words in notes
    assert [residue.name for residue in got.trajectory.topology.residues] == ["ACE", "ILE", "HIS", "NME"]


def test_terminal_oxygens_of_other_programs(tmp_path, built, imported):
    pdb = built("HI", "uncapped")
    original, foreign = shaken(pdb), shaken(pdb)
    last = list(foreign.topology.residues)[-1]
    for atom in last.atoms:
        atom.name = {"O": "OT1", "OXT": "OT2", "CD1": "CD"}.get(atom.name, atom.name)
    got = imported(pdb, *write(tmp_path, foreign))
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert "OT2 to ILE OXT" in " ".join(got.record["import"]["fixes"])


def test_another_order_of_atoms(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    order = np.concatenate(
        [
            np.random.default_rng(3).permutation([atom.index for atom in residue.atoms])
            for residue in original.topology.residues
        ]
    )
    top = mdtraj.Topology()
    chain = top.add_chain()
    added = {}
    for index in order:
        atom = original.topology.atom(int(index))
        if atom.residue.index not in added:
            added[atom.residue.index] = top.add_residue(atom.residue.name, chain, atom.residue.resSeq)
        top.add_atom(atom.name, atom.element, added[atom.residue.index])
    foreign = mdtraj.Trajectory(original.xyz[:, order], top, time=original.time)
    got = imported(pdb, *write(tmp_path, foreign))
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert "atoms put into the order of the built peptide" in got.record["import"]["fixes"]


def test_water_and_ions_are_left_out(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    got = imported(pdb, *write(tmp_path, with_water(original)))
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert "left out of other molecules: 7 HOH, 1 CL" in got.record["import"]["fixes"]


@pytest.mark.parametrize("suffix", [".xtc", ".trr", ".dcd", ".h5"])
@pytest.mark.parametrize("vectors", [CUBE, OCTAHEDRON], ids=["cube", "octahedron"])
def test_made_whole_over_the_box(tmp_path, built, imported, vectors, suffix):
    pdb = built("IT")
    original = shaken(pdb)
    torn = wrapped(original, vectors)
    assert np.abs(torn.xyz - torn.xyz.mean(axis=1, keepdims=True)).max() > 1.0
    interval = {"frame_interval": INTERVAL} if suffix == ".dcd" else {}
    got = imported(pdb, *write(tmp_path, torn, suffix), **interval)
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert f"{FRAMES} of {FRAMES} frames of run{suffix} made whole over the periodic box" in " ".join(
        got.record["import"]["fixes"]
    )


def test_angstroms_when_told(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    topology, path = write(tmp_path, original, ".npz")
    save_npz(path, 10 * original.xyz.astype(np.float64), time=np.arange(FRAMES))
    got = imported(pdb, topology, path, frame_interval=INTERVAL, length_unit="angstrom")
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert "lengths converted from angstrom to nm" in got.record["import"]["fixes"]


def test_a_compressed_npz(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    topology, path = write(tmp_path, original, ".npz")
    np.savez_compressed(path, positions=original.xyz)
    got = imported(pdb, topology, path, table_interval=0.5)
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
    assert got.record["production"]["frame_interval_ps"] == 0.5


def test_a_topology_that_is_no_pdb(tmp_path, built, imported):
    pdb = built("IT")
    original = shaken(pdb)
    _, path = write(tmp_path, original)
    topology = tmp_path / "run.gro"
    original[0].save_gro(str(topology))
    got = imported(pdb, topology, path)
    np.testing.assert_allclose(got.trajectory.xyz, expected(original), atol=XTC_NM)
