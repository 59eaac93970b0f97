"""What is added to Snakemake's report, and what is said where that is not made."""

import pytest

from jamun.figures.report import SCRIPT, STYLE, report_to_file, with_script
from jamun.io.log import UserError


def test_the_script_is_the_last_of_the_page():
    page = "<html><body><p></body> in a text</p></body>\n</html>"
    assert with_script(page, "go();\n") == (
        "<html><body><p></body> in a text</p><script>\ngo();\n</script>\n</body>\n</html>"
    )
    assert "</script" not in SCRIPT.read_text()
    assert STYLE.read_text().startswith("figure.shown")


def test_a_report_that_fails_tells_where_it_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snakefile, log = tmp_path / "Snakefile", tmp_path / "report.log"
    snakefile.write_text("rule figures:\n    input:\n        'not_there.png',\n")
    log.write_text("begins\n")
    with pytest.raises(UserError, match=r"could not be made: see .*report\.log, then run"):
        report_to_file(snakefile, {}, tmp_path / "work", log, tmp_path / "report.html")
    assert log.read_text().startswith("begins\n")
    assert "not_there.png" in log.read_text()
    assert not (tmp_path / "report.html").exists()
