"""Tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jamun.evaluation.tables import Column, Table

_LONGEST = 45  # rows of a LaTeX table on one page
_WIDE = 8  # columns of a LaTeX table in letters of a common size
_TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "×": r"$\times$", "φ": r"$\varphi$",
        "ψ": r"$\psi$", "≥": r"$\geq$", "<": r"\textless{}", ">": r"\textgreater{}"}  # fmt: skip


def spans(columns: list[Column]) -> list[tuple[str, int]]:
    """Names over the columns with how many columns each covers; "" where there is none."""
    return [(over, len(list(group))) for over, group in groupby(columns, key=lambda column: column.over)]


def to_markdown(tables: list[Table], dataset: str) -> str:
    """Tables in GitHub's Markdown."""

    def safe(text: str) -> str:
        return (
            text.replace("\\", "\\\\").replace("|", "\\|").replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")
        )

    parts = [f"# Results of {safe(dataset)}"]
    for table in tables:
        names = [f"{column.over}: {column.name}" if column.over else column.name for column in table.columns]
        lines = [f"**{safe(table.title)}**", "", f"| {' | '.join(map(safe, names))} |"]
        lines.append(f"|{'|'.join(':---' if column.kind == 'text' else '---:' for column in table.columns)}|")
        for row, mean in zip(table.rows, table.means, strict=True):
            cells = []
            for text, mark in row:
                text = f"**{safe(text)}**" if mean else safe(text)
                cells.append(f"{text}<sup>{mark}</sup>" if mark else text)
            lines.append(f"| {' | '.join(cells)} |")
        notes = [f"<sup>{mark}</sup> {safe(words)}" for words, mark in table.notes.items()]
        parts.append("\n".join([*lines, "", *"  \n".join(notes).splitlines()]).rstrip())
    return "\n\n".join(parts) + "\n"


def tex(text: str) -> str:
    """`text` with LaTeX's own characters escaped."""
    return "".join(_TEX.get(character, character) for character in text)


def to_latex(tables: list[Table], dataset: str) -> str:
    """Tables with the rules of booktabs; those of more than a page by longtable. Both packages are to be loaded."""
    parts = [f"% Results of {tex(dataset)}. Packages: booktabs, longtable."]
    for number, table in enumerate(tables, start=1):
        kinds = "".join("l" if column.kind == "text" else "r" for column in table.columns)
        caption = f"\\caption{{{tex(dataset)}: {tex(table.title)}}}\\label{{tab:{_label(dataset)}-{number}}}"
        head = [r"\toprule", *_tex_over(table.columns), _tex_row(tex(column.name) for column in table.columns)]
        head.append(r"\midrule")
        body = []
        for place, (row, mean) in enumerate(zip(table.rows, table.means, strict=True)):
            if mean and place and not table.means[place - 1]:
                body.append(r"\midrule")
            body.append(_tex_row(_tex_cell(text, mark, mean) for text, mark in row))
        notes = [rf"\par\footnotesize{_tex_mark(mark)} {tex(words)}" for words, mark in table.notes.items()]
        size = r"\small" if len(table.columns) <= _WIDE else r"\footnotesize\setlength{\tabcolsep}{2.5pt}"
        below = [r"{\raggedright", *notes, r"\par}"] if notes else []
        if len(table.rows) > _LONGEST:
            lines = [rf"{{{size}", rf"\begin{{longtable}}{{{kinds}}}", caption + r"\\", *head]
            lines += [r"\endhead", r"\bottomrule", r"\endfoot", *body, r"\end{longtable}", "}", *below]
        else:
            lines = [r"\begin{table}", rf"\centering{size}", caption, rf"\begin{{tabular}}{{{kinds}}}", *head, *body]
            lines += [r"\bottomrule", r"\end{tabular}", *below, r"\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _label(text: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in text)


def _tex_cell(text: str, mark: str, mean: bool) -> str:
    """A cell, an interval in small letters below its number."""
    value, bracket, rest = text.partition(" [")
    number = (rf"\textbf{{{tex(value)}}}" if mean else tex(value)) + _tex_mark(mark)
    return rf"\shortstack[r]{{{number}\\{{\scriptsize [{tex(rest)}}}}}" if bracket else number


def _tex_mark(mark: str) -> str:
    return rf"\textsuperscript{{{mark}}}" if mark else ""


def _tex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_over(columns: list[Column]) -> list[str]:
    if not any(column.over for column in columns):
        return []
    cells, rules, place = [], [], 1
    for over, count in spans(columns):
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{tex(over)}}}")
        if over:
            rules.append(rf"\cmidrule(lr){{{place}-{place + count - 1}}}")
        place += count
    return [_tex_row(cells), "".join(rules)]


def to_html(tables: list[Table], dataset: str) -> str:
    """A page of its own with every table, which loads nothing."""
    sections = []
    for table in tables:
        head = ""
        if any(column.over for column in table.columns):
            over = (
                f"<th{' class=over' if name else ''} colspan={count}>{html.escape(name)}</th>"
                for name, count in spans(table.columns)
            )
            head = f"<tr>{''.join(over)}</tr>"
        kinds = _html_classes(table.columns)
        names = (
            f"<th{kind}>{html.escape(column.name)}</th>" for column, kind in zip(table.columns, kinds, strict=True)
        )
        head += f"<tr>{''.join(names)}</tr>"
        body = ""
        for row, mean in zip(table.rows, table.means, strict=True):
            filled = "".join(f"<td{kind}>{_html_cell(*cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
            body += f"<tr{' class=mean' if mean else ''}>{filled}</tr>\n"
        notes = "".join(f"<li><sup>{mark}</sup> {html.escape(words)}</li>" for words, mark in table.notes.items())
        sections.append(
            f"<section><table><caption>{html.escape(table.title)}</caption><thead>{head}</thead>\n"
            f"<tbody>{body}</tbody></table>{notes and f'<ol>{notes}</ol>'}</section>"
        )
    title = f"Results of {html.escape(dataset)}"
    lead = "Brackets: 95 % intervals."
    if any(column.kind == "distance" for table in tables for column in table.columns):
        lead = f"Jensen-Shannon distance (natural logarithm): 0 for equal, 0.833 for disjoint distributions. {lead}"
    page = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    return page.substitute(title=title, lead=lead, sections="\n".join(sections))


def _html_classes(columns: list[Column]) -> list[str]:
    """What sets each column apart: texts, and the first under each name over the columns."""
    classes, before = [], ""
    for column in columns:
        name = "text" if column.kind == "text" else "first" if column.over and column.over != before else ""
        classes.append(f' class="{name}"' if name else "")
        before = column.over
    return classes


def _html_cell(text: str, mark: str) -> str:
    value, bracket, rest = html.escape(text).partition(" [")
    cell = f"{value} <small>[{rest}</small>" if bracket else value
    return f"{cell}<sup>{mark}</sup>" if mark else cell
