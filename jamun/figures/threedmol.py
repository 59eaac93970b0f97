"""3Dmol.js, which draws molecules in a browser: fetched once into the environment, and found there.

python -m jamun.figures.threedmol             fetch it from npm's registry
python -m jamun.figures.threedmol FILE.tgz    take it from a package that was fetched elsewhere
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

from jamun.io.atomic import write_text
from jamun.io.log import UserError

VERSION = "2.5.5"
URL = f"https://registry.npmjs.org/3dmol/-/3dmol-{VERSION}.tgz"
# SHA-512 of the package, as the registry states it for this version.
INTEGRITY = "kqNHouGqq3YfW58174tdERvm0XYTmP0tavQKOqIw1ouc2OJ7epkXEFrtEkVXV0clBZT2Ze2xHRC/qxX0u0qCdw=="
FOLDER = Path(sys.prefix) / "share" / "3dmol" / VERSION
# The script comes last: where it is, all is.
_MEMBERS = {"LICENSE": "package/LICENSE", "3Dmol-min.js": "package/build/3Dmol-min.js"}
_COMMAND = "python -m jamun.figures.threedmol"


def library(folder: Path = FOLDER) -> tuple[str, str]:
    """Text of the script and of its licence. Raises UserError where they were not fetched."""
    try:
        return tuple((folder / name).read_text(encoding="utf-8") for name in ("3Dmol-min.js", "LICENSE"))
    except FileNotFoundError:
        raise UserError(
            f"3Dmol.js {VERSION}, which draws the viewer, is not in {folder}: run `make viewer`, or "
            f"`{_COMMAND}` in the environment of {sys.executable}."
        ) from None


def fetch(package: Path | None = None, folder: Path = FOLDER) -> bool:
    """Put the script and its licence in `folder`, from npm's registry or from `package`; False where they were there.

    Raises UserError where the package cannot be had, is another one than the pinned, or cannot be written.
    """
    if package is None and all((folder / name).exists() for name in _MEMBERS):
        return False
    try:
        if package is None:
            with urllib.request.urlopen(URL, timeout=60) as answer:
                content = answer.read()
        else:
            content = package.read_bytes()
    except (OSError, HTTPException) as error:
        raise UserError(
            f"3Dmol.js {VERSION} cannot be fetched from {package or URL} ({error}): fetch {URL} on a machine that can "
            f"(HTTPS_PROXY names a proxy), then run `{_COMMAND} {URL.rpartition('/')[2]}` with that file."
        ) from None
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != INTEGRITY:
        raise UserError(f"{package or URL} is not the 3Dmol.js {VERSION} that was pinned; fetch {URL} again.")
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for name, member in _MEMBERS.items():
                write_text(folder / name, archive.extractfile(member).read().decode("utf-8"))
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error}): make the environment writable.") from None
    return True


if __name__ == "__main__":
    try:
        fetched = fetch(*map(Path, sys.argv[1:2]))
    except UserError as problem:
        sys.exit(f"Error: {problem}")
    if fetched:
        print(f"3Dmol.js {VERSION} is in {FOLDER}")
