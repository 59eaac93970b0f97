"""Tables as people have them: CSV with commas, semicolons or tabs, blank rows, column names in capitals."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jamun.io.text import shown

# Excel writes semicolons where a comma is the decimal sign.
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """A row of a table: where it is, such as ``row 3``, and its cells by column, without spaces around them."""

    place: str
    cells: dict[str, str]


def _cells(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of every row that is not blank. Raises csv.Error."""
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    return [(number, row) for number, row in rows if any(row)]


def first_row(text: str) -> str:
    """The first row that is not blank, as a message shows it."""
    return shown(next((line.strip() for line in text.splitlines() if line.strip()), ""))


def read_rows(path: Path, text: str, wanted: Iterable[str], refused: type[Exception]) -> list[Row] | None:
    """The rows of a table whose first row names its columns.

    Args:
        path: the file, for messages.
        text: its content.
        wanted: columns that it has to have; the delimiter is the one that finds all of them.
        refused: the error to raise.

    Returns:
        The rows that are not blank; None where no delimiter finds all columns.

    Raises:
        refused: the text is no CSV; a column is there twice; a row has more cells than there are columns.
    """
    for delimiter in _DELIMITERS:
        try:
            rows = _cells(text, delimiter)
        except csv.Error as error:
            raise refused(f"{path}: not readable as CSV ({error}).") from None
        names = [name.lower() for name in rows[0][1]] if rows else []
        if not set(wanted) <= set(names):
            continue
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice is not None:
            raise refused(f"{path}: the column {twice!r} is there twice; keep one.")
        found = []
        for number, row in rows[1:]:
            if any(row[len(names) :]):
                raise refused(
                    f"{path}, row {number}: {len(row)} cells in {shown(delimiter.join(row))}, but {len(names)} "
                    "columns; put a cell that holds the delimiter in double quotes."
                )
            padded = [*row, *[""] * len(names)]
            found.append(Row(f"row {number}", dict(zip(names, padded, strict=False))))
        return found
    return None
