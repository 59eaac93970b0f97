"""Names by which MDTraj can open files whatever they are called."""

import mdtraj
import numpy as np
import pytest
from mdtraj.formats import XTCTrajectoryFile

from jamun.io.names import ending, openable
from jamun.io.text import read_lenient, read_text
from jamun.io.xtc import xtc_bytes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AW.PDB", ".pdb"),
        ("a.pdb.gz", ".pdb.gz"),
        ("b.Pdb.GZ", ".pdb.gz"),
        ("MD (1).XTC", ".xtc"),
        (".pdb", ""),
        ("x", ""),
    ],
)
def test_endings(tmp_path, name, expected):
    assert ending(tmp_path / name, (".pdb", ".pdb.gz")) == expected


def test_files_are_written_by_an_openable_name(tmp_path):
    path = tmp_path / "Übung" / "run.xtc"
    path.parent.mkdir()
    xyz = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    for _ in range(2):  # over nothing, and over what is there
        with openable(path) as opened, XTCTrajectoryFile(opened, "w") as file:
            assert opened.isascii()
            file.write(xyz)
        assert [found.name for found in path.parent.iterdir()] == ["run.xtc"]
        assert path.stat().st_size > 0


@pytest.mark.parametrize(
    "name", ["Übung/läuft.xtc", "Übung/run.xtc", "plain.xtc", "CAPITALS.XTC", "with space/a (1).xtc"]
)
def test_files_are_read_by_an_openable_name(tmp_path, name):
    xyz = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    with XTCTrajectoryFile(str(tmp_path / "written.xtc"), "w") as file:
        file.write(xyz)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "written.xtc").rename(path)
    with openable(path, ".xtc") as opened, mdtraj.open(opened) as file:
        np.testing.assert_allclose(file.read()[0], xyz, atol=6e-4)
    assert path.is_file()


def test_frames_are_appended_in_a_folder_of_any_name(tmp_path):
    folder = tmp_path / "Übung"
    folder.mkdir()
    times, steps = np.arange(2, dtype=np.float32), np.arange(2, dtype=np.int32)
    assert len(xtc_bytes(np.zeros((2, 12, 3), np.float32), times, steps, folder / "scratch.xtc")) > 100
    assert not list(folder.iterdir())


def test_text_in_the_encodings_that_people_have(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "a.csv").write_bytes("name\r\nÜ\r\n".encode(encoding))
        assert read_text(tmp_path / "a.csv") == "name\nÜ\n"
    (tmp_path / "a.csv").write_bytes("name\nÜ\n".encode("latin-1"))
    with pytest.raises(OSError, match="byte 6 is not UTF-8"):
        read_text(tmp_path / "a.csv")
    assert read_lenient(tmp_path / "a.csv") == "name\nÜ\n"
