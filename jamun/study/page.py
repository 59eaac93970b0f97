"""docs/results.md from the collected files and nothing else: the same files give the same bytes."""

from __future__ import annotations

from jamun.study.collected import Collected
from jamun.study.sections.ablations import ablations
from jamun.study.sections.bars import bars
from jamun.study.sections.compute import compute
from jamun.study.sections.failures import failures
from jamun.study.sections.head import head
from jamun.study.sections.peptides import peptides
from jamun.study.sections.search import search
from jamun.study.sections.wall_clock import wall_clock


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
        _again(links),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _again(links: str) -> str:
    return (
        "## Again\n\n`make study` runs the study, or what is missing of it, and writes this page, "
        f"[its files]({links}) and the shipped model anew; `python -m jamun.study page` writes the page from those "
        "files alone."
    )
