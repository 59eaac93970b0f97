"""The folder of a study's small files: where each lies, and all of them read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from jamun.config.sampling import SamplingSettings
from jamun.evaluation.summary import MEAN
from jamun.evaluation.tables import read_summary
from jamun.io.atomic import read_json
from jamun.study.dataset import of_model, require
from jamun.study.overtaking import Overtaking, curve, overtaking

# Folders of records a peptide, below data/; each is of the study's model.
RECORDS = ("comparison", "msm", "dynamics", "physicality", "sampling")
STUDY, COMPUTE, MIRROR, FLOORS = "study.json", "compute.csv", "mirror.csv", "macrostate_floors.csv"
SUMMARY, ABLATION, WATER, SEARCH = "summary.csv", "ablation.csv", "water.json", "search.csv"


@dataclass(frozen=True)
class Collected:
    """What lies in data/ and figures/ of a folder; tables and records are read when they are first asked for."""

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
        """What the study was made of (``describe``). Raises StudyError where nothing was collected."""
        return read_json(require(self.data / STUDY, "collection"))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Evaluation's table, of every model."""
        return read_summary(require(self.data / SUMMARY, "table of results"))

    def _table(self, name: str) -> pd.DataFrame | None:
        path = self.data / name
        return read_summary(path) if path.exists() else None

    @cached_property
    def ablation(self) -> pd.DataFrame | None:
        """The table of the ablation of sampling; None without one."""
        return self._table(ABLATION)

    @cached_property
    def compute(self) -> pd.DataFrame | None:
        """The compute log; None where no benchmark files were kept."""
        return self._table(COMPUTE)

    @cached_property
    def search(self) -> pd.DataFrame | None:
        """The search for the network; None where there was none."""
        return self._table(SEARCH)

    @cached_property
    def mirror(self) -> pd.DataFrame | None:
        """How alike each map is to its mirror image."""
        return self._table(MIRROR)

    @cached_property
    def macrostate_floors(self) -> pd.DataFrame | None:
        """JS distance of macrostate occupancies within the MD."""
        return self._table(FLOORS)

    @cached_property
    def water(self) -> dict[str, Any] | None:
        """Measured rates of explicit-water MD."""
        path = self.data / WATER
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
    def sampler(self) -> dict[str, Any] | None:
        """The settings of the walk and the jump that the study's samples were drawn with, one for all peptides."""
        record = next(iter(self.records["sampling"].values()), None)
        return None if record is None else SamplingSettings(**record["settings"]).of_a_model()

    @property
    def own(self) -> pd.DataFrame:
        """The summary's rows of the study's model, one a test peptide, with `speed_up_same_cores`."""
        rows = of_model(self.summary, self.model).copy()
        rows["speed_up_same_cores"] = [
            self.same_cores(str(row["peptide"]), row.get("speed_up")) for _, row in rows.iterrows()
        ]
        return rows

    def cores(self, peptide: str) -> float | None:
        """Threads of MD over threads of sampling: what MD's wall clock shrinks to on as many cores, by simulations side
        by side; None where one of them is unknown or the two ran on other devices than processors."""
        md = self.study["test_md"].get(peptide, {})
        sampling = self.records["sampling"].get(peptide)
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

    def unseen(self) -> bool:
        """Whether no test peptide has the sequence of a training or validation peptide."""
        peptides = self.study["peptides"]
        seen = {*peptides["train"].values(), *peptides["validation"].values()}
        return not seen & set(peptides["test"].values())

    def models_beside(self) -> list[str]:
        """The other models, in the summary's order."""
        return [name for name in self.study["models"] if name != self.model]


def by_peptide(summary: pd.DataFrame, model: str, column: str) -> dict[str, float | None]:
    """A column's number of each peptide of a model."""
    rows = of_model(summary, model)
    values = rows[column] if column in rows else [None] * len(rows)
    return {
        str(name): None if value is None or pd.isna(value) else float(value)
        for name, value in zip(rows["peptide"], values, strict=True)
    }


def means_of(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of means of a table of evaluation."""
    return table[table["peptide"] == MEAN]
