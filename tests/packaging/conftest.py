"""The wheel, built and installed away from the repository."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installed:
    """An environment that holds the package."""

    folder: Path

    def run(self, directory: Path, *words: object, **environment: str) -> subprocess.CompletedProcess:
        """`jamun words...` in `directory`, with nothing of the repository or of this process in its way."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [str(self.folder / "bin" / "jamun"), *map(str, words)],
            cwd=directory,
            env=kept | {"OMP_NUM_THREADS": "1"} | environment,
            capture_output=True,
            text=True,
            timeout=1200,
        )

    @property
    def site_packages(self) -> Path:
        """Where its packages lie."""
        (found,) = self.folder.glob("lib/python3.*/site-packages")
        return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from the repository as `pip install .` does."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = folder.glob("jamun-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, which takes its dependencies from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    found = Installed(folder)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    # A .pth file's folders are searched last, and the .pth files in them are not read: not the repository's own.
    folders = [path for path in sys.path if path.endswith("site-packages")]
    (found.site_packages / "dependencies.pth").write_text("\n".join(folders) + "\n")
    return found
