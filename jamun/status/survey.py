"""Every stage of every peptide and model of a dataset, and what runs on it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from jamun.config.configuration import Configuration
from jamun.io.active import Runner, is_locked, runners
from jamun.peptides.splits import SPLITS, resolve_splits
from jamun.simulate.groups import groups_together
from jamun.status.jobs import Job, State, job, stage_of
from jamun.status.progress import Progress, sampling, simulation, training

# What the evaluation of one peptide's samples is made of, by rule: where each lies beside the comparison.
_EVALUATION = {"compare": ".", "msm": "msm", "dynamics": "dynamics", "physicality": "physicality"}
# What a row of the ablation is made of, by rule.
_ABLATION = {"sample": "sampling", "compare": "comparison", "dynamics": "dynamics", "physicality": "physicality"}


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
    """The status of a dataset in a folder; `began` is false where nothing of it is there."""

    dataset: str
    directory: str
    began: bool
    snakemakes: list[Runner]
    locked: bool
    models: list[ModelStatus] = field(default_factory=list)
    peptides: list[PeptideStatus] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def totals(self) -> dict[str, Any]:
        """Peptides by stage and state, nanoseconds done and asked, and seconds left at the rates of what runs."""
        stages: dict[str, Counter[State]] = {}
        for peptide in self.peptides:
            for stage, state in peptide.stages.items():
                stages.setdefault(stage, Counter())[state] += 1
        simulated = [peptide for peptide in self.peptides if peptide.md is not None]
        done, asked = (sum(getattr(each.md, key) for each in simulated) for key in ("done", "asked"))
        rate = sum(each.md.per_day or 0.0 for each in simulated if each.stages["MD"] == "running")
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
        self.results, self.logs = directory / "results" / settings.dataset, directory / "logs" / settings.dataset
        self.simulate = {split: settings.simulate_of(split) for split in SPLITS}
        self.failures: list[Failure] = []
        # The log of the job that simulates a peptide together with others.
        self.together: dict[str, str] = {}
        # Rows of the ablation and the model of each; none where the targets are about one model and it is another's.
        rows = {row: settings.ablated_model(row) for row in settings.ablation.rows}
        self.ablated = rows if set(rows.values()) <= set(settings.active_models()) else {}

    def work(self, stage: str, *names: str) -> Path:
        return self.directory.joinpath("work", stage, self.settings.dataset, *names)

    def note(self, stage: str, name: str, jobs: list[Job]) -> State:
        """The state of a stage; jobs that failed or stopped are kept for the end of the page."""
        for each in jobs:
            if each.state in ("failed", "stopped"):
                log = str(each.log.relative_to(self.directory))
                self.failures.append(Failure(each.state, stage, name, each.word, log))
        return stage_of(jobs)

    def one(self, stage: str, name: str, rule: str, outputs: list[Path], *log: str) -> State:
        """The state of a stage that one job makes."""
        return self.note(stage, name, [job(outputs, self.logs.joinpath(rule, *log[:-1], f"{log[-1]}.log"))])

    def model(self, name: str) -> ModelStatus:
        folder = self.results / "models" / name
        brought = name not in self.settings.models or self.settings.checkpoint_of(name) is not None
        rule = "import_checkpoint" if brought else "train"
        state = self.one("model", name, rule, [folder / "checkpoint.ckpt"], name)
        if brought:
            return ModelStatus(name, state, None)
        log = self.logs / "train" / f"{name}.log"
        made = training(folder / "training.json", log, self.settings.training_of(name))
        return ModelStatus(name, state, _as_it_is(made, state))

    def peptide(self, name: str, split: str, models: list[str]) -> PeptideStatus:
        source, results = self.settings.source, self.results
        given = self.logs / "take_structure" / f"{name}.log"
        rule = "take_structure" if given.exists() else "build_peptide"
        stages = {"built": self.one("peptide", name, rule, [results / "peptides" / f"{name}.pdb"], name)}
        md = None
        if source.exists:
            record = results / "md" / name / "md.json"
            rule = "import_trajectory" if source.imported else "simulate"
            stages["MD"] = self.one("MD", name, rule, [record], self.together.get(name, name))
            if not source.imported or stages["MD"] == State.DONE:
                md = simulation(record, self.work("simulate", name), self.simulate[split])
                md = _as_it_is(md, stages["MD"])
            features = results / "features" / split / f"{name}.h5"
            stages["features"] = self.one("features", name, "featurize", [features], split, name)
        samples = {}
        for model in models if split == "test" else []:
            record = results / "samples" / model / name / "sampling.json"
            stages[f"samples {model}"] = self.one(f"samples by {model}", name, "sample", [record], model, name)
            made = sampling(record, self.work("sample", model, name), self.settings.sampling_of(model))
            samples[model] = _as_it_is(made, stages[f"samples {model}"])
            stages[f"evaluation {model}"] = self.evaluation(name, model)
        if split == "test" and self.ablated:
            stages["ablation"] = self.ablation(name)
        return PeptideStatus(name, split, stages, md, samples)

    def ablation(self, name: str) -> State:
        jobs = []
        for row, model in self.ablated.items():
            folder = self.results / "ablation" / row / model / name
            for rule, made in _ABLATION.items():
                log = self.logs / f"ablation_{rule}" / row / model / f"{name}.log"
                jobs.append(job([folder / f"{made}.json"], log))
        return self.note("ablation", name, jobs)

    def evaluation(self, name: str, model: str) -> State:
        folder = self.results / "evaluation" / model
        rules = _EVALUATION if self.settings.source.exists else {"describe_samples": "."}
        jobs = [
            job([folder / place / f"{name}.json"], self.logs / rule / model / f"{name}.log")
            for rule, place in rules.items()
        ]
        return self.note(f"evaluation of {model}", name, jobs)


def survey(settings: Configuration, directory: Path) -> Survey:
    """Look at every peptide and model of a dataset. Reads only: no trajectory, no lock that would stop a job.

    Models are those of the configuration, and those whose samples lie in results/. Raises PeptideError where the
    peptides of the configuration cannot be resolved.
    """
    look = _Surveyor(settings, directory)
    began = look.results.is_dir() or look.logs.is_dir()
    found = Survey(settings.dataset, str(directory.resolve()), began, runners(directory), is_locked(directory))
    if not began:
        return found
    splits = resolve_splits(settings.peptides, directory)
    if not settings.source.imported:
        simulated = {peptide.name: look.simulate[split] for split, members in splits.items() for peptide in members}
        for number, names in enumerate(groups_together(simulated), 1):
            look.together |= dict.fromkeys(names, f"together_{number}")
    brought = sorted(path.name for path in (look.results / "samples").glob("*") if path.is_dir())
    models = list(dict.fromkeys([*settings.active_models(), *brought]))
    found.models = [look.model(name) for name in dict.fromkeys([*models, *settings.needed_models()])]
    found.peptides = [
        look.peptide(peptide.name, split, models) for split, members in splits.items() for peptide in members
    ]
    found.failures = sorted(look.failures, key=lambda failure: failure.state)
    return found
