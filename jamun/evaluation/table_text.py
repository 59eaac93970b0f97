"""Tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jamun.evaluation.tables import Column, Table

_LONGEST = 45  # rows of a LaTeX table on one page
_WIDE = 8  # columns of a LaTeX table in letters of a common size
_TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "×": r"$\times$", "φ": r"$\varphi$",
        "ψ": r"$\psi$", "≥": r"$\geq$", "<": r"\textless{}", ">": r"\textgreater{}"}  # fmt: skip
_STYLE = """
body { margin: 0; padding: 28px 32px; background: #fff; color: #24292f; font: 14px/1.45 system-ui, sans-serif; }
main { max-width: 1240px; margin: auto; }
h1 { font-size: 22px; margin: 0 0 4px; }
p { margin: 0; color: #57606a; }
section { margin-top: 28px; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; border-top: 2px solid #24292f;
  border-bottom: 2px solid #24292f; }
caption { text-align: left; font-weight: 600; padding: 0 0 8px; }
th, td { padding: 5px 10px; text-align: right; vertical-align: top; white-space: nowrap; line-height: 1.3; }
th { font-weight: 600; color: #57606a; vertical-align: bottom; }
thead tr:last-child th { border-bottom: 1px solid #8c959f; }
th.over { text-align: center; color: #24292f; border-bottom: 1px solid #d8dee4; }
th.first, td.first { padding-left: 22px; }
th.text, td.text { text-align: left; }
tbody tr:hover { background: #f6f8fa; }
tr.mean td { font-weight: 600; }
tr:not(.mean) + tr.mean td { border-top: 1px solid #8c959f; }
small { display: block; color: #57606a; font-size: 11px; font-weight: 400; }
sup { color: #0072b2; font-weight: 400; line-height: 0; margin-left: 2px; }
ol { list-style: none; margin: 8px 0 0; padding: 0; font-size: 12px; color: #57606a; }
"""


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
        long = len(table.rows) > _LONGEST
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
        if long:
            lines = [
                rf"{{{size}",
                rf"\begin{{longtable}}{{{kinds}}}",
                caption + r"\\",
                *head,
                r"\endhead",
                r"\bottomrule",
                r"\endfoot",
            ]
            lines += [*body, r"\end{longtable}", "}", *([r"{\raggedright", *notes, r"\par}"] if notes else [])]
        else:
            lines = [r"\begin{table}", rf"\centering{size}", caption, rf"\begin{{tabular}}{{{kinds}}}", *head, *body]
            lines += [r"\bottomrule", r"\end{tabular}", *([r"{\raggedright", *notes, r"\par}"] if notes else [])]
            lines.append(r"\end{table}")
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
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body><main><h1>{title}</h1><p>{lead}</p>\n"
        + "\n".join(sections)
        + "\n</main></body>\n</html>\n"
    )


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
