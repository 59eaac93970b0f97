"""Trajectories of other programs, read for an evaluation: what comes out is what a run here would have written."""

import shutil

import mdtraj
import numpy as np
import pytest
from foreign import expected, renamed, shaken, with_water, wrapped

from jamun.data.molecule import atom_labels, heavy_atoms
from jamun.io.atomic import write_json
from jamun.peptides.structures import read_structure
from jamun.trajectories.checks import TrajectoryError, even_interval, rounded, run_starts
from jamun.trajectories.peptide import read_peptide, recorded_chains

XTC_NM = 1.1e-3


def write(folder, trajectory, name="run.xtc", topology="run.pdb"):
    """Files of a trajectory, the topology by the program that its ending stands for."""
    plain, structure = folder.parent / "plain.xtc", folder.parent / f"plain{topology[topology.index('.') :]}"
    trajectory.save(str(plain))  # names that MDTraj can write
    trajectory[0].save(str(structure))
    folder.mkdir(exist_ok=True)
    shutil.move(plain, folder / name)
    shutil.move(structure, folder / topology)
    return folder / name, folder / topology


def centred(trajectory):
    return trajectory.xyz - trajectory.xyz.mean(axis=1, keepdims=True)


def solvated(pdb):
    return with_water(shaken(pdb)), "left out of other molecules: 7 HOH, 1 CL"


def amber(pdb):
    """Residues in order, atoms in another, the methyl of NME as Amber names it, HIE."""
    frames = shaken(pdb)
    order = [atom.index for residue in frames.topology.residues for atom in reversed(list(residue.atoms))]
    top = mdtraj.Topology()
    chain = top.add_chain()
    for residue in frames.topology.residues:
        added = top.add_residue(residue.name, chain, residue.resSeq)
        for atom in reversed(list(residue.atoms)):
            top.add_atom(atom.name, atom.element, added)
    moved = mdtraj.Trajectory(frames.xyz[:, order], top, time=frames.time)
    renamed(moved, {"HIS": "HIE"}, {("NME", "C"): "CH3"})
    return moved, "atoms put into the order of the built peptide"


def charmm(pdb):
    frames = shaken(pdb)
    renamed(frames, {"HIS": "HSD"}, {("ILE", "CD1"): "CD", ("NME", "C"): "CH3", ("ILE", "H"): "HN", ("HSD", "H"): "HN"})
    return frames, "renamed ILE2 CD to ILE CD1; HSD3 to HIS; NME4 CH3 to NME C"


def patches(pdb):
    """Caps as atoms of the first and the last residue."""
    frames = shaken(pdb)
    top = mdtraj.Topology()
    chain = top.add_chain()
    first, *inner, last = frames.topology.residues
    names = {"ACE": {"CH3": "CAY", "C": "CY", "O": "OY"}, "NME": {"N": "NT", "C": "CAT"}}
    groups = [[first, inner[0]], *([residue] for residue in inner[1:-1]), [inner[-1], last]]
    for number, group in enumerate(groups, 1):
        core = next(residue for residue in group if residue.name not in names)
        added = top.add_residue(core.name, chain, number)
        for residue in group:
            for atom in residue.atoms:
                name = names.get(residue.name, {}).get(atom.name, atom.name)
                name = f"HY{atom.index}" if residue.name == "ACE" and atom.element.symbol == "H" else name
                name = f"HT{atom.index % 10}" if residue.name == "NME" and atom.element.symbol == "H" else name
                top.add_atom(name, atom.element, added)
    return mdtraj.Trajectory(frames.xyz, top, time=frames.time), "renamed ACE1 "


def torn(pdb):
    return wrapped(shaken(pdb), 3.0 * np.eye(3)), "frames were made whole over the periodic box"


@pytest.mark.parametrize("make", [solvated, amber, charmm, patches, torn], ids=lambda make: make.__name__)
@pytest.mark.parametrize("topology", ["run.pdb", "run.gro"])
def test_names_order_water_and_boxes_of_others(tmp_path, built, make, topology):
    pdb = built("IH")
    foreign, note = make(pdb)
    read = read_peptide(*write(tmp_path / "Läufe", foreign, "MD Prod (1).XTC", topology))
    built_here = mdtraj.load(str(pdb)).topology
    own = built_here.subset(heavy_atoms(built_here))
    assert atom_labels(read.trajectory.topology) == atom_labels(own)
    np.testing.assert_allclose(centred(read.trajectory), expected(shaken(pdb)), atol=2 * XTC_NM)
    assert any(note in found for found in read.notes) or (make is charmm and topology == "run.gro")
    assert read.trajectory.topology.n_bonds == own.n_bonds
    assert read.interval_ps == 2.0


@pytest.mark.parametrize("suffix", [".pdb", ".ent", ".pdb.gz", ".cif", ".gro", ".PDB"])
def test_topologies_by_any_ending(tmp_path, built, suffix):
    frames = shaken(built("IT"))
    path, pdb = write(tmp_path, frames)
    topology = tmp_path / f"top{suffix}"
    if suffix in (".pdb.gz", ".cif", ".gro"):
        frames[0].save(str(topology))
    else:
        shutil.copy(pdb, topology)
    read = read_peptide(path, topology)
    np.testing.assert_allclose(centred(read.trajectory), expected(frames), atol=XTC_NM)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.1, r"a typical bond is 0\.01\d+ long, .*ten times too short"),
        (10.0, r"a typical bond is 1\.\d+ long, so lengths are ang"),
    ],
)
def test_lengths_of_another_unit(tmp_path, built, factor, words):
    frames = shaken(built("IT"))
    path, pdb = write(tmp_path, frames)
    frames.xyz *= factor
    frames.save(str(path))
    with pytest.raises(TrajectoryError, match=words):
        read_peptide(path, pdb)


def test_runs_that_were_joined(tmp_path, built, imported):
    frames = shaken(built("IT"))
    frames.time = np.tile(0.2 * np.arange(1, 7), 2)
    read = read_peptide(*write(tmp_path, frames))
    assert read.run_starts == [0, 6]
    assert read.interval_ps == 0.2
    got = imported(built("IT"), tmp_path / "run.pdb", tmp_path / "run.xtc", stride=2)
    assert got.record["boundaries"] == [0, 3, 6]
    assert got.record["production"]["frame_interval_ps"] == pytest.approx(0.4)
    assert "fall back at frame 6: 2 runs" in " ".join(got.record["import"]["fixes"])


def test_a_frame_twice_after_a_restart(tmp_path, built):
    frames = shaken(built("IT"))
    twice = frames[[0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11]]
    read = read_peptide(*write(tmp_path, twice))
    np.testing.assert_allclose(centred(read.trajectory), expected(frames), atol=XTC_NM)
    assert read.interval_ps == 2.0
    assert "1 frames that are there twice, as after a restart, were left out" in read.notes


def test_times_are_told_to_the_digits_that_they_have(tmp_path, built):
    frames = shaken(built("IT"))
    frames.time = 20_000.0 + 0.1 * np.arange(len(frames))  # 20 ns, where single precision counts in 0.002 ps
    read = read_peptide(*write(tmp_path, frames))
    assert np.ptp(np.diff(read.times)) > 1e-3
    assert read.interval_ps == 0.1
    assert read.times.dtype == np.float64
    assert even_interval(np.arange(5.0)) is None  # frames counted, no times
    assert even_interval(np.tile(np.arange(5.0), 2)) is None
    assert even_interval(np.array([0.0, 1.0, 3.0])) is None
    assert run_starts(np.array([0.0, 1.0, 0.5, 0.5, 2.0])) == [0, 2]
    assert [rounded(0.19999, 1e-4), rounded(0.19999, 1e-6), rounded(123.4, 0.01)] == [0.2, 0.19999, 123.4]


def test_netcdf_with_and_without_times(tmp_path, built, imported):
    from scipy.io import netcdf_file

    frames = shaken(built("IT"))
    _, pdb = write(tmp_path, frames)
    frames.save(str(tmp_path / "run.nc"))
    assert read_peptide(tmp_path / "run.nc", pdb).interval_ps == 2.0
    assert imported(built("IT"), pdb, tmp_path / "run.nc").record["production"]["frame_interval_ps"] == 2.0
    with netcdf_file(tmp_path / "run.nc", "r", mmap=False) as source, netcdf_file(tmp_path / "bare.nc", "w") as target:
        for name, length in source.dimensions.items():
            target.createDimension(name, length)
        for key in ("title", "application", "program", "programVersion", "Conventions", "ConventionVersion"):
            setattr(target, key, getattr(source, key))
        for name, variable in source.variables.items():
            if name != "time":
                target.createVariable(name, variable.data.dtype, variable.dimensions)[:] = variable.data
                target.variables[name].units = getattr(variable, "units", b"")
    bare = read_peptide(tmp_path / "bare.nc", pdb)
    np.testing.assert_allclose(centred(bare.trajectory), expected(frames), atol=XTC_NM)
    assert bare.times is None
    assert bare.interval_ps is None
    with pytest.raises(TrajectoryError, match="does not carry the time between frames"):
        imported(built("IT"), pdb, tmp_path / "bare.nc")


def test_caps_at_the_files_end(tmp_path, built):
    """As PyMOL sorts hetero atoms: the trajectory has its atoms in the same order."""
    frames = shaken(built("IT"))
    residues = sorted(frames.topology.residues, key=lambda residue: residue.name in ("ACE", "NME"))
    order = [atom.index for residue in residues for atom in residue.atoms]
    top = mdtraj.Topology()
    for residue in residues:
        added = top.add_residue(residue.name, top.add_chain(), residue.resSeq)
        for atom in residue.atoms:
            top.add_atom(atom.name, atom.element, added)
    read = read_peptide(*write(tmp_path, mdtraj.Trajectory(frames.xyz[:, order], top, time=frames.time)))
    assert [residue.name for residue in read.trajectory.topology.residues] == ["ACE", "ILE", "THR", "NME"]
    np.testing.assert_allclose(centred(read.trajectory), expected(frames), atol=XTC_NM)


def test_elements_are_told_by_names(tmp_path, built, imported):
    """Without a column of elements, readers take HE1 for helium."""
    frames = shaken(built("AW"))
    path, pdb = write(tmp_path, frames)
    lines = [
        line[:54] + "\n" if line.startswith("ATOM") else line for line in pdb.read_text().splitlines(keepends=True)
    ]
    (tmp_path / "bare.pdb").write_text("".join(line for line in lines if not line.startswith("CONECT")))
    read = read_peptide(path, tmp_path / "bare.pdb")
    np.testing.assert_allclose(centred(read.trajectory), expected(frames), atol=XTC_NM)
    got = imported(built("AW"), tmp_path / "bare.pdb", path)
    np.testing.assert_allclose(got.trajectory.xyz, expected(frames), atol=XTC_NM)
    assert read_structure(tmp_path / "bare.pdb").amino_acids == ("ALA", "TRP")


def test_steps_are_chains_only_beside_their_own_record(tmp_path, built):
    frames = shaken(built("IT")).atom_slice(range(4))
    chains = np.array([0, 1] * 6)

    def save(folder, steps):
        folder.mkdir()
        with mdtraj.formats.XTCTrajectoryFile(str(folder / "samples.xtc"), "w") as file:
            file.write(frames.xyz, time=np.arange(12, dtype=np.float32), step=steps.astype(np.int32))
        return folder / "samples.xtc"

    ours = save(tmp_path / "ours", chains)
    assert recorded_chains(ours, 12) is None
    write_json(tmp_path / "ours" / "sampling.json", {"chain_lengths": [6, 6]})
    np.testing.assert_array_equal(recorded_chains(ours, 12), chains)
    others = save(tmp_path / "others", np.tile(np.arange(6), 2))  # two runs of MD, each from step 0
    write_json(tmp_path / "others" / "sampling.json", {"chain_lengths": [6, 6]})
    assert recorded_chains(others, 12) is None


def test_samples_of_our_own_are_in_nm_however_bad_their_model(tmp_path, built):
    frames = shaken(built("IT")).atom_slice(range(4))
    frames.xyz *= 0.1
    frames[:1].save_pdb(str(tmp_path / "topology.pdb"))
    with mdtraj.formats.XTCTrajectoryFile(str(tmp_path / "samples.xtc"), "w") as file:
        file.write(frames.xyz, time=np.arange(12, dtype=np.float32), step=np.zeros(12, dtype=np.int32))
    with pytest.raises(TrajectoryError, match="ten times too short"):
        read_peptide(tmp_path / "samples.xtc", tmp_path / "topology.pdb")
    write_json(tmp_path / "sampling.json", {"chain_lengths": [12]})
    read = read_peptide(tmp_path / "samples.xtc", tmp_path / "topology.pdb").trajectory
    heavy = [atom.index for atom in frames.topology.atoms if atom.element.symbol != "H"]
    np.testing.assert_allclose(read.xyz, frames.xyz[:, heavy], atol=1e-3)
