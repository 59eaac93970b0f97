"""One analysis of one pair, from files to files."""

from importlib import import_module
from pathlib import Path

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.pair import Pair, Result
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance

# Every analysis of a pair in the main environment, by the rule that makes it: the module with its `analyse`, imported
# when it is made, since a job makes one; and the packages that it rests on.
ANALYSES = {
    "compare": ("comparison", ("mdtraj", "numpy", "scipy")),
    "dynamics": ("dynamics", ("mdtraj", "numpy", "scipy", "deeptime", "POT")),
    "physicality": ("physicality", ("mdtraj", "numpy", "scipy")),
}


def publish(pair: Pair, found: Result, packages: tuple[str, ...], result: Path, arrays: Path) -> None:
    """Write a result (JSON), headed by what was compared, and its arrays (NPZ)."""
    entries, values = found
    write_npz(arrays, values)
    notes = {"notes": pair.notes + entries["notes"], "provenance": provenance(*packages)}
    write_json(result, pair.described | entries | notes)


def analyse_to_files(
    name: str, pair: Pair, settings: EvaluationSettings, result: Path, arrays: Path, md_distances: Path | None = None
) -> None:
    """Make one of ANALYSES of a pair and publish result (JSON) and arrays (NPZ); `md_distances` is what
    md_distances_to_file wrote of this MD (JSON), where the analysis needs it."""
    module, packages = ANALYSES[name]
    analyse = import_module(f"jamun.evaluation.{module}").analyse
    more = {} if md_distances is None else {"baselines": read_json(md_distances)["baselines"]}
    publish(pair, analyse(pair, settings, **more), packages, result, arrays)
