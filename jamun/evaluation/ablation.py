"""The ablation of sampling: one table of the same peptides sampled with other settings."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jamun.evaluation.metrics import ABLATION, columns, estimate_at, metrics_of, read_result
from jamun.evaluation.runs import stopped_notes
from jamun.evaluation.summary import mean_of_peptides
from jamun.io.atomic import read_json, write_text
from jamun.peptides.splits import NAME_OF_MEANS

# Columns of settings whose name is not the setting's.
SETTING_COLUMNS = {"sigma": "sigma_nm", "jump_sigmas": "jump_sigmas_nm"}
_UNITS = {"sigma": " nm", "jump_sigmas": " nm"}
NONE = "none"
# The family of a variant that differs by its model alone.
MODEL = "model"
_PER_EVALUATION = "ess_per_evaluation"
_CHANGES = ("js_backbone", "js_all")


@dataclass(frozen=True)
class Sampled:
    """One peptide sampled with one variant's settings.

    variant: its name.
    record: the sampler's.
    comparison: result of the comparison with the MD.
    others: results of dynamics and physicality by these names, as far as they are there.
    """

    variant: str
    record: dict[str, Any]
    comparison: dict[str, Any]
    others: dict[str, dict[str, Any]]

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.comparison["model"]

    def setting(self, key: str) -> Any:
        """A sampling setting; the walk's sigma is None where it is the model's own."""
        if key == "sigma" and math.isclose(self.record["sigma_nm"], self.record["trained_sigma_nm"]):
            return None
        return self.record["settings"][key]

    def resolved(self, key: str) -> Any:
        """The same, with the walk's sigma in nm."""
        return self.record["sigma_nm"] if key == "sigma" else self.record["settings"][key]


def in_words(value: Any) -> str:
    """A setting as text: numbers as short as they are, lists with commas, `none` for null and for an empty list."""
    if value is None or value == []:
        return NONE
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    return str(value)


def evaluations(record: dict[str, Any]) -> int:
    """How many structures the network saw, from the sampler's record: of each chain one a step of the walk, one at its
    start for BAOAB, one a level of each jump and one a step of its correctors (none in records from before there were
    any). Steps of a chain that was lost are counted up to its last sample."""
    settings = record["settings"]
    each = settings["stride"] + len(settings["jump_sigmas"]) + sum(settings.get("corrector_steps", []))
    first = settings["burn_in"] + (settings["integrator"] == "BAOAB")
    return sum(first + each * length for length in record["chain_lengths"] if length)


def differing(sampled: Sampled, plain: Sampled) -> list[str]:
    """Sampling settings in which one differs from the plain one, in the settings' order."""
    return [key for key in plain.record["settings"] if sampled.setting(key) != plain.setting(key)]


def _row(sampled: Sampled, plain: Sampled, shown: list[str]) -> dict[str, Any]:
    """One peptide of one variant; `shown` are the settings with a column."""
    keys = differing(sampled, plain)
    other = sampled.model != plain.model
    words = [f"{key} {in_words(sampled.resolved(key))}{_UNITS.get(key, '')}" for key in keys]
    record, comparison = sampled.record, sampled.comparison
    seen, frames = evaluations(record), comparison["samples"]["frames"]
    row: dict[str, Any] = {
        "dataset": comparison["dataset"],
        "variant": sampled.variant,
        "model": sampled.model,
        "peptide": comparison["peptide"],
        "differs": "; ".join(([f"model {sampled.model}"] if other else []) + words),
        "family": ", ".join(keys) or (MODEL if other else ""),
    }
    for key in shown:
        row[SETTING_COLUMNS.get(key, key)] = in_words(sampled.resolved(key))
    row["untrained_sigmas_nm"] = in_words(record["untrained_sigmas_nm"])
    row |= {"samples": frames, "chains": record["chains"], "evaluations_per_sample": seen / frames}
    row["ms_per_sample"] = 1e3 * record["seconds"] / frames
    for metric in metrics_of(ABLATION):
        estimate = estimate_at({"compare": comparison, **sampled.others}, metric.path)
        row |= columns(metric.key, estimate)
        if metric.key == "ess":
            per = columns(_PER_EVALUATION, estimate)
            row |= {key: None if value is None else value / seen for key, value in per.items()}
    for name in _CHANGES:
        before, after = (each.comparison["js"][name.removeprefix("js_")]["value"] for each in (plain, sampled))
        row[f"{name}_change"] = None if before is None or after is None else after - before
        halves = comparison["baselines"]["md_halves"][name.removeprefix("js_")]
        row[f"{name}_md_halves"] = (halves or {}).get("value")
    return row | {"notes": " ".join([*record["notes"], *stopped_notes(record)])}


def ablation_table(sampled: list[Sampled]) -> pd.DataFrame:
    """A row a variant and peptide, and for each variant a row whose peptide is "mean".

    The first variant of the list has the plain settings. Means are over the peptides that have a number, with low and
    high at 1.96 standard errors over peptides; `_change` is the difference to the plain settings of the same peptide,
    whose errors leave out what all variants of a peptide share. Raises ValueError where a peptide lacks the plain one.
    """
    first = sampled[0].variant
    plain = {one.comparison["peptide"]: one for one in sampled if one.variant == first}
    for one in sampled:
        if one.comparison["peptide"] not in plain:
            raise ValueError(f"{one.comparison['peptide']} was not sampled with the settings of {first}")
    shown = ["sigma", "friction", "jump_sigmas"]
    for one in sampled:
        shown += [key for key in differing(one, plain[one.comparison["peptide"]]) if key not in shown]
    table = pd.DataFrame([_row(one, plain[one.comparison["peptide"]], shown) for one in sampled])
    texts = ["dataset", "variant", "model", "peptide", "differs", "family", "untrained_sigmas_nm", "notes"]
    texts += [SETTING_COLUMNS.get(key, key) for key in shown]
    estimates = [
        *(metric.key for metric in metrics_of(ABLATION)),
        _PER_EVALUATION,
        *(f"{name}_change" for name in _CHANGES),
    ]
    means = []
    for _, rows in table.groupby("variant", sort=False):
        numbers = rows.drop(columns=[name for name in texts if name != "chains"]).apply(pd.to_numeric)
        mean = mean_of_peptides(numbers, estimates)
        same = rows.iloc[0][texts].to_dict()
        means.append(same | {"peptide": NAME_OF_MEANS, "notes": f"Mean of {len(rows)} peptides."} | mean.to_dict())
    order = list(table.columns)
    for name in (f"{change}_change" for change in _CHANGES):
        place = order.index(name) + 1
        order[place:place] = [f"{name}_low", f"{name}_high"]
    return pd.concat([table, pd.DataFrame(means)], ignore_index=True)[order]


def read_sampled(folder: Path) -> Sampled:
    """What the folder {variant}/{model}/{peptide} of a sampled variant holds."""
    others = {name: folder / f"{name}.json" for name in ("dynamics", "physicality")}
    return Sampled(
        folder.parent.parent.name,
        read_json(folder / "sampling.json"),
        read_json(folder / "comparison.json"),
        {name: read_result(path) for name, path in others.items() if path.exists()},
    )


def ablation_to_files(folders: list[Path], target: Path) -> None:
    """Read the folders {variant}/{model}/{peptide}, those of the plain settings first, and write the CSV."""
    table = ablation_table([read_sampled(folder) for folder in folders])
    write_text(target, table.to_csv(index=False, float_format="%.6g"))
