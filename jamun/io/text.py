"""Text that people wrote, read from files that may be anything, and text for them: messages that stay one printable
line, numbers with their noun."""

import codecs
import datetime
import gzip
import os.path
import zlib
from pathlib import Path
from typing import Any

# A message longer than this is not read; its start says where, its end what to do.
LONGEST = 300
_SHOWN = 60
# A table of a million peptides has 20 MB.
LARGEST_FILE_MB = 200


def one_line(text: str, longest: int = LONGEST) -> str:
    """`text` with every character that does not print escaped, and its middle left out beyond `longest` characters."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    if len(printable) <= longest:
        return printable
    end = longest // 3
    return f"{printable[: longest - end - 5]} ... {printable[-end:]}"


def in_brief(error: object, longest: int = 160) -> str:
    """What an error says, on one line and no longer than that; its class where it says nothing."""
    return " ".join(str(error).split())[:longest] or type(error).__name__


def plural(count: int, noun: str) -> str:
    """``1 peptide``, ``2 peptides``, ``2,000 samples``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shown(value: Any) -> str:
    """A value of a configuration as a message names it: short whatever it holds."""
    if isinstance(value, str):
        return one_line(repr(value), _SHOWN)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, int):
        # Python refuses to write integers of more than 4,300 digits.
        return str(value) if value.bit_length() < 64 else "an integer of more than 19 digits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime.date):
        return f"a date ({value.isoformat()})"
    words: dict[type, str] = {list: "a list", tuple: "a list", dict: "a mapping"}
    return words.get(type(value), f"a value of type {type(value).__name__}")


def _bytes(path: Path) -> bytes:
    """Content of a file; of a name that ends in .gz, uncompressed. Raises as `read_text` does."""
    # Of os.path: names that no file can have, such as one with a NUL or too long a one, are of nothing that is there.
    if not os.path.isfile(path):
        if os.path.isdir(path):
            raise IsADirectoryError("it is a folder")
        if os.path.exists(path):
            raise OSError("it is no ordinary file")
        raise FileNotFoundError(path)
    if path.stat().st_size > LARGEST_FILE_MB * 1e6:
        raise OSError(f"it is larger than {LARGEST_FILE_MB} MB")
    try:
        if path.suffix.lower() != ".gz":
            return path.read_bytes()
        with gzip.open(path) as handle:
            content = handle.read(int(LARGEST_FILE_MB * 1e6) + 1)
    except PermissionError:
        raise OSError("permission denied") from None
    except (EOFError, zlib.error):
        raise OSError("it is cut short") from None
    if len(content) > LARGEST_FILE_MB * 1e6:
        raise OSError(f"it is larger than {LARGEST_FILE_MB} MB")
    return content


def _encoding(content: bytes) -> str:
    """UTF-16 where the first bytes say so, as Excel's "Unicode text" has it; else UTF-8."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8 or in a UTF-16 that says so; of a name that ends in .gz, uncompressed.

    Raises FileNotFoundError where nothing is there or can be, and OSError, whose message is the reason in a few words,
    for a folder or a device, for text in another encoding, and for files of more than `LARGEST_FILE_MB`.
    """
    content = _bytes(path)
    encoding = _encoding(content)
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise OSError(f"byte {error.start + 1} is not {'UTF-16' if encoding == 'utf-16' else 'UTF-8'}") from None


def read_lenient(path: Path) -> str:
    """As `read_text`, of files whose remarks may be in any encoding: what is not Unicode is read as Latin-1."""
    content = _bytes(path)
    try:
        text = content.decode(_encoding(content))
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_or_refuse(path: Path, refused: type[Exception], missing: str, wanted: str) -> str:
    """The text (UTF-8) of a file that a user named.

    Raises `refused` with a sentence that names the file: `missing` where nothing is there, else why it is not readable
    and `wanted`, both in words that end the sentence.
    """
    try:
        return read_text(path)
    except FileNotFoundError:
        raise refused(f"{path}: {missing}") from None
    except OSError as error:
        raise refused(f"{path}: not readable as text ({error}); {wanted}") from None
