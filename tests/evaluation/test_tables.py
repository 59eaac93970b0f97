"""Tables of the summary: the numbers of the CSV in three formats, missing ones with their reason."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from jamun.evaluation.table_text import tex, to_html, to_latex, to_markdown
from jamun.evaluation.tables import (
    DASH,
    duration,
    interval,
    make_tables,
    percent,
    read_summary,
    significant,
    tables_to_files,
    with_records,
)
from jamun.io.atomic import write_json

GROUPS = ("backbone", "side_chain", "all", "ramachandran")


def summary(peptides=("AW", "NA"), models=("default", "wide_net"), **columns):
    """A summary with rows of means last, as evaluation writes it; `columns` are added to every row."""
    rows = []
    for number, model in enumerate(models):
        for place, peptide in enumerate([*peptides, "mean"]):
            row = {"dataset": "capped_demo", "model": model, "peptide": peptide}
            for k, group in enumerate(GROUPS):
                value = 0.2 + 0.1 * number + 0.02 * place + 0.003 * k
                row |= {f"js_{group}": value, f"js_{group}_low": value - 0.012, f"js_{group}_high": value + 0.011}
            row["js_msm"] = 0.12
            for baseline in ("md_equal_wall_clock", "md_tenth", "md_halves"):
                row |= {f"js_{group}_{baseline}": 0.3 + 0.01 * place for group in GROUPS}
            rows.append(row | {"md_frames": 800, "samples": 4000, "ms_per_sample": 9.08513, "notes": ""} | columns)
    return pd.DataFrame(sorted(rows, key=lambda row: row["peptide"] == "mean"))


def texts(table, key):
    """Cells of a column by peptide and model."""
    place = [column.key for column in table.columns].index(key)
    return {tuple(text for text, _ in row[:2]): row[place] for row in table.rows}


class Cells(HTMLParser):
    """Texts of the cells of a page, and the tags left open."""

    def __init__(self):
        super().__init__()
        self.cells, self.open = [], []

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open and "sup" not in self.open:
            self.cells[-1] += data


def test_the_numbers_are_those_of_the_summary():
    given = summary()
    first = make_tables(given)[0]
    for _, row in given.iterrows():
        for group in GROUPS:
            value, low, high = (row[f"js_{group}{end}"] for end in ("", "_low", "_high"))
            cell = texts(first, f"js_{group}")[row["peptide"], row["model"]]
            assert cell == (f"{value:.3f} [{low:.2f}, {high:.2f}]", "")
    assert [row[0][0] for row in first.rows] == ["AW", "AW", "NA", "NA", "mean", "mean"]
    assert first.means == [False] * 4 + [True] * 2


def test_every_format_has_every_cell():
    given = summary()
    tables = make_tables(given)
    page = Cells()
    page.feed(to_html(tables, "capped_demo"))
    assert page.open == []
    assert page.cells == [text for table in tables for row in table.rows for text, _ in row]
    markdown, latex = to_markdown(tables, "capped_demo"), to_latex(tables, "capped_demo")
    for table in tables:
        for row in table.rows:
            for text, _ in row:
                assert text.replace("_", "\\_") in markdown
                value, bracket, rest = text.partition(" [")
                assert tex(value) in latex
                assert tex(bracket.strip() + rest) in latex
    assert "http" not in to_html(tables, "capped_demo")


@pytest.mark.parametrize("peptides", [("AW", "NA"), tuple(f"P{k}" for k in range(30))])
def test_latex_is_balanced_and_escaped(peptides):
    latex = to_latex(make_tables(summary(peptides, bond_outlier=0.031)), "a_b & 5 %")
    bare = re.sub(r"\\[\\&%$#_{}]", "", re.sub(r"^%.*$", "", latex, flags=re.M))
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "_" not in re.sub(r"\\label\{[^}]*\}", "", bare)
    assert not re.search(r"[^\x00-\x7f]", latex)
    assert re.findall(r"\\begin\{(\w+)", latex) != []
    for name in ("table", "tabular", "longtable"):
        assert latex.count(rf"\begin{{{name}}}") == latex.count(rf"\end{{{name}}}")
    assert (r"\begin{longtable}" in latex) == (len(peptides) > 20)
    for block in re.findall(
        r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}(.*?)\\end\{(?:tabular|longtable)", latex, re.S
    ):
        for line in block[1].splitlines():
            if line.endswith(r" \\"):
                spanned = sum(int(count) - 1 for count in re.findall(r"\\multicolumn\{(\d+)\}", line))
                assert len(re.findall(r"(?<!\\)&", line)) + 1 + spanned == len(block[0])


def test_a_missing_value_is_a_dash_with_its_reason():
    given = summary(("GG", "AW"), ("default",))
    given.loc[given["peptide"] == "GG", ["js_side_chain", "js_side_chain_low", "js_side_chain_high", "js_msm"]] = None
    given.loc[given["peptide"] == "GG", "js_backbone_md_equal_wall_clock"] = None
    given.loc[given["peptide"] == "GG", "ms_per_sample"] = None
    given.loc[given["peptide"] == "GG", "notes"] = (
        "MD ran on 1 thread, sampling on 2. No MD at equal wall clock: the sampler took 1.5 times as much. "
        "No MSM: only 80 frames of the MD."
    )
    first, itself, cost = make_tables(given)
    reasons = [
        (first, "js_side_chain", "No such torsions."),
        (first, "js_msm", "No MSM: only 80 frames of the MD."),
        (itself, "js_backbone_md_equal_wall_clock", "No MD at equal wall clock: the sampler took 1.5 times as much."),
        (cost, "ms_per_sample", "Not recorded."),
    ]
    for table, key, reason in reasons:
        place = [column.key for column in table.columns].index(key)
        assert table.rows[0][place] == (DASH, table.notes[reason])
    assert cost.rows[0][0] == ("GG", cost.notes["MD ran on 1 thread, sampling on 2."])
    assert first.notes["Mean of 1 of 2 peptides, which have it."] in [mark for _, mark in first.rows[2]]


def test_columns_that_were_added_appear_and_absent_ones_do_not():
    titles = [table.title for table in make_tables(summary())]
    assert len(titles) == 3
    added = summary(
        js_tica_0=0.3, js_tica_0_1=0.4, speed_up=12.345, bond_outlier=0.0314, inverted=0.0, new_score=1234.5
    )
    dynamics, geometry, *_, other = make_tables(added)[2:]
    assert [column.key for column in dynamics.columns[2:]] == ["js_tica_0", "js_tica_0_1", "speed_up"]
    assert [text for text, _ in dynamics.rows[0][2:]] == ["0.300", "0.400", "12.3×"]
    assert [column.key for column in geometry.columns[2:]] == ["bond_outlier", "inverted"]
    assert [text for text, _ in geometry.rows[0][2:]] == ["3.1 %", "0 %"]
    assert [(column.key, column.name) for column in other.columns[2:]] == [("new_score", "new score")]
    few = make_tables(summary()[["dataset", "model", "peptide", "js_backbone", "notes"]])
    assert [[column.key for column in table.columns] for table in few] == [["peptide", "model", "js_backbone"]]


def test_floors_and_accepted_samples_have_columns_where_there_are_any():
    without = make_tables(summary())
    assert not any("replicas" in column.key for table in without for column in table.columns)
    floors = {
        f"{name}_{floor}": 0.05 for name in ("js_tica_0", "w2_torsions") for floor in ("md_halves", "md_replicas")
    }
    itself = {f"js_{group}_md_replicas": 0.11 for group in GROUPS}
    kept = {"js_all_accepted": 0.2, "js_all_accepted_low": 0.19, "js_all_accepted_high": 0.22, "speed_up_accepted": 3.0}
    tables = make_tables(summary(js_tica_0=0.3, w2_torsions=0.7, speed_up=12.0, **floors, **itself, **kept))
    assert [(column.over, column.name) for column in tables[1].columns[-3:]] == [
        ("MD, replicas", name) for name in ("backbone", "side chains", "all torsions")
    ]
    assert [(column.over, column.key) for column in tables[2].columns[2:]] == [
        *(("samples", key) for key in ("js_tica_0", "w2_torsions", "speed_up")),
        *(("MD, half against half", f"{name}_md_halves") for name in ("js_tica_0", "w2_torsions")),
        *(("MD, replicas", f"{name}_md_replicas") for name in ("js_tica_0", "w2_torsions")),
    ]
    assert "accepted" in tables[3].title
    assert [text for text, _ in tables[3].rows[0][2:]] == ["0.200 [0.19, 0.22]", "3.00×"]
    assert not any(table.title.startswith("Other") for table in tables)


def test_one_peptide_and_one_model_have_neither_means_nor_names_of_models():
    first = make_tables(summary(("AW",), ("default",)))[0]
    assert [row[0] for row in first.rows] == [("AW", "")]
    assert [column.key for column in first.columns][:2] == ["peptide", "js_backbone"]


@pytest.mark.parametrize(
    ("value", "words"), [(0.0512, "0.0512"), (9.085, "9.09"), (36.34, "36.3"), (1234.6, "1,235"), (0, "0")]
)
def test_significant(value, words):
    assert significant(value) == words


def test_units_and_intervals():
    assert [duration(seconds) for seconds in (36.34, 300, 9000, 400_000)] == ["36.3 s", "5.00 min", "2.50 h", "4.63 d"]
    assert [percent(share) for share in (0, 0.0004, 0.031, 1)] == ["0 %", "0.04 %", "3.1 %", "100.0 %"]
    assert interval(0.28, 0.304, "distance") == "[0.28, 0.30]"
    assert interval(0.2811, 0.2843, "distance") == "[0.281, 0.284]"
    assert interval(1.5, 12.34, "factor") == "[1.50, 12.3]"


def test_files_and_records(tmp_path):
    evaluation, samples = tmp_path / "evaluation", tmp_path / "samples"
    write_json(evaluation / "default/NA.json", {"samples": {"seconds": 36.3, "device": "cpu", "processor": "EPYC"}})
    write_json(samples / "default/NA/sampling.json", {"atoms": 16, "device": "cpu", "threads": 2})
    rows = summary(("NA", "AW"), ("default",), js_msm_low=0.08, js_msm_high=0.2)
    rows.to_csv(evaluation / "summary.csv", index=False)
    table = with_records(read_summary(evaluation / "summary.csv"), evaluation, samples)
    assert list(table["peptide"]) == ["NA", "AW", "mean"]
    assert table.loc[0, ["atoms", "seconds", "device"]].tolist() == [16, 36.3, "EPYC, 2 threads"]
    assert table.loc[[1], "atoms"].isna().all(), "of AW there is no record"
    assert table.loc[2, ["atoms", "seconds", "device"]].tolist() == [16, 36.3, "EPYC, 2 threads"], "means"
    names = [tmp_path / f"summary.{suffix}" for suffix in ("md", "tex", "html")]
    tables_to_files(evaluation / "summary.csv", samples, *names, tmp_path / "timing.csv")
    markdown, latex, page = (name.read_text() for name in names)
    assert "0.120 [0.08, 0.20]" in markdown
    assert r"\shortstack[r]{0.120\\{\scriptsize [0.08, 0.20]}}" in latex
    assert "0.120 <small>[0.08, 0.20]</small>" in page
    timing = read_summary(tmp_path / "timing.csv")
    assert timing[["peptide", "ms_per_sample"]].values.tolist() == [["NA", 9.08513], ["AW", 9.08513]]
