"""What cannot be imported is refused in one sentence that names the file, and nothing is published."""

from __future__ import annotations

import numpy as np
import pytest
from foreign import FRAMES, INTERVAL, renamed, save_npz, shaken, wrapped

from jamun.trajectories.checks import FrameTimes, TrajectoryError, make_whole, spanning_tree


class Case:
    """A good source of one peptide, to be spoilt."""

    def __init__(self, folder, pdb):
        self.folder, self.pdb = folder, pdb
        self.trajectory = shaken(pdb)
        self.topology = folder / "run.pdb"
        self.path = folder / "run.xtc"
        self.settings = {"frame_interval": INTERVAL}
        self.trajectory[0].save_pdb(str(self.topology))
        self.trajectory.save(str(self.path))

    def atom(self, residue, name):
        return next(a.index for a in self.trajectory.topology.atoms if a.residue.name == residue and a.name == name)

    def write(self, trajectory=None, topology=True, suffix=".xtc"):
        trajectory = self.trajectory if trajectory is None else trajectory
        self.path = self.folder / f"run{suffix}"
        if suffix == ".npz":
            save_npz(self.path, trajectory.xyz)
        else:
            trajectory.save(str(self.path))
        if topology:
            trajectory[0].save_pdb(str(self.topology))


def angstroms(case):
    case.trajectory.xyz *= 10
    case.write(topology=False, suffix=".npz")


def another_order(case):
    """The topology of a program that writes hydrogens elsewhere: names of two atoms for each other's."""
    text = case.topology.read_text()
    case.topology.write_text(
        text.replace(" CB  ILE", " XX  ILE").replace(" HB  ILE", " CB  ILE").replace(" XX ", " HB ")
    )


def told_angstroms(case):
    case.settings["length_unit"] = "angstrom"


def no_unit(case):
    case.trajectory.xyz *= 1e-2
    case.write(topology=False, suffix=".npz")


def not_finite(case):
    case.trajectory.xyz[7, case.atom("THR", "CB"), 1] = np.nan
    case.write(suffix=".npz")


def missing_atoms(case):
    wanted = case.atom("ILE", "CD1")
    kept = [atom.index for atom in case.trajectory.topology.atoms if atom.index != wanted]
    case.write(case.trajectory.atom_slice(kept))


def unknown_atom(case):
    renamed(case.trajectory, {}, {("THR", "OG1"): "OX9"})
    case.write()


def unknown_residue(case):
    renamed(case.trajectory, {"THR": "TPO"}, {})
    case.write()


def d_residue(case):
    case.trajectory.xyz[..., 0] *= -1
    case.write()


def d_side_chain(case):
    first, second = case.atom("THR", "OG1"), case.atom("THR", "CG2")
    case.trajectory.xyz[:, [first, second]] = case.trajectory.xyz[:, [second, first]]
    case.write()


def inverted_later(case):
    case.trajectory.xyz[5:, :, 2] *= -1
    case.write()


def two_copies(case):
    case.write(case.trajectory.stack(case.trajectory))


def empty(case):
    case.path.write_bytes(b"")


def text(case):
    case.path.write_text("frames of a peptide\n" * 50)


def cut(case):
    data = case.path.read_bytes()
    case.path.write_bytes(data[: int(len(data) * 0.6) // 4 * 4 + 4])


def cut_within_a_number(case):
    data = case.path.read_bytes()
    case.path.write_bytes(data + data[:2])


def cut_dcd(case):
    case.write(suffix=".dcd")
    case.path.write_bytes(case.path.read_bytes()[:-20])


def cut_npz(case):
    case.write(suffix=".npz")
    case.path.write_bytes(case.path.read_bytes()[:5000])


def pickled(case):
    case.path = save_npz(case.folder / "run.npz", np.array([{"a": 1}], dtype=object))


def no_positions(case):
    case.path = case.folder / "run.npz"
    np.savez(case.path, coordinates=case.trajectory.xyz)


def flat_npz(case):
    case.path = save_npz(case.folder / "run.npz", case.trajectory.xyz.reshape(FRAMES, -1))


def text_npz(case):
    case.path = case.folder / "run.npz"
    case.path.write_text("positions\n" * 20)


def text_h5(case):
    case.path = case.folder / "run.h5"
    case.path.write_text("positions\n" * 20)


def fewer_atoms(case):
    case.write(case.trajectory.atom_slice(range(20)), topology=False)


def fewer_atoms_npz(case):
    case.write(case.trajectory.atom_slice(range(20)), topology=False, suffix=".npz")


def torn(case):
    case.trajectory = wrapped(case.trajectory, 3.0 * np.eye(3))
    case.trajectory.unitcell_vectors = None
    case.write(topology=False)


def long_bond(case):
    case.trajectory.xyz[4, case.atom("ILE", "CD1")] += 0.2
    case.write(topology=False)


def short_bond(case):
    case.trajectory.xyz[4, case.atom("ILE", "CD1")] = case.trajectory.xyz[4, case.atom("ILE", "CG1")] + 0.02
    case.write(topology=False)


def one_frame(case):
    case.write(case.trajectory[0])


def stride_too_long(case):
    case.settings["stride"] = 50


def no_times(case):
    del case.settings["frame_interval"]
    case.write(suffix=".dcd")


def standing_times(case):
    del case.settings["frame_interval"]
    case.trajectory.time[6:] -= INTERVAL
    case.write()


def uneven_times(case):
    del case.settings["frame_interval"]
    case.trajectory.time[6:] += 0.5
    case.write()


def broken_topology(case):
    case.topology.write_text("not a structure\n")


def unknown_topology(case):
    case.topology = case.folder / "run.top"
    case.topology.write_text("[ moleculetype ]\n")


REFUSED = [
    (angstroms, "run.npz: lengths are angstroms (a typical bond is 1", "set source.length_unit: angstrom."),
    (another_order, "run.xtc: bond ILE2 CA to ILE2 CB is 0.21", "atoms in another order than the trajectory"),
    (told_angstroms, "run.xtc: lengths are nm", "set source.length_unit: nm."),
    (no_unit, "run.npz: a typical bond is 0.001", "neither nm"),
    (not_finite, "run.npz: positions of frame 7 are not finite", "cut the trajectory"),
    (missing_atoms, "run.pdb: ILE2 lacks heavy atoms: CD1", "with all of them"),
    (unknown_atom, "run.pdb: THR3 holds atom OX9", "it lacks OG1"),
    (unknown_residue, "run.pdb: residue TPO3 is none of the 20 amino acids", "leave the peptide out"),
    (d_residue, "run.xtc: ILE2 CA is inverted (D instead of L) in frame 0", "leave the peptide out"),
    (d_side_chain, "run.xtc: THR3 CB is inverted", "frame 0"),
    (inverted_later, "run.xtc: ILE2 CA is inverted", "frame 5"),
    (two_copies, "run.pdb: 2 chains are ACE-ILE-THR-NME", "keep one molecule"),
    (empty, "run.xtc: an empty file", "fetch or write it again"),
    (text, "run.xtc: not readable as XTC", "of another format"),
    (cut, "run.xtc: not readable as XTC", "cut short"),
    (cut_within_a_number, "run.xtc: not readable as XTC", "cut short"),
    (cut_dcd, "run.dcd: not readable as DCD (11 whole frames, but its header tells of 12)", "cut short"),
    (cut_npz, "run.npz: not readable as NPZ", "damaged"),
    (pickled, "run.npz: positions is pickled", "never loaded"),
    (no_positions, "run.npz: no array 'positions', only coordinates", "save it under this name"),
    (flat_npz, "run.npz: positions is float32 of shape (12, ", "frames x atoms x 3"),
    (text_npz, "run.npz: not readable as NPZ", "of another format"),
    (text_h5, "run.h5: not readable as H5", "of another format"),
    (fewer_atoms, "run.xtc: 20 atoms in each frame, but", "run.pdb has"),
    (fewer_atoms_npz, "run.npz: 20 atoms in each frame, but", "run.pdb has"),
    (torn, "run.xtc: bond ", "no periodic box to make the molecule whole with"),
    (long_bond, "run.xtc: bond ILE2 CG1 to ILE2 CD1 is 0.", "in frame 4"),
    (short_bond, "run.xtc: bond ILE2 CG1 to ILE2 CD1 is 0.03", "in frame 4"),
    (one_frame, "run.xtc: 1 frames; at least two are needed", "fetch or write it again"),
    (stride_too_long, "run.xtc: source.stride 50 leaves one of its frames", "lower it"),
    (no_times, "run.dcd: does not carry the time between frames", "set source.frame_interval"),
    (standing_times, "run.xtc: the time of frame 6 is 10 ps, after 10 ps", "must increase"),
    (uneven_times, "run.xtc: frame 6 comes 2.5 ps after", "evenly spaced"),
    (broken_topology, "run.pdb: ", "topology"),
    (unknown_topology, "run.top: not readable as a topology", "MDTraj reads"),
]


@pytest.mark.parametrize(("spoil", "start", "words"), REFUSED, ids=[case[0].__name__ for case in REFUSED])
def test_refused_with_file_and_reason(tmp_path, built, imported, capfd, spoil, start, words):
    case = Case(tmp_path, built("IT"))
    spoil(case)
    with pytest.raises(TrajectoryError) as caught:
        imported(case.pdb, case.topology, case.path, **case.settings)
    message = str(caught.value)
    assert start in message
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message
    assert not list((tmp_path / "md").glob("*"))
    assert not (tmp_path / "work" / "peptide").exists()
    assert "dcdplugin" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("other", "form", "words"),
    [
        ("TI", "capped", "holds ACE-THR-ILE-NME, not ACE-ILE-THR-NME; give the topology of this peptide"),
        ("IT", "uncapped", "holds ILE-THR, not ACE-ILE-THR-NME; set peptides.form: uncapped"),
    ],
)
def test_another_topology(tmp_path, built, imported, other, form, words):
    case = Case(tmp_path, built(other, form))
    with pytest.raises(TrajectoryError, match=r"run\.pdb") as caught:
        imported(built("IT"), case.topology, case.path, **case.settings)
    assert words in str(caught.value)


def test_a_disulphide_that_the_peptide_has_not(tmp_path, built, imported):
    """And the other way round: a bond that the MD has not is one of no bond's length."""
    closed, open_chain = built("CAAC-SS1-4"), built("CAAC")
    case = Case(tmp_path, closed)
    imported(closed, case.topology, case.path, **case.settings)
    with pytest.raises(TrajectoryError, match=r"run\.pdb: a disulphide joins CYS2 and CYS5, which the peptide has not"):
        imported(open_chain, case.topology, case.path, **case.settings)
    case = Case(tmp_path, open_chain)
    with pytest.raises(TrajectoryError, match="bond CYS2 SG to CYS5 SG is"):
        imported(closed, case.topology, case.path, **case.settings)


def test_replicas_of_two_intervals(tmp_path, built, imported):
    case = Case(tmp_path, built("IT"))
    other = tmp_path / "other.xtc"
    case.trajectory.time *= 2
    case.trajectory.save(str(other))
    with pytest.raises(TrajectoryError, match=r"other\.xtc: 4 ps between frames, but 2 ps in .*run\.xtc"):
        imported(case.pdb, case.topology, case.path, other)


def test_a_pickle_is_never_loaded(tmp_path, built, imported):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    case = Case(tmp_path, built("IT"))
    path = tmp_path / "trap.npz"
    np.savez(path, positions=np.array([Trap()], dtype=object), other=np.array([Trap()], dtype=object))
    with pytest.raises(TrajectoryError, match="pickled"):
        imported(case.pdb, case.topology, path, **case.settings)
    assert not (tmp_path / "sprung").exists()


def test_times_far_from_zero_are_even_within_their_precision():
    times = FrameTimes("run.xtc")
    times.add((1e6 + 0.2 * np.arange(500)).astype(np.float32))
    assert times.interval == pytest.approx(0.2, rel=2e-3)


def test_whole_frames_do_not_move():
    positions = np.array([[[0.0, 0, 0], [0.15, 0, 0]], [[2.95, 0, 0], [0.1, 0, 0]]])
    bonds = np.array([[0, 1]])
    box = np.repeat(3.0 * np.eye(3)[None], 2, axis=0)
    whole, changed = make_whole(positions, box, bonds, spanning_tree(2, bonds))
    assert changed.tolist() == [False, True]
    np.testing.assert_array_equal(whole[0], positions[0])
    np.testing.assert_allclose(whole[1, 1], [3.1, 0, 0])
