"""Every metric with its bar, the MD's own floor and what was published."""

from __future__ import annotations

from jamun.evaluation.tables import DASH
from jamun.study import text
from jamun.study.bars import BARS, MET, NO_VALUE, Bar, Verdict, verdict
from jamun.study.collected import Collected
from jamun.study.floors import floors_of
from jamun.study.published import ALL, JAMUN

_PUBLISHED = {
    "js_backbone": "backbone",
    "js_side_chain": "side chains",
    "js_all": "all torsions",
    "js_tica_0": "TICA-0",
    "js_tica_0_1": "TICA-0,1",
    "js_msm": "MSM",
}


def _floor_words(found: dict[str, float | None], kind: str) -> str:
    words = {"md": "MD itself", "md_halves": "halves", "md_replicas": "replicas"}
    known = [f"{text.number(value, kind)} ({words[name]})" for name, value in found.items() if value is not None]
    return ", ".join(known) or DASH


def _verdict_words(bar: Bar, found: Verdict | None) -> str:
    if found is None:
        return ""
    if found.word == NO_VALUE:
        return NO_VALUE
    by = f"{found.by:.3f}" if bar.kind == "distance" else text.number(found.by, bar.kind)
    doubt = ", its interval on both sides" if found.sure is False else ""
    return f"**{found.word}** by {by}{doubt}" if found.by else f"**{found.word}**, just{doubt}"


def _published_words() -> str:
    return (
        f"Published: {JAMUN.name}. The JS distances have the same definitions, the data are others: {JAMUN.differs}; "
        "its test peptides are others too. Each model is held against its own kind of MD."
    )


def bars(collected: Collected, links: str) -> str:
    """The section: bars met and missed, floors, published numbers."""
    own = collected.own
    count = len(own)
    rows, verdicts = [], []
    for bar in BARS:
        if bar.key not in own and bar.bar is None:
            continue
        found = bar.over(own.get(bar.key, []))
        judged = verdict(bar, found)
        verdicts += [judged] if judged else []
        sides = {"<=": "≤", "<": "<", ">=": "≥"}
        published = JAMUN.values.get(bar.key)
        some = f" ({found.count} of {count} peptides)" if 0 < found.count < count else ""
        rows.append(
            [
                bar.name,
                text.of_mean(found, bar.kind) + some,
                _floor_words(floors_of(collected, bar.key), bar.kind),
                "" if bar.bar is None else f"{sides[bar.side]} {text.number(bar.bar, bar.kind)}",
                _verdict_words(bar, judged),
                "" if published is None else text.number(published, bar.kind),
            ]
        )
    met = sum(judged.word == MET for judged in verdicts)
    energies = {record["settings"]["basin_energy"] for record in collected.records["physicality"].values()}
    within = " or ".join(f"{value:g}" for value in sorted(energies))
    basin = f" Basins are those within {within} kcal/mol of the lowest." if energies else ""
    compared = [[each.name, each.source, *(text.number(each.values.get(key)) for key in _PUBLISHED)] for each in ALL]
    return "\n\n".join(
        filter(
            None,
            [
                "## Against the bars",
                f"{met} of {len(verdicts)} met.",
                text.table(["metric", "mean over peptides", "MD floor", "bar", "", "published"], rows),
                "Brackets are 95 % intervals over peptides (Student's t); the speed-up's mean and interval are those "
                "of its logarithm. A floor is the same metric of one half of the MD against the other, or of its "
                f"replicas against each other: below it no model can be told from MD.{basin}",
                _published_words(),
                text.table(["published", "source", *_PUBLISHED.values()], compared, texts=2),
                text.figure(collected.figures, links, "summary.png", "JS distances of every peptide and model"),
            ],
        )
    )
