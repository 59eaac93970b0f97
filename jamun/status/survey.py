"""Every stage of every peptide and model of a dataset, and what runs on it."""

import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from jamun import layout
from jamun.config.configuration import Configuration, Split
from jamun.io.active import Runner, is_locked, runners
from jamun.io.log import last_lines
from jamun.peptides.splits import resolve_splits
from jamun.simulate.jobs import batched_jobs
from jamun.status.jobs import Job, State, job, stage_of
from jamun.status.progress import Progress, sampling, simulation, training

# What a row of the ablation is made of, by rule.
_ABLATION = {
    "ablation_sample": layout.ABLATION_SAMPLES["record"],
    **{f"ablation_{rule}": files["result"] for rule, files in layout.ABLATION_EVALUATION.items()},
}
# What is made once for all peptides and models, by rule; the names that the page has for them.
_RESULTS = {
    "describe_dataset": ("dataset", layout.DATASET),
    "summarize": ("summary", layout.SUMMARY),
    "tabulate": ("tables", layout.TABLES["page"]),
    "tabulate_ablation": ("ablation", layout.ABLATION_TABLE),
    "report": ("report", layout.REPORT),
}


@dataclass(frozen=True)
class PeptideStatus:
    """A peptide: the state of each of its stages by name, and how far its MD and its samples by each model are."""

    name: str
    split: str
    stages: dict[str, State]
    md: Progress | None
    samples: dict[str, Progress]


@dataclass(frozen=True)
class ModelStatus:
    """A model: the state of its training, or of taking its checkpoint in, and how far the training is."""

    name: str
    state: State
    training: Progress | None


@dataclass(frozen=True)
class Failure:
    """A job that did not finish: its stage, what it is about, the sentence that its log ends with, and the log."""

    state: State
    stage: str
    name: str
    word: str
    log: str


@dataclass
class Survey:
    """The status of a dataset in a folder.

    began: false where nothing of it is there; results: the state of what is made of all peptides and models together.
    """

    dataset: str
    directory: str
    began: bool
    snakemakes: list[Runner]
    locked: bool
    models: list[ModelStatus] = field(default_factory=list)
    peptides: list[PeptideStatus] = field(default_factory=list)
    results: dict[str, State] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def totals(self) -> dict[str, Any]:
        """Peptides by stage and state, nanoseconds done and asked, and seconds left at the rates of what runs."""
        stages: dict[str, Counter[State]] = {}
        for peptide in self.peptides:
            for stage, state in peptide.stages.items():
                stages.setdefault(stage, Counter())[state] += 1
        simulated = [(peptide, peptide.md) for peptide in self.peptides if peptide.md is not None]
        done, asked = (sum(getattr(md, key) for _, md in simulated) for key in ("done", "asked"))
        rate = sum(md.per_day or 0.0 for peptide, md in simulated if peptide.stages["MD"] == "running")
        left = (asked - done) / rate * 86400 if rate and asked > done else None
        return {
            "stages": {stage: dict(counts) for stage, counts in stages.items()},
            "ns_done": done,
            "ns_asked": asked,
            "ns_per_day": rate or None,
            "seconds_left": left,
        }

    def plain(self) -> dict[str, Any]:
        """The survey as JSON's types."""
        kept = asdict(self)
        return kept | {"totals": self.totals(), "written": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def _as_it_is(progress: Progress, state: State) -> Progress:
    """The progress of a job; one that is not at work has no time left."""
    return progress if state == State.RUNNING else replace(progress, seconds_left=None)


class _Surveyor:
    """Looks at one dataset."""

    def __init__(self, settings: Configuration, directory: Path) -> None:
        self.settings, self.directory = settings, directory
        self.simulate = {split: settings.simulate_of(split) for split in get_args(Split)}
        self.failures: list[Failure] = []
        # The log of the job that simulates a peptide batched with others.
        self.batched: dict[str, str] = {}
        # The rules whose jobs a stage is made of.
        self.looked: set[str] = set()
        # Rows of the ablation and the model of each; none where the targets are about one model and it is another's.
        rows = {row: settings.ablated_model(row) for row in settings.ablation.rows}
        self.ablated = rows if set(rows.values()) <= set(settings.active_models()) else {}

    def place(self, pattern: str, **wildcards: str) -> Path:
        return layout.place(pattern, self.directory, dataset=self.settings.dataset, **wildcards)

    def job(self, rule: str, pattern: str, logged: dict[str, str] | None = None, /, **wildcards: str) -> Job:
        """The job of a rule that makes the file of `pattern`; `logged` are the wildcards of its log, where others."""
        self.looked.add(rule)
        log = self.place(layout.log_of(rule, pattern), **(logged or wildcards))
        return job([self.place(pattern, **wildcards)], log)

    def note(self, stage: str, name: str, jobs: list[Job]) -> State:
        """The state of a stage; jobs that failed or stopped are kept for the end of the page."""
        for each in jobs:
            if each.state in ("failed", "stopped"):
                log = str(each.log.relative_to(self.directory))
                self.failures.append(Failure(each.state, stage, name, each.word, log))
        return stage_of(jobs)

    def one(self, stage: str, rule: str, pattern: str, **wildcards: str) -> State:
        """The state of a stage of a peptide or model that one job makes."""
        return self.note(
            stage, wildcards.get("peptide", wildcards.get("model", "")), [self.job(rule, pattern, **wildcards)]
        )

    def model(self, name: str) -> ModelStatus:
        imported = name not in self.settings.models or self.settings.checkpoint_of(name) is not None
        rule = "import_checkpoint" if imported else "train"
        state = self.one("model", rule, layout.MODEL["checkpoint"], model=name)
        if imported:
            return ModelStatus(name, state, None)
        log = self.place(layout.log_of(rule, layout.MODEL["checkpoint"]), model=name)
        made = training(self.place(layout.MODEL["record"], model=name), log, self.settings.training_of(name))
        return ModelStatus(name, state, _as_it_is(made, state))

    def peptide(self, name: str, split: str, models: list[str]) -> PeptideStatus:
        source = self.settings.source
        given = self.place(layout.log_of("take_structure", layout.PEPTIDE["pdb"]), peptide=name)
        rule = "take_structure" if given.exists() else "build_peptide"
        stages = {"built": self.one("peptide", rule, layout.PEPTIDE["pdb"], peptide=name)}
        md = None
        if source.exists:
            stages["MD"] = self.simulated(name)
            if not source.imported or stages["MD"] == State.DONE:
                record = self.place(layout.MD["record"], peptide=name)
                work = self.place(layout.WORK["simulate"], peptide=name)
                md = _as_it_is(simulation(record, work, self.simulate[split]), stages["MD"])
            stages["features"] = self.one("features", "featurize", layout.FEATURES, split=split, peptide=name)
        samples = {}
        if split == "test" and source.exists:
            if self.settings.md_record_of("test") == layout.MD_SINGLE:
                stages["MD timing"] = self.one("MD timing", "benchmark_single", layout.MD_SINGLE, peptide=name)
            of_md = {"describe_simulation": layout.MD_SERIES, "md_distances": layout.MD_DISTANCES}
            jobs = [self.job(rule, pattern, peptide=name) for rule, pattern in of_md.items()]
            stages["MD analysis"] = self.note("MD analysis", name, jobs)
        for model in models if split == "test" else []:
            own = {"model": model, "peptide": name}
            stage = f"samples {model}"
            if model.endswith(layout.POPULATED):
                stages[stage] = self.note(f"populations by {model}", name, self.populations(model, name))
            else:
                rule = "import_samples" if self.settings.is_outside(model) else "sample"
                made = {rule: layout.SAMPLES["record"]}
                if self.settings.plain_md_of(model) is not None:
                    made |= {"simulate_plain_md": layout.PLAIN_MD["record"]}
                jobs = [self.job(each, pattern, **own) for each, pattern in made.items()]
                stages[stage] = self.note(f"samples by {model}", name, jobs)
                record, work = self.place(layout.SAMPLES["record"], **own), self.place(layout.WORK["sample"], **own)
                if not self.settings.is_outside(model):
                    samples[model] = _as_it_is(sampling(record, work, self.settings.sampling_of(model)), stages[stage])
            rules = self.settings.analyses() if source.exists else {"describe_samples": layout.EVALUATION["compare"]}
            jobs = [self.job(rule, files["result"], **own) for rule, files in rules.items()]
            stages[f"evaluation {model}"] = self.note(f"evaluation of {model}", name, jobs)
        if split == "test" and self.ablated:
            rows = [{"variant": row, "model": model, "peptide": name} for row, model in self.ablated.items()]
            jobs = [self.job(rule, pattern, **row) for row in rows for rule, pattern in _ABLATION.items()]
            stages["ablation"] = self.note("ablation", name, jobs)
        return PeptideStatus(name, split, stages, md, samples)

    def populations(self, model: str, name: str) -> list[Job]:
        """The jobs that make the weighted MD of a peptide, `model`, from another's samples."""
        base = {"model": model.removesuffix(layout.POPULATED), "peptide": name}
        weighted = self.job("weighted_samples", layout.SAMPLES["record"], base, model=model, peptide=name)
        return [self.job("populate", layout.POPULATIONS["result"], **base), weighted]

    def simulated(self, name: str) -> State:
        """The state of a peptide's MD, which one job may make for many."""
        rule = "import_trajectory" if self.settings.source.imported else "simulate"
        logged = {"peptide": self.batched.get(name, name)}
        return self.note("MD", name, [self.job(rule, layout.MD["record"], logged, peptide=name)])

    def results(self, tested: bool) -> dict[str, State]:
        """The states of what is made of all peptides and models together; without test peptides, of the dataset."""
        wanted = dict(_RESULTS)
        if not tested:
            wanted = {"describe_dataset": wanted["describe_dataset"]}
        elif not self.settings.source.exists:
            wanted = {rule: wanted[rule] for rule in ("summarize", "report")}
        elif not self.ablated:
            wanted.pop("tabulate_ablation")
        return {name: self.note(name, name, [self.job(rule, path)]) for rule, (name, path) in wanted.items()}

    def rest(self) -> None:
        """Keep what failed of the rules that no stage above is made of: figures, and what they are drawn from."""
        logs = self.place(layout.LOGS)
        for path in sorted(logs.rglob("*.log")) if logs.is_dir() else []:
            rule, *names = path.relative_to(logs).with_suffix("").parts
            lines = last_lines(path) if rule not in self.looked else []
            if lines and lines[-1].level == "ERROR":
                log = str(path.relative_to(self.directory))
                stage = rule.replace("_", " ")
                self.failures.append(Failure(State.FAILED, stage, " ".join(names) or "all", lines[-1].text, log))


def survey(settings: Configuration, directory: Path) -> Survey:
    """Look at every peptide and model of a dataset. Reads only: no trajectory, no lock that would stop a job.

    Models are those of the configuration, and those whose samples lie in results/. Raises PeptideError where the
    peptides of the configuration cannot be resolved.
    """
    look = _Surveyor(settings, directory)
    results = look.place(layout.RESULTS)
    began = results.is_dir() or look.place(layout.LOGS).is_dir()
    found = Survey(settings.dataset, str(directory.resolve()), began, runners(directory), is_locked(directory))
    if not began:
        return found
    splits = resolve_splits(settings.peptides, directory)
    if not settings.source.imported:
        simulated = {peptide.name: look.simulate[split] for split, members in splits.items() for peptide in members}
        for number, names in enumerate(batched_jobs(simulated), 1):
            look.batched |= dict.fromkeys(names, f"batch_{number}")
    brought = sorted(path.name for path in (results / "samples").glob("*") if path.is_dir())
    models = list(dict.fromkeys([*settings.evaluated_models(), *brought]))
    every = dict.fromkeys([*models, *settings.needed_models()])
    own = [name for name in every if not settings.is_outside(name) and not name.endswith(layout.POPULATED)]
    found.models = [look.model(name) for name in own]
    found.peptides = [
        look.peptide(peptide.name, split, models) for split, members in splits.items() for peptide in members
    ]
    found.results = look.results(tested=bool(splits["test"]))
    look.rest()
    found.failures = sorted(look.failures, key=lambda failure: failure.state)
    return found
