"""Folders that results cannot go to are refused before anything is computed, in one sentence."""

import errno
import tempfile
from pathlib import Path

import pytest

from jamun import cli
from jamun.io import active
from jamun.io.disk import append, require_folder, trim
from jamun.io.log import UserError, system_sentence


def test_a_folder_that_can_be_written_to(tmp_path):
    require_folder(tmp_path)
    require_folder(tmp_path / "to" / "be" / "made")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=r"^--out .*file is a file; give a folder\.$"):
            require_folder(out)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, r"cannot be written to \(Read-only file system\); give another folder\.$"),
        (errno.EACCES, r"cannot be written to \(Permission denied\); give another folder\.$"),
        (errno.ENOSPC, r"cannot be written to \(the disk is full\); free space\.$"),
        (errno.EDQUOT, r"cannot be written to \(the quota is used up\); free space\.$"),
    ],
)
def test_a_disk_that_refuses(tmp_path, monkeypatch, number, words):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: (_ for _ in ()).throw(OSError(number, _word(number))))
    with pytest.raises(UserError, match=words):
        require_folder(tmp_path)


def _word(number):
    return {errno.EROFS: "Read-only file system", errno.EACCES: "Permission denied"}.get(number, "No space left")


COMMANDS = {
    "build": ["--sequence", "AW"],
    "sample": ["--sequence", "AW"],
    "simulate": ["--pdb", "AW.pdb"],
    "evaluate": ["--reference", "a.xtc", "--samples", "b.xtc", "--topology", "a.pdb"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_looks_before_it_computes(tmp_path, monkeypatch, capsys, command):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("sys.argv", ["jamun", command, *COMMANDS[command], "--out", str(tmp_path / "file")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told == f"Error: --out {tmp_path / 'file'}: {tmp_path / 'file'} is a file; give a folder.\n"


def test_what_the_system_refuses_later_is_one_sentence(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "AW.pdb"))

    monkeypatch.setattr("jamun.peptides.build.build_to_files", full)
    monkeypatch.setattr("sys.argv", ["jamun", "build", "--sequence", "AW", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told == f"Error: {tmp_path / 'AW.pdb'}: the disk is full; free space and run the same command again.\n"


def test_sentences_of_the_system():
    refused = PermissionError(errno.EACCES, "Permission denied", "a")
    assert system_sentence(refused).startswith("a: Permission denied; give")
    assert system_sentence(OSError("cut\nshort")) == "cut short; put that right and run the same command again."


def test_a_python_whose_path_a_shell_would_split(tmp_path):
    active.require_plain_path("/home/me/.venv-2+a/bin/python3.11")
    active.require_plain_path("/home/Übung/.venv/bin/python3.11")
    for folder in ("my folder", "it's", "a;b", "$HOME"):
        with pytest.raises(UserError, match="path has spaces or other signs"):
            active.require_plain_path(str(Path("/home") / folder / ".venv/bin/python"))


def test_what_no_saved_size_counts_on_is_cut_off(tmp_path):
    growing = tmp_path / "growing"
    append(growing, 0, b"one")
    append(growing, 3, b" lost")
    append(growing, 3, b" two")
    assert growing.read_bytes() == b"one two"
    append(growing, 7, b" three")
    trim(tmp_path, {"growing": 7, "missing": 0})
    assert growing.read_bytes() == b"one two"


def test_a_second_name_of_a_growing_file_keeps_its_content(tmp_path):
    append(tmp_path / "growing", 0, b"one")
    (tmp_path / "published").hardlink_to(tmp_path / "growing")
    append(tmp_path / "growing", 3, b" two")
    assert (tmp_path / "published").read_bytes() == b"one"
    assert (tmp_path / "growing").read_bytes() == b"one two"
