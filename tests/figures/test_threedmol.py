"""3Dmol.js is fetched once, only as pinned, and whoever lacks it is told what to run."""

import base64
import hashlib
import io
import tarfile

import pytest

from jamun.figures import threedmol
from jamun.io.log import UserError

NPM = """#!/bin/sh
[ "$*" = "pack --silent 3dmol@{version}" ] && cp "{package}" . || {{ echo "no registry" >&2; exit 1; }}
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of the pinned one, and an npm that packs it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("build/3Dmol-min.js", b"var $3Dmol = {};"), ("LICENSE", b"free"), ("../escape", b"no")):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    file = tmp_path / "3dmol.tgz"
    file.write_bytes(content.getvalue())
    digest = hashlib.sha512(content.getvalue()).digest()
    monkeypatch.setattr(threedmol, "INTEGRITY", base64.b64encode(digest).decode())
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM.format(version=threedmol.VERSION, package=file))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/bin:/usr/bin")
    return file


def test_it_is_fetched_once_with_its_licence(package, tmp_path):
    folder = tmp_path / "share"
    assert not threedmol.present(folder)
    assert threedmol.fetch(folder=folder)
    assert threedmol.library(folder) == ("var $3Dmol = {};", "free")
    assert {path.name for path in folder.iterdir()} == {"3Dmol-min.js", "LICENSE"}
    assert not threedmol.fetch(folder=folder)
    (folder / "LICENSE").unlink()
    assert threedmol.fetch(folder=folder), "half of it is not enough"


def test_without_a_registry_a_file_will_do(package, tmp_path):
    elsewhere = package.rename(tmp_path / "brought.tgz")
    with pytest.raises(UserError, match=r"failed \(.*\).*python -m jamun\.figures\.threedmol 3dmol-"):
        threedmol.fetch(folder=tmp_path / "share")
    assert threedmol.fetch(elsewhere, tmp_path / "share")


def test_without_npm_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"npm.*is not installed.*npm pack 3dmol@"):
        threedmol.fetch(folder=tmp_path / "share")
    with pytest.raises(UserError, match="correct the path"):
        threedmol.fetch(tmp_path / "none.tgz", tmp_path / "share")


def test_another_package_is_refused(package, tmp_path):
    package.write_bytes(package.read_bytes() + b" ")
    for given in (None, package):
        with pytest.raises(UserError, match=r"not the 3Dmol\.js"):
            threedmol.fetch(given, tmp_path / "share")
    assert not (tmp_path / "share").exists()


def test_without_it_the_command_is_named(tmp_path):
    with pytest.raises(UserError, match=r"make viewer.*python -m jamun\.figures\.threedmol"):
        threedmol.library(tmp_path)


def test_the_conda_environment_gets_it_too():
    script = threedmol.Path(__file__).parents[2] / "envs/main.post-deploy.sh"
    assert "python -m jamun.figures.threedmol" in script.read_text()
