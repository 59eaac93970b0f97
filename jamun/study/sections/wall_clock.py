"""JS against wall clock, when MD overtakes the model, and what explicit water does in the same time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jamun.evaluation.tables import DASH, duration, significant
from jamun.io.text import plural
from jamun.study import text
from jamun.study.bars import SPEED_UP
from jamun.study.collected import Collected
from jamun.study.figure import GROUPS, OVERTAKING
from jamun.study.overtaking import NEVER, Overtaking
from jamun.study.statistics import mean, median

DAY = 86400.0


def wall_clock(collected: Collected, links: str) -> str:
    """The section: figure, table, what was compared, the speed-up, the time a sample, explicit water."""
    peptides = list(collected.records["comparison"])
    found = {group: {name: collected.overtaken(name, group) for name in peptides} for group in GROUPS}
    water = collected.water
    paper = next((case for case in (water or {}).get("cases", []) if case["case"] == "paper"), None)
    own = collected.own
    speed = SPEED_UP.over(own[SPEED_UP.key])
    parts = [
        "## Wall clock",
        text.figure(collected.figures, links, OVERTAKING, "JS distance against wall clock, model and implicit MD"),
        f"MD overtakes the model where its distance falls below the model's for good. {_overall(found)}",
        _table(collected, found, paper),
        _compared(collected),
        f"Speed-up in effective samples a second on the same cores: {text.of_mean(speed, 'factor')}, the geometric "
        f"mean of {plural(speed.count, 'peptide')}."
        if speed.count
        else "",
        f"Time a sample: {text.of_mean(mean(own['ms_per_sample']), 'number')} ms." if "ms_per_sample" in own else "",
        _explicit(collected, water, paper) if water and paper else "",
        text.figure(collected.figures, links, "convergence.png", "JS distance against samples and time, over peptides"),
        text.figure(collected.figures, links, "timing.png", "Time a sample against atoms"),
    ]
    return "\n\n".join(filter(None, parts))


def _overall(found: dict[str, dict[str, Overtaking]]) -> str:
    """How many peptides are overtaken, when, and why others are not."""
    sentences = []
    for group, words in GROUPS.items():
        ends = found[group].values()
        known = [one.seconds for one in ends if one.seconds is not None]
        counted = [f"{len(known)} of {plural(len(found[group]), 'peptide')}"]
        if known:
            counted.append(f"median {duration(median(known))}")
        reasons = Counter(one.reason for one in ends if one.reason)
        counted += [f"{reason}: {count}" for reason, count in sorted(reasons.items())]
        sentences.append(f"{words.capitalize()}: {'; '.join(counted)}.")
    return " ".join(sentences)


def _when(found: Overtaking) -> str:
    if found.seconds is not None:
        return text.number(found.seconds, "time")
    return f"{found.reason} ({duration(found.last)})" if found.reason == NEVER else str(found.reason)


def _table(collected: Collected, found: dict[str, dict[str, Overtaking]], paper: dict[str, Any] | None) -> str:
    names = ["peptide", "threads of MD, of sampling", "MD on the same cores, ns a day", "all samples took"]
    names += [f"MD overtakes, {words}" for words in GROUPS.values()]
    names += ["implicit MD by then", *(["explicit MD by then", "explicit MD while all samples"] if paper else [])]
    rows = []
    for peptide, result in collected.records["comparison"].items():
        md, sampling = collected.study["test_md"][peptide], collected.records["sampling"].get(peptide, {})
        rate = md["ns"] * DAY / md["seconds"] / (collected.cores(peptide) or 1.0) if md["seconds"] else None
        then, spent = found["backbone"][peptide].seconds, result["samples"]["seconds"]
        made = [(then, rate)]
        if paper:
            made += [(then, paper["ns_per_day"]), (spent, paper["ns_per_day"])]
        estimate = (collected.records["dynamics"].get(peptide) or {}).get("ess", {}).get("speed_up") or {}
        speed = [collected.same_cores(peptide, estimate.get(end)) for end in ("value", "low", "high")]
        rows.append(
            [
                peptide,
                f"{md['threads'] or DASH}, {sampling.get('threads') or DASH}",
                text.number(rate, "number"),
                text.number(spent, "time"),
                *(_when(found[group][peptide]) for group in GROUPS),
                *(DASH if None in (time, ns) else text.nanoseconds(time * ns / DAY) for time, ns in made),
                text.with_interval(*speed, "factor"),
            ]
        )
    return text.table([*names, "speed-up in ESS a second"], rows)


def _compared(collected: Collected) -> str:
    """What the curves are of, and whether the wall clocks are of one machine."""
    peptides = list(collected.records["comparison"])
    independent = [collected.curves(name, "backbone")[2] for name in peptides]
    inside = "the first frames of the MD are held against all of it, which contains them: this favours the MD, whose "
    inside += "curve ends at 0."
    words = []
    if any(independent):
        words.append(
            "Each replica of the MD in turn grows frame by frame, and it and the samples are held against the others, "
            "which neither contains."
        )
    if not all(independent):
        words.append(f"Of MD with one replica {inside}" if any(independent) else f"{inside[0].upper()}{inside[1:]}")
    words.append(
        "MD's wall clock is divided by the ratio of threads, as of simulations side by side on the sampler's cores, "
        "each as fast as alone. After its last sample the model's distance is held. Training is not in these times."
    )
    if any(collected.cores(name) is None for name in peptides):
        words.append("Where the two did not both run on processors, wall clocks are as measured, without a speed-up.")
    notes = sorted({note for record in collected.records["comparison"].values() for note in record["notes"]})
    return " ".join([*words, *(note for note in notes if "different" in note)])


def _explicit(collected: Collected, water: dict[str, Any], paper: dict[str, Any]) -> str:
    machines = {one["processor"] for one in collected.study["test_md"].values()}
    other = "" if machines == {water["processor"]} else f", on another machine ({water['processor']})"
    return (
        f"Explicit water: {significant(paper['ns_per_day'])} ns a day with the paper's settings "
        f"({paper['particles']:,} particles, {paper['timestep_fs']:g} fs, {plural(water['threads'], 'thread')}"
        f"{other}), of one small dipeptide; "
        f"{significant(water['fastest'])} ns a day at most, in a smaller box with longer steps (`{water['file']}`)."
    )
