"""Files that are written only where they differ from what is there, so that doing all again changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from jamun.io.atomic import atomic_path

# Figures on a page are not shown wider than this, pixels, and need no more colours.
_WIDEST, _COLOURS = 1600, 255


def write_bytes(target: Path, content: bytes) -> bool:
    """Write `content`, atomically, unless the file holds it already; whether it was written."""
    if target.is_file() and target.read_bytes() == content:
        return False
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    return True


def write_words(target: Path, text: str) -> bool:
    """The same of text, as UTF-8."""
    return write_bytes(target, text.encode("utf-8"))


def write_record(target: Path, value: Any) -> bool:
    """The same of a value of JSON's types."""
    return write_words(target, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(target: Path, table: pd.DataFrame) -> bool:
    """The same of a table, as CSV with six digits."""
    return write_words(target, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def small_png(source: Path | io.BytesIO) -> bytes:
    """A figure's PNG of at most 1600 pixels across and 255 colours: a third of the bytes, and no difference to see."""
    with Image.open(source) as figure:
        drawn = figure.convert("RGB")
    if drawn.width > _WIDEST:
        drawn = drawn.resize((_WIDEST, round(drawn.height * _WIDEST / drawn.width)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    drawn.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
