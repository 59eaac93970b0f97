"""A figure goes by one name: its function, its entry among the rules, its caption."""

import re
import sys
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from jamun import figures
from jamun.config.figures import FigureSettings
from jamun.io.atomic import write_json

ROOT = Path(__file__).resolve().parents[2]
RULES = (ROOT / "rules" / "figures.smk").read_text()
NAMES = re.findall(r'(?:figure_of_(?:peptide|all)\(|FIGURES\[)\s*"(\w+)"', RULES)


def test_the_entries_are_found():
    assert len(NAMES) == len(set(NAMES)) == 17


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_a_function_and_a_caption(name):
    assert callable(figures.function_of(name))
    assert len((ROOT / "docs" / "captions" / f"{name}.rst").read_text().split()) >= 8


def test_a_new_figure_is_a_module_of_its_name(tmp_path, monkeypatch):
    """Nothing else of the package knows of it."""

    def plot_bars(result, settings):
        figure, panel = plt.subplots(figsize=(2, 1))
        panel.bar([0, 1], result["heights"])
        return figure

    module = ModuleType("jamun.figures.bars")
    module.plot_bars = plot_bars
    monkeypatch.setitem(sys.modules, "jamun.figures.bars", module)
    write_json(tmp_path / "result.json", {"heights": [1.0, 3.0]})
    files = {suffix: tmp_path / f"bars.{suffix}" for suffix in ("png", "pdf")}
    figures.to_files("bars", {"result": tmp_path / "result.json"}, files, FigureSettings(dpi=100))
    assert Image.open(files["png"]).size == (200, 100)
    assert files["pdf"].read_bytes().startswith(b"%PDF")
