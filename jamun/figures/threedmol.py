"""3Dmol.js, which draws molecules in a browser: put into the environment once, and found there.

python -m jamun.figures.threedmol             by npm, from the registry that npm is set up for
python -m jamun.figures.threedmol FILE.tgz    from a package that `npm pack` made elsewhere
"""

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from jamun.io.atomic import write_text
from jamun.io.log import UserError

VERSION = "2.5.5"
# SHA-512 of the package, as npm states it for this version.
INTEGRITY = "kqNHouGqq3YfW58174tdERvm0XYTmP0tavQKOqIw1ouc2OJ7epkXEFrtEkVXV0clBZT2Ze2xHRC/qxX0u0qCdw=="
FOLDER = Path(sys.prefix) / "share" / "3dmol" / VERSION
# The script comes last: where it is, all is.
_MEMBERS = {"LICENSE": "package/LICENSE", "3Dmol-min.js": "package/build/3Dmol-min.js"}
_COMMAND = "python -m jamun.figures.threedmol"
_SECONDS = 300


def present(folder: Path = FOLDER) -> bool:
    """Whether the script and its licence are there."""
    return all((folder / name).exists() for name in _MEMBERS)


def missing(folder: Path = FOLDER) -> str:
    """One sentence for where they are not: what is missing, and what to run."""
    return (
        f"3Dmol.js {VERSION}, which draws the viewer, is not in {folder}: run `make viewer`, or `{_COMMAND}` in the "
        f"environment of {sys.executable}"
    )


def library(folder: Path = FOLDER) -> tuple[str, str]:
    """Text of the script and of its licence. Raises UserError where they are not there."""
    try:
        script, licence = ((folder / name).read_text(encoding="utf-8") for name in ("3Dmol-min.js", "LICENSE"))
    except FileNotFoundError:
        raise UserError(f"{missing(folder)}.") from None
    return script, licence


def fetch(package: Path | None = None, folder: Path = FOLDER) -> bool:
    """Put the script and its licence in `folder`, by npm or from the file `package`; False where they were there.

    Raises UserError where the package cannot be had, is another one than the pinned, or cannot be written.
    """
    if package is None and present(folder):
        return False
    try:
        content = _packed() if package is None else package.read_bytes()
    except OSError as error:
        raise UserError(f"{package} cannot be read ({error}): correct the path.") from None
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != INTEGRITY:
        raise UserError(
            f"{package or 'what npm fetched'} is not the 3Dmol.js {VERSION} that was pinned: make it again by "
            f"`npm pack 3dmol@{VERSION}`."
        )
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for name, path in _MEMBERS.items():
                member = archive.extractfile(path)
                assert member is not None, "a file, since the checksum is right"
                write_text(folder / name, member.read().decode("utf-8"))
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error}): make the environment writable.") from None
    return True


def _packed() -> bytes:
    """The package as `npm pack` fetches it. Raises UserError where there is no npm, or it fails."""
    elsewhere = f"run `npm pack 3dmol@{VERSION}` on a machine that can, then `{_COMMAND} 3dmol-{VERSION}.tgz`"
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(f"npm, which fetches 3Dmol.js {VERSION}, is not installed: install it, or {elsewhere}.")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"3dmol@{VERSION}"]
        try:
            ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"`npm pack 3dmol@{VERSION}` took over {_SECONDS} s: {elsewhere}.") from None
        made = sorted(Path(folder).glob("*.tgz"))
        if ended.returncode or not made:
            reason = " ".join(ended.stderr.split())[-200:] or f"exit code {ended.returncode}"
            raise UserError(f"`npm pack 3dmol@{VERSION}` failed ({reason}): {elsewhere}.")
        return made[0].read_bytes()


if __name__ == "__main__":
    try:
        fetched = fetch(*map(Path, sys.argv[1:2]))
    except UserError as problem:
        sys.exit(f"Error: {problem}")
    if fetched:
        print(f"3Dmol.js {VERSION} is in {FOLDER}")
