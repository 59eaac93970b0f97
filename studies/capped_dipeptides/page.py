"""The page of a study from the collected files and nothing else: the same files give the same bytes."""

from __future__ import annotations

import re
from pathlib import Path

import tables
from collected import Collected
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from model_card import limits
from targets import MET, SPEED_UP, mean

from jamun.io.text import plural

_HERE = Path(__file__).parent


def make_page(collected: Collected, template: str = "page.md.j2") -> str:
    """A page in GitHub's Markdown: that of the study, to lie beside the collection's folder; or, by model.md.j2, the
    page of its model, to lie in docs/."""
    name = collected.folder.name

    def figure(place: str, words: str) -> str:
        return f"![{words}]({name}/figures/{place})" if (collected.figures / place).exists() else ""

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    judged = tables.verdicts(collected)
    page = environment.get_template(template).render(
        name=name,
        c=collected,
        t=tables,
        limits=limits(collected),
        figure=figure,
        plural=plural,
        met=sum(verdict.word == MET for verdict in judged),
        judged=len(judged),
        speed=SPEED_UP.over(collected.own[SPEED_UP.key]),
        sample=mean(collected.own["ms_per_sample"]) if "ms_per_sample" in collected.own else None,
        unknown_cores=None in map(collected.cores, collected.records["comparison"]),
        independent=[collected.curves(peptide, "backbone")[2] for peptide in collected.records["comparison"]],
        notes=sorted(
            {
                note
                for record in collected.records["comparison"].values()
                for note in record["notes"]
                if "different" in note
            }
        ),
    )
    # What a study does not have leaves empty lines.
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"
