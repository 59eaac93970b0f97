"""The status of a dataset as plain text."""

from datetime import datetime

from tabulate import tabulate

from jamun import layout
from jamun.io.active import Runner
from jamun.status.jobs import State
from jamun.status.survey import PeptideStatus, Survey

# Jobs that did not finish are told one by one up to so many.
_MOST_FAILURES = 20


def duration(seconds: float | None) -> str:
    """A time that is left, in the two largest of its units."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _table(rows: list[list[str]], names: list[str]) -> str:
    kept = [place for place, name in enumerate(names) if any(row[place] for row in rows)]
    cells = [[row[place] for place in kept] for row in rows]
    text = tabulate(cells, [names[place] for place in kept], tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _snakemakes(survey: Survey) -> list[str]:
    def named(runner: Runner) -> str:
        began = datetime.fromisoformat(runner.began).strftime("%Y-%m-%d %H:%M")
        return f"process {runner.process} on {runner.machine}, since {began}"

    lines = [f"Snakemake works here ({named(runner)})." for runner in survey.snakemakes if runner.works]
    if lines:
        return lines
    if survey.locked:
        unknown = [named(runner) for runner in survey.snakemakes if runner.works is None]
        if unknown:
            return [
                "The folder is locked by a Snakemake of another machine, which may be there still "
                f"({'; '.join(unknown)}). If it is not, remove its lock: snakemake --unlock"
            ]
        if survey.snakemakes:
            if any(State.RUNNING in peptide.stages.values() for peptide in survey.peptides):
                return ["Snakemake was killed here, but jobs of it still work; the next run goes on once they end."]
            return ["Snakemake was killed here. The next run removes its lock and goes on: snakemake all"]
        return [
            "The folder is locked, by no Snakemake that is known. If none runs, remove the lock: snakemake --unlock"
        ]
    return ["No Snakemake works here."]


def _models(survey: Survey) -> str:
    rows = []
    for model in survey.models:
        made = model.training
        steps = f"{made.done} of {made.asked}" if made and model.state != "waiting" else ""
        loss = f"{made.loss:.4f}" if made and made.loss is not None else ""
        left = duration(made.seconds_left) if made else ""
        rows.append([model.name, model.state, steps, loss, left])
    return _table(rows, ["model", "state", "steps", "validation loss", "left"])


def _rate(per_day: float) -> str:
    return f"{per_day:.0f}" if per_day >= 100 else f"{per_day:.3g}"


def _peptide(peptide: PeptideStatus, models: list[str]) -> list[str]:
    stages, md = peptide.stages, peptide.md
    state = stages.get("MD", "")
    under_way = state in ("running", "stopped", "failed")
    row = [peptide.name, peptide.split, stages["built"], state]
    row.append(f"{md.done:.4g} of {md.asked:.4g}" if md and (md.done or under_way) else "")
    row.append(_rate(md.per_day) if md and md.per_day else "")
    row.append((md.stage or duration(md.seconds_left)) if md and under_way else "")
    row.append(stages.get("features", ""))
    for model in models:
        made, state = peptide.samples.get(model), stages.get(f"samples {model}", "")
        if made and state in ("running", "stopped", "failed"):
            left = duration(made.seconds_left)
            state += f" {made.done} of {made.asked}" + (f", {left} left" if left else "")
        row += [state, stages.get(f"evaluation {model}", "")]
    return [*row, *(stages.get(stage, "") for stage in ("MD timing", "MD analysis", "ablation"))]


def _peptides(survey: Survey, only: list[State]) -> str:
    populated = {stage for each in survey.peptides for stage in each.stages if stage.endswith(layout.POPULATED)}
    models = [model.name for model in survey.models]
    models += sorted(stage.partition(" ")[2] for stage in populated if stage.startswith("samples "))
    names = ["peptide", "split", "built", "MD", "ns", "ns/day", "left", "features"]
    for model in models:
        of = f" ({model})" if len(models) > 1 else ""
        names += [f"samples{of}", f"evaluation{of}"]
    names += ["MD timing", "MD analysis", "ablation"]
    shown = [each for each in survey.peptides if not only or set(only) & set(each.stages.values())]
    return _table([_peptide(peptide, models) for peptide in shown], names) if shown else "No such peptide."


def _totals(survey: Survey) -> list[str]:
    totals = survey.totals()
    rows = [
        [stage, *(str(counts[state]) if counts.get(state) else "" for state in State)]
        for stage, counts in totals["stages"].items()
    ]
    lines = [_table(rows, ["peptides", *State])]
    if totals["ns_asked"]:
        at = f" at {_rate(totals['ns_per_day'])} ns/day" if totals["ns_per_day"] else ""
        left = f", {duration(totals['seconds_left'])} left{at}" if totals["seconds_left"] is not None else ""
        lines += ["", f"MD: {totals['ns_done']:.4g} of {totals['ns_asked']:.4g} ns{left}"]
    return [*lines, "", *(f"{name}: {state}" for name, state in survey.results.items())]


def status_text(survey: Survey, only: list[State]) -> str:
    """The page: models, peptides (those with a stage in one of the states `only`, if any), totals, what failed."""
    heading = [f"Dataset {survey.dataset} in {survey.directory}", *_snakemakes(survey)]
    if not survey.began:
        return "\n".join([heading[0], "Nothing of it is there yet: snakemake all begins it.", *heading[1:]])
    lines = [*heading, "", _models(survey), "", _peptides(survey, only), "", *_totals(survey)]
    if survey.failures:
        lines += ["", "Did not finish:"]
        told = survey.failures if only else survey.failures[:_MOST_FAILURES]
        for failure in told:
            lines += [f"  {failure.name}, {failure.stage} ({failure.state}): {failure.word}", f"    log: {failure.log}"]
        if len(told) < len(survey.failures):
            lines.append(f"  and {len(survey.failures) - len(told)} more (--only failed tells of all)")
    return "\n".join(lines)
