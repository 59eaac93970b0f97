"""What the study cost."""

from __future__ import annotations

from jamun.io.text import plural
from jamun.study import text
from jamun.study.collected import Collected
from jamun.study.compute import by_stage


def compute(collected: Collected) -> str:
    """The section: a table by stage."""
    log = collected.compute
    if log is None:
        return "## Compute\n\nNo benchmark files were kept."
    stages = by_stage(log)
    rows = [
        [
            row["stage"],
            f"{row['jobs']:,.0f}",
            text.hours(row["wall_hours"]),
            text.hours(row["core_hours"]),
        ]
        for _, row in stages.iterrows()
    ]
    total = [stages[name].sum() for name in ("jobs", "wall_hours", "core_hours")]
    rows.append(["**in all**", f"**{total[0]:,.0f}**", *(f"**{text.hours(value)}**" for value in total[1:])])
    words = ["From Snakemake's benchmark files of the jobs that ended; core hours are processor time of a job."]
    unmeasured = int(stages["unmeasured"].sum())
    if unmeasured:
        words.append(f"Jobs that ended too soon to be measured, without core hours: {unmeasured:,}.")
    resumed = sum(md["resumptions"] for md in collected.study["md"].values())
    hours = [md["wall_hours"] for md in collected.study["md"].values()]
    if None not in hours:
        words.append(
            "Of a job that was stopped and went on they have the last part; by its records, which go on counting "
            f"({plural(resumed, 'resumption')}), the MD's production took {text.hours(sum(hours))} h of wall "
            "clock."
        )
    parts = [
        "## Compute",
        text.table(["stage", "jobs", "wall clock, h", "core hours"], rows),
        " ".join(words),
    ]
    return "\n\n".join(parts)
