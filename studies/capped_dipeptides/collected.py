"""The folder of a study's small files, read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from overtaking import Overtaking, curve, overtaking
from targets import SPEED_UP, mean

from jamun.config.sampling import SamplingSettings
from jamun.evaluation.tables import read_summary
from jamun.io.atomic import read_json
from jamun.io.log import UserError
from jamun.peptides.splits import NAME_OF_MEANS

# Records a peptide, each in a folder of its own below data/; they are of the study's model.
RECORDS = ("comparison", "msm", "dynamics", "physicality", "sampling")


class StudyError(UserError):
    """Results that are not there, or not of a finished study."""


def require(path: Path, what: str) -> Path:
    """`path`, if it is there. Raises StudyError, saying what is missing and how it is made."""
    if not path.exists():
        raise StudyError(f"{path}: no such file, so there is no {what} yet; finish the study's workflow first.")
    return path


@dataclass(frozen=True)
class Collected:
    """The small files of a study, in data/ and figures/ of a folder; read when they are first asked for."""

    folder: Path

    @property
    def data(self) -> Path:
        """The folder of numbers."""
        return self.folder / "data"

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.folder / "figures"

    @cached_property
    def study(self) -> dict[str, Any]:
        """What the study was made of. Raises StudyError where nothing was collected."""
        return read_json(require(self.data / "study.json", "collection"))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Evaluation's table, of every model."""
        return read_summary(require(self.data / "summary.csv", "table of results"))

    def table(self, name: str) -> pd.DataFrame | None:
        """A table that need not be there: ablation, compute, search, mirror or macrostate_self_distance."""
        path = self.data / f"{name}.csv"
        return read_summary(path) if path.exists() else None

    @cached_property
    def water(self) -> dict[str, Any] | None:
        """Measured rates of explicit-water MD; None where they were not collected."""
        path = self.data / "water.json"
        return read_json(path) if path.exists() else None

    @cached_property
    def training(self) -> dict[str, dict[str, Any]]:
        """training.json by model."""
        return {path.stem: read_json(path) for path in sorted((self.data / "training").glob("*.json"))}

    @cached_property
    def records(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Records of the study's model by kind (RECORDS), then by peptide; what is not there is left out."""
        return {
            kind: {
                name: read_json(path)
                for name in self.study["peptides"]["test"]
                if (path := self.data / kind / f"{name}.json").exists()
            }
            for kind in RECORDS
        }

    @property
    def model(self) -> str:
        """The model that the study is about."""
        return self.study["model"]

    @property
    def others(self) -> list[str]:
        """The other models, in the summary's order."""
        return [name for name in self.study["models"] if name != self.model]

    @property
    def sampler(self) -> dict[str, Any] | None:
        """The settings of the walk and the jump that the study's samples were drawn with, one for all peptides."""
        record = next(iter(self.records["sampling"].values()), None)
        return None if record is None else SamplingSettings(**record["settings"]).of_a_model()

    def of(self, model: str) -> pd.DataFrame:
        """The summary's rows of a model, one a test peptide, without that of its means."""
        return self.summary[(self.summary["model"] == model) & (self.summary["peptide"] != NAME_OF_MEANS)]

    @property
    def own(self) -> pd.DataFrame:
        """The rows of the study's model, with `speed_up_same_cores`."""
        rows = self.of(self.model).copy()
        rows[SPEED_UP.key] = [self.same_cores(str(row["peptide"]), row.get("speed_up")) for _, row in rows.iterrows()]
        return rows

    def cores(self, peptide: str) -> float | None:
        """Threads of MD over threads of sampling: what MD's wall clock shrinks to on as many cores, by simulations side
        by side; None where one of them is unknown or the two ran on other devices than processors."""
        md, sampling = self.study["test_md"].get(peptide, {}), self.records["sampling"].get(peptide)
        if not sampling or sampling["device"] != "cpu" or md.get("platform") not in ("CPU", "Reference"):
            return None
        return md["threads"] / sampling["threads"] if md.get("threads") and sampling.get("threads") else None

    def same_cores(self, peptide: str, speed_up: float | None) -> float | None:
        """A ratio of rates, sampler over MD, with both on as many cores."""
        cores = self.cores(peptide)
        return None if cores is None or speed_up is None or pd.isna(speed_up) else float(speed_up) * cores

    def curves(self, peptide: str, group: str) -> tuple[tuple, tuple, bool]:
        """Curves (seconds, JS) of samples and of MD on as many cores, and whether the MD is held against other MD than
        itself. Where the cores are unknown, wall clocks are as measured."""
        result = self.records["comparison"][peptide]
        apart = result.get("convergence_independent") or {}
        independent = bool(apart.get("md"))
        found = apart if independent else result["convergence"]
        factor = self.cores(peptide) or 1.0
        return curve(found["samples"], group), curve(found["md"], group, factor), independent

    def overtaken(self, peptide: str, group: str) -> Overtaking:
        """When MD overtakes the model on as many cores."""
        samples, md, _ = self.curves(peptide, group)
        return overtaking(samples, md)

    @property
    def unseen(self) -> bool:
        """Whether no test peptide has the sequence of a training or validation peptide."""
        peptides = self.study["peptides"]
        return not {*peptides["train"].values(), *peptides["validation"].values()} & {*peptides["test"].values()}

    def trained_on(self, model: str) -> int | None:
        """How many peptides a model was trained on; None of an imported one."""
        training = self.training.get(model)
        return (
            None if training is None else training["training"].get("peptides") or len(self.study["peptides"]["train"])
        )

    def md_self_distance(self, key: str) -> dict[str, float | None]:
        """What the MD itself has of a metric, means over the test peptides: between its halves, between its replicas,
        and of a share of all MD (`md`). Below it no model can be told from MD."""
        halves = ("md_halves", "md_replicas")
        physicality = self.records["physicality"].values()
        if key == "js_msm":
            table = self.table("macrostate_self_distance")
            return {} if table is None else {name: mean(table[name]).value for name in halves}
        if key in ("bond_outlier", "inverted"):
            return {"md": mean(record["raw"]["shares"][key]["md"]["value"] for record in physicality).value}
        if key == "basin_coverage":
            covered = [record["raw"]["basins"]["coverage"] for record in physicality]
            return {name: mean(np.mean(each[name]) for each in covered if each.get(name)).value for name in halves}
        own = self.own
        return {name: mean(own[f"{key}_{name}"]).value for name in halves if f"{key}_{name}" in own}


def lineage(training: dict[str, Any]) -> list[dict[str, Any]]:
    """The trainings that led to a model, the first one first; the last is its own."""
    initial = training.get("initial")
    return [*(lineage(initial) if initial else []), training]
