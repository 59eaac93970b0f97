"""Evaluation of any two trajectories of one molecule, without the workflow: files, figures and a table."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jamun.config.configuration import Configuration
from jamun.config.figures import FigureSettings
from jamun.evaluation import comparison, dynamics, physicality
from jamun.evaluation.ensembles import (
    EvaluationError,
    read_flags,
    read_trajectory,
    require_same_molecule,
    weights_beside,
)
from jamun.evaluation.metrics import COMMAND, Metric, estimate_at, mean_of_pieces, metrics_of
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.pair import Clock, Pair, ensemble_of, pair_of
from jamun.evaluation.run import publish
from jamun.evaluation.runs import replica_of_frames
from jamun.figures import to_files
from jamun.io.atomic import read_json, read_npz
from jamun.io.log import UserError, last_lines
from jamun.io.shipped import importable_folder, msm_backend
from jamun.peptides.bias import require_plain
from jamun.peptides.checks import peptide_of
from jamun.trajectories.peptide import PeptideTrajectory, recorded_chains

# What a record may lack: of MD that says nothing of its machine, or of samples.
_NO_MD = {"platform": None, "threads": None, "provenance": {"processor": None}}
_NO_SAMPLING = {"device": None, "threads": None, "provenance": {"processor": None}}


def _record(path: Path, frames: int, count: Any) -> dict[str, Any]:
    """The record beside a trajectory if it tells of so many frames, else nothing: then it is not this one's."""
    try:
        record = read_json(path)
        return record if count(record) == frames else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _require_own_weights(reference: Path, samples: Path) -> None:
    """Raises EvaluationError where weights.npz could be of either trajectory."""
    path = weights_beside(reference)
    if path is not None and reference.parent.resolve() == samples.parent.resolve():
        raise EvaluationError(
            f"{path}: could be of {reference.name} or of {samples.name}; give each trajectory a folder of its own."
        )


def load_inputs(reference: Path, samples: Path, topology: Path, samples_topology: Path | None) -> Pair:
    """Read two trajectories, of any format that MDTraj reads, hydrogens left out.

    An md.json or sampling.json of this package beside them tells chains or replicas, temperature and wall clock;
    weights.npz the weights of the frames. Without a record, all frames are one chain or replica, or several where times
    fall back.

    Raises:
        EvaluationError: The files cannot be read or are not of one molecule.
        MoleculeError: The topology has no bonds.
    """
    notes: list[str] = []
    _require_own_weights(reference, samples)
    try:
        first = read_trajectory(reference, topology)
        second = read_trajectory(samples, samples_topology or topology)
    except ImportError as error:
        needed = " ".join(str(error).split())
        raise EvaluationError(f"{reference}, {samples}: a format that needs another package ({needed}).") from None
    if first.odd_bond is not None:  # samples may be as bad as their model
        raise EvaluationError(f"{reference}: cannot be read with {topology}: {first.odd_bond}; give its own topology.")
    md_frames, drawn = first.trajectory, second.trajectory
    require_same_molecule(md_frames.topology, drawn.topology, samples)
    md = _record(reference.parent / "md.json", md_frames.n_frames, lambda record: record["boundaries"][-1])
    require_plain(md, reference)
    sampling = _record(samples.parent / "sampling.json", drawn.n_frames, lambda record: record["samples"]["generated"])
    chains = recorded_chains(samples, drawn.n_frames)
    if chains is None:
        chains = _runs(second)
        if samples.suffix.lower() == ".xtc":
            sampling = {}  # it is of another file
    boundaries = md.get("boundaries", [*first.run_starts, md_frames.n_frames])
    for what, read in (("reference", first), ("samples", second)):
        notes += [f"The {what}: {note}." for note in read.notes]
    if second.odd_bond is not None:
        notes.append(f"The samples: {second.odd_bond}.")
    if not md:
        runs = "one replica" if len(boundaries) == 2 else f"{len(boundaries) - 1} replicas, since its times fall back"
        notes.append(f"The reference has no record beside it: {runs}, wall clock unknown.")
    if not sampling:
        count = len(np.unique(chains))
        runs = "one chain" if count == 1 else f"{count} chains, since their times fall back"
        notes.append(f"The samples have no record beside them: {runs}, wall clock unknown.")
    production = md.get("production", {})
    clock = Clock.of_md(production, production.get("frame_interval_ps") or first.interval_ps)
    drawn_clock = Clock.of_samples(sampling, drawn.n_frames)
    # Where the folder's record is of another file, so are the flags.
    other = not sampling and (samples.parent / "sampling.json").is_file()
    return pair_of(
        (
            ensemble_of(md_frames, replica_of_frames(boundaries), clock, weights_beside(reference)),
            reference,
            md and _NO_MD | md,
        ),
        (
            ensemble_of(drawn, chains, drawn_clock, weights_beside(samples)),
            samples,
            sampling and _NO_SAMPLING | sampling,
        ),
        None if other else read_flags(samples, drawn.n_frames),
        {
            "dataset": None,
            "model": sampling.get("model") or samples.stem,
            "peptide": md.get("peptide") or peptide_of(md_frames.topology, md_frames.xyz).spelled,
        },
        notes,
    )


def _runs(side: PeptideTrajectory) -> np.ndarray:
    """Run of each frame (F,): one ends where times fall back."""
    starts = np.zeros(side.trajectory.n_frames, dtype=np.int64)
    starts[side.run_starts[1:]] = 1
    return np.cumsum(starts)


class MarkovModelError(UserError):
    """A model whose process failed."""


class MarkovModel:
    """A Markov state model on its way: it is built beside other work in a process of its own, by the interpreter that
    holds its library, as the workflow's rule `msm` builds it.

    Not by `multiprocessing`, whose new processes would run a user's script again.
    """

    def __init__(self, inputs: MSMInput, settings: dict[str, Any]) -> None:
        """Begin the model of `inputs` with the settings `evaluation.msm`."""
        self._scratch = tempfile.TemporaryDirectory(prefix="jamun-msm-")
        folder = Path(self._scratch.name)
        self._result, self._arrays, self._log = folder / "msm.json", folder / "arrays.npz", folder / "msm.log"
        backend, interpreter = msm_backend(settings["backend"])
        inputs.save(folder / "torsions.npz")
        package = str(importable_folder(folder / "package"))
        command = [interpreter, "-P", "-m", "jamun.evaluation.msm", "--features", str(folder / "torsions.npz")]
        command += ["--settings", json.dumps({**settings, "backend": backend})]
        command += ["--result", str(self._result), "--arrays", str(self._arrays), "--log", str(self._log)]
        path = os.pathsep.join(filter(None, [package, os.getenv("PYTHONPATH")]))
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> "MarkovModel":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()

    def result(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The model as JSON's types and arrays, once it is there. Raises MarkovModelError where its process failed."""
        if self._process.wait():
            said = last_lines(self._log)
            raise MarkovModelError(said[-1].text if said else "the Markov state model's process ended without a word")
        return read_json(self._result), read_npz(self._arrays)


def evaluate_to_files(
    reference: Path,
    samples: Path,
    topology: Path,
    samples_topology: Path | None,
    settings: Configuration,
    out: Path,
) -> str:
    """Evaluate `samples` against `reference`.

    Writes comparison, physicality, msm and dynamics to `out`, each as .json and .npz with the workflow's definitions,
    and figures/. Raises what load_inputs raises.

    Returns:
        A table of the main numbers.
    """
    pair, chosen = load_inputs(reference, samples, topology, samples_topology), settings.evaluation
    # The model takes about as long as all else, and runs beside it.
    with MarkovModel(MSMInput.of(pair), chosen.msm.model_dump()) as model:
        found = {
            "comparison": comparison.analyse(pair, chosen),
            "physicality": physicality.analyse(pair, chosen),
            "dynamics": dynamics.analyse(pair, chosen),
            "msm": model.result(),
        }
    for name, result in found.items():
        publish(pair, result, ("mdtraj", "numpy", "scipy", "deeptime"), out / f"{name}.json", out / f"{name}.npz")
    _draw(out, settings.figures)
    return table({name: result for name, (result, _) in found.items()}, pair.described, pair.notes)


def _draw(out: Path, settings: FigureSettings) -> None:
    """Every figure that the files in `out` have."""
    for name in ("ramachandran", "torsions", "convergence", "dynamics", "msm", "physicality"):
        of = name if name in ("dynamics", "msm", "physicality") else "comparison"
        files = {"result": out / f"{of}.json"} | ({} if name == "convergence" else {"arrays": out / f"{of}.npz"})
        to_files(name, files, {kind: out / "figures" / f"{name}.{kind}" for kind in ("png", "pdf")}, settings)


# What the table says of the library of the Markov state model.
_LIBRARY = {
    "deeptime": "deeptime (PyEMMA's, where its environment .venv-pyemma is here and evaluation.msm.backend is auto)",
    "pyemma": "PyEMMA",
}


# Units that numbers are shown in, with the factor to them.
_SHOWN_IN = {"nm": ("pm", 1000.0), "rad": ("rad", 1.0), "": ("", 1.0)}


class MainNumber(NamedTuple):
    """A row of the table, in the unit that its words name; None where there is no number, with the reason.

    metric: its words.
    low and high: ends of the 95 % interval.
    md_halves: the same number between halves of the reference.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    md_halves: float | None
    reason: str


def main_number(metric: Metric, found: dict[str, dict[str, Any]]) -> MainNumber:
    """The row of a metric. `found` holds the results of comparison, physicality, msm and dynamics."""
    results: dict[str, dict[str, Any] | None] = {**found, "compare": found.get("comparison")}
    estimate = estimate_at(results, metric.path)
    unit, factor = ("%", 100.0) if metric.kind == "share" else _SHOWN_IN[metric.unit]
    words = f"JS, {metric.label}" if metric.analysis in ("compare", "msm") else metric.label
    if "md_halves" in metric.baselines:
        halves = estimate_at(results, metric.path_of("md_halves")).get("value")
    else:
        halves = mean_of_pieces(estimate.get("md_halves"))
    values = (estimate["value"], estimate.get("low"), estimate.get("high"), halves)
    value, low, high, md_halves = (None if each is None else factor * float(each) for each in values)
    words = f"{words} ({unit})" if unit else words
    return MainNumber(words, value, low, high, md_halves, estimate.get("reason", ""))


def main_numbers(found: dict[str, dict[str, Any]]) -> list[MainNumber]:
    """The rows of the table; see `main_number`."""
    return [main_number(metric, found) for metric in metrics_of(COMMAND)]


def table(found: dict[str, dict[str, Any]], head: dict[str, Any], notes: list[str]) -> str:
    """The main numbers with their intervals and the MD's own halves, as lines of text; or why there is none; and notes
    on how the files were read."""
    frames = head["samples"]["frames"], head["reference"]["frames"]
    lines = [
        f"{head['peptide']}: {frames[0]:,} samples against {frames[1]:,} frames of reference",
        f"{'':<22}{'value':>9}{'low':>9}{'high':>9}{'MD halves':>11}",
    ]
    for words, *cells, reason in main_numbers(found):
        if cells[0] is None:
            lines.append(f"{words:<22}{'-':>9}  {reason}".rstrip())
            continue
        texts = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        lines.append(f"{words:<22}{texts[0]:>9}{texts[1]:>9}{texts[2]:>9}{texts[3]:>11}")
    lines.append(f"Markov state model by {_LIBRARY[found['msm']['backend']]}.")
    return "\n".join([*lines, *notes])
