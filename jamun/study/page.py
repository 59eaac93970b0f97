"""The page of a study from the collected files and nothing else: the same files give the same bytes."""

from __future__ import annotations

from pathlib import Path

from jamun.study.collected import Collected
from jamun.study.sections.ablations import ablations
from jamun.study.sections.bars import bars
from jamun.study.sections.compute import compute
from jamun.study.sections.failures import failures
from jamun.study.sections.head import head
from jamun.study.sections.peptides import peptides
from jamun.study.sections.search import search
from jamun.study.sections.wall_clock import wall_clock

# The configuration of a collection that does not name its own.
DEFAULT = Path("configs/implicit_cpu.yaml")


def make_page(collected: Collected, links: str) -> str:
    """The page in GitHub's Markdown; `links` is the way from it to the collection's folder, for the figures."""
    sections = [
        head(collected),
        bars(collected, links),
        peptides(collected, links),
        wall_clock(collected, links),
        search(collected),
        ablations(collected, links),
        failures(collected),
        compute(collected),
        _again(links, Path(collected.study.get("configuration", DEFAULT))),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _again(links: str, configuration: Path) -> str:
    """How the page is made: the target of make has the configuration's name."""
    target = f"study-{configuration.stem}"
    folder = f"studies/capped_dipeptides/{links}"
    options = "" if configuration == DEFAULT else f" --collected {folder} --page {folder}.md"
    return (
        f"## Again\n\n`make {target}` runs the study of `{configuration.as_posix()}`, or what is missing of it, and "
        f"writes this page, [its files]({links}) and its model anew; `python -m jamun.study page{options}` writes the "
        "page from those files alone."
    )
