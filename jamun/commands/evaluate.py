"""Evaluation of any two trajectories of one molecule, without the workflow: files, figures and a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jamun.commands.markov import MarkovModel
from jamun.config.configuration import Configuration
from jamun.config.figures import FigureSettings
from jamun.evaluation.compare import compare, compare_accepted
from jamun.evaluation.dynamics import Series, dynamics
from jamun.evaluation.ensembles import (
    Ensemble,
    EvaluationError,
    none_rejected,
    read_flags,
    read_side,
    replica_of_frames,
    require_same_molecule,
)
from jamun.evaluation.physicality import physicality
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import CAPS, compute_torsions, phi_psi_pairs, without_omega
from jamun.trajectories.peptide import PeptideTrajectory, recorded_chains


@dataclass(frozen=True)
class Inputs:
    """Both ensembles with what is known of them.

    md, sampling: the md.json and sampling.json beside them, or empty; interval_ps: time between frames of the
    reference; boundaries: offsets (R+1) of its replicas; notes: what was put right and what is not known.
    """

    reference: Ensemble
    samples: Ensemble
    md: dict[str, Any]
    sampling: dict[str, Any]
    interval_ps: float | None
    boundaries: list[int]
    notes: list[str]

    @property
    def md_seconds_per_frame(self) -> float | None:
        """Wall clock of a frame of MD."""
        return self.md.get("production", {}).get("seconds_per_frame")

    @property
    def sampling_seconds(self) -> float | None:
        """Wall clock of all samples."""
        return self.sampling.get("seconds")


def _record(path: Path, frames: int, count: Any) -> dict[str, Any]:
    """The record beside a trajectory if it tells of so many frames, else nothing: then it is not this one's."""
    try:
        record = read_json(path)
        return record if count(record) == frames else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def load_inputs(reference: Path, samples: Path, topology: Path, samples_topology: Path | None) -> Inputs:
    """Read two trajectories, of any format that MDTraj reads, hydrogens left out.

    An md.json or sampling.json of this package beside them tells chains or replicas, temperature and wall clock.
    Without it, all frames are one chain or replica, or several where times fall back. Raises EvaluationError for files
    that cannot be read or are not of one molecule, and MoleculeError for a topology without bonds.
    """
    notes: list[str] = []
    try:
        first = read_side(reference, topology)
        second = read_side(samples, samples_topology or topology)
    except ImportError as error:
        needed = " ".join(str(error).split())
        raise EvaluationError(f"{reference}, {samples}: a format that needs another package ({needed}).") from None
    md_frames, drawn = first.trajectory, second.trajectory
    require_same_molecule(md_frames.topology, drawn.topology, samples)
    md = _record(reference.parent / "md.json", md_frames.n_frames, lambda record: record["boundaries"][-1])
    sampling = _record(samples.parent / "sampling.json", drawn.n_frames, lambda record: record["samples"]["generated"])
    chains = recorded_chains(samples, drawn.n_frames)
    if chains is None:
        chains = _runs(second)
        if samples.suffix.lower() == ".xtc":
            sampling = {}  # it is of another file
    boundaries = md.get("boundaries", [*first.run_starts, md_frames.n_frames])
    interval = md.get("production", {}).get("frame_interval_ps") or first.interval_ps
    for what, side in (("reference", first), ("samples", second)):
        notes += [f"The {what}: {note}." for note in side.notes]
    if not md:
        runs = "one replica" if len(boundaries) == 2 else f"{len(boundaries) - 1} replicas, since its times fall back"
        notes.append(f"The reference has no record beside it: {runs}, wall clock unknown.")
    if not sampling:
        count = len(np.unique(chains))
        runs = "one chain" if count == 1 else f"{count} chains, since their times fall back"
        notes.append(f"The samples have no record beside them: {runs}, wall clock unknown.")
    return Inputs(
        Ensemble(md_frames, replica_of_frames(boundaries)),
        Ensemble(drawn, chains),
        md,
        sampling,
        interval,
        boundaries,
        notes,
    )


def _runs(side: PeptideTrajectory) -> np.ndarray:
    """Run of each frame (F,): one ends where times fall back."""
    starts = np.zeros(side.trajectory.n_frames, dtype=np.int64)
    starts[side.run_starts[1:]] = 1
    return np.cumsum(starts)


def _head(inputs: Inputs, reference: Path, samples: Path) -> dict[str, Any]:
    """What was compared: the same keys as in the workflow's results."""
    names = [r.name for r in inputs.reference.trajectory.topology.residues if r.name not in CAPS]
    return {
        "dataset": None,
        "model": inputs.sampling.get("model") or samples.stem,
        "peptide": inputs.md.get("peptide") or "-".join(names),
        "reference": {
            "file": str(reference),
            "frames": inputs.reference.n_frames,
            "frame_interval_ps": inputs.interval_ps,
            "replicas": len(inputs.boundaries) - 1,
            "seconds": inputs.md.get("production", {}).get("seconds"),
        },
        "samples": {
            "file": str(samples),
            "frames": inputs.samples.n_frames,
            "chains": len(np.unique(inputs.samples.chains)),
            "walk_steps_per_sample": inputs.sampling.get("settings", {}).get("stride", 1),
            "seconds": inputs.sampling_seconds,
        },
    }


def _markov_features(
    torsions: list, angles: tuple[np.ndarray, np.ndarray], inputs: Inputs, accepted: np.ndarray | None
) -> dict[str, np.ndarray]:
    """What the Markov state model is built from, as `msm_features_to_file` writes it."""
    kept = without_omega(torsions)
    chosen = [torsions[column] for column in kept]
    pairs = np.array(phi_psi_pairs(chosen), dtype=np.int64).reshape(-1, 2)
    not_told = none_rejected(accepted)
    return {
        "reference_torsions": angles[0][:, kept],
        "reference_boundaries": np.asarray(inputs.boundaries, dtype=np.int64),
        "samples_torsions": angles[1][:, kept],
        "samples_chain": inputs.samples.chains,
        "samples_accepted": np.zeros(0, dtype=bool) if not_told or accepted is None else accepted,
        "accepted_reason": np.array(not_told or "", dtype=np.str_),
        "phi_psi": pairs,
        "residue_labels": np.array(
            [f"{chosen[phi].residue_name.capitalize()}{chosen[phi].residue}" for phi, _ in pairs], dtype=np.str_
        ),
    }


def evaluate_to_files(
    reference: Path,
    samples: Path,
    topology: Path,
    samples_topology: Path | None,
    settings: Configuration,
    out: Path,
) -> str:
    """Evaluate `samples` against `reference`; returns a table of the main numbers.

    Writes comparison, physicality, msm and dynamics to `out`, each as .json and .npz with the workflow's definitions,
    and figures/. Raises what load_inputs raises.
    """
    inputs = load_inputs(reference, samples, topology, samples_topology)
    chosen, head = settings.evaluation, _head(inputs, reference, samples)
    torsions, md_angles = compute_torsions(inputs.reference.trajectory)
    _, angles = compute_torsions(inputs.samples.trajectory)
    # Where the folder's record is of another file, so are the flags.
    other = not inputs.sampling and (samples.parent / "sampling.json").is_file()
    flags = None if other else read_flags(samples, inputs.samples.n_frames)
    accepted = None if flags is None else flags["accepted"]
    counts = None if flags is None else {name: int(values.sum()) for name, values in flags.items()}
    step, unit = inputs.interval_ps or 1.0, "ps" if inputs.interval_ps else "frames"
    series = (
        Series(md_angles, inputs.reference.chains, head["reference"]["seconds"], step, unit),
        Series(angles, inputs.samples.chains, inputs.sampling_seconds, 1.0, "samples"),
    )
    # The model takes about as long as all else, and runs beside it.
    features = _markov_features(torsions, (md_angles, angles), inputs, accepted)
    with MarkovModel(features, chosen.msm.model_dump()) as markov_model:
        found = {
            "comparison": compare(
                md_angles,
                inputs.reference.chains,
                angles,
                inputs.samples.chains,
                torsions,
                chosen,
                inputs.md_seconds_per_frame,
                inputs.sampling_seconds,
            ),
            "physicality": physicality(
                inputs.reference,
                inputs.samples,
                accepted,
                inputs.md.get("settings", {}).get("temperature"),
                chosen.physicality,
                chosen.ramachandran_bins,
            ),
            "dynamics": dynamics(*series, torsions, chosen.dynamics, inputs.md_seconds_per_frame, accepted),
            "msm": markov_model.result(),
        }
    made_by = {"provenance": provenance("mdtraj", "numpy", "scipy", "deeptime")}
    found["comparison"][0].update(
        compare_accepted(accepted, md_angles, inputs.reference.chains, angles, inputs.samples.chains, torsions, chosen)
    )
    for name, (result, arrays) in found.items():
        notes = {"notes": inputs.notes + result.get("notes", [])}
        described = head | {"samples": head["samples"] | {"flags": counts}} if name == "physicality" else head
        write_npz(out / f"{name}.npz", arrays)
        write_json(out / f"{name}.json", described | result | notes | made_by)
    _draw(out, head["peptide"], settings.figures)
    return table({name: result for name, (result, _) in found.items()}, head)


def _draw(out: Path, peptide: str, settings: FigureSettings) -> None:
    """Every figure that the files in `out` have."""
    from jamun.figures.convergence import convergence_to_files
    from jamun.figures.dynamics import dynamics_to_files
    from jamun.figures.msm import msm_to_files
    from jamun.figures.physicality import physicality_to_files
    from jamun.figures.ramachandran import ramachandran_to_files
    from jamun.figures.torsions import torsions_to_files

    def pictures(name: str) -> tuple[Path, Path]:
        return out / "figures" / f"{name}.png", out / "figures" / f"{name}.pdf"

    comparison = out / "comparison.json", out / "comparison.npz"
    ramachandran_to_files(*comparison, settings, *pictures("ramachandran"))
    torsions_to_files(*comparison, settings, *pictures("torsions"))
    convergence_to_files(comparison[0], settings, *pictures("convergence"))
    dynamics_to_files(out / "dynamics.json", out / "dynamics.npz", settings, *pictures("dynamics"))
    msm_to_files(out / "msm.json", out / "msm.npz", settings, *pictures("msm"), peptide=peptide)
    physicality_to_files(out / "physicality.json", out / "physicality.npz", settings, *pictures("physicality"))


# What the table says of the library of the Markov state model.
_LIBRARY = {
    "deeptime": "deeptime (PyEMMA's, where its environment .venv-pyemma is here and evaluation.msm.backend is auto)",
    "pyemma": "PyEMMA",
}


def _rows(found: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any], Any, float]]:
    """Words, number, the MD's halves, and the factor to the unit in the words."""
    js, halves = found["comparison"]["js"], found["comparison"]["baselines"]["md_halves"]
    raw = found["physicality"]["raw"]
    rows = [
        (f"JS {words}", js[group], (halves[group] or {}).get("value"), 1.0)
        for group, words in {
            "backbone": "backbone",
            "side_chain": "side chain",
            "all": "all torsions",
            "ramachandran": "phi, psi",
        }.items()
    ]
    rows.append(("JS macrostates", found["msm"]["js"], None, 1.0))
    for name, words in {"tica_0": "JS TICA-0", "tica_01": "JS TICA-0,1", "torsion_w2": "torsion W2 (rad)"}.items():
        floor = (found["dynamics"]["baselines"]["md_halves"].get(name) or {}).get("value")
        rows.append((words, found["dynamics"]["distances"][name], floor, 1.0))
    rows += [
        ("bonds W1 (pm)", raw["bonds"]["w1"], raw["bonds"]["w1"].get("md_halves"), 1000.0),
        ("angles W1 (deg)", raw["angles"]["w1"], raw["angles"]["w1"].get("md_halves"), 180 / np.pi),
    ]
    for name, words in {
        "physical": "physical frames (%)",
        "broken": "bond broken (%)",
        "inverted": "centre inverted (%)",
        "clash": "atoms clash (%)",
    }.items():
        rows.append((words, raw["shares"][name], np.mean(raw["shares"][name]["md_halves"]), 100.0))
    for name, words in {"coverage": "basins visited (%)", "unseen": "unseen by MD (%)"}.items():
        halves_of = raw["basins"][name].get("md_halves")
        rows.append((words, raw["basins"][name], None if halves_of is None else np.mean(halves_of), 100.0))
    return rows


class MainNumber(NamedTuple):
    """A row of the table, in the unit that its words name; None where there is no number."""

    words: str
    value: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    """Upper end of the 95 % interval."""
    halves: float | None
    """The same number between halves of the reference."""


def main_numbers(found: dict[str, dict[str, Any]]) -> list[MainNumber]:
    """The rows of the table. `found` holds the results of comparison, physicality, msm and dynamics."""

    def row(words: str, number: dict[str, Any], halves: Any, factor: float) -> MainNumber:
        values = (number["value"], number.get("low"), number.get("high"), halves)
        return MainNumber(words, *(None if value is None else factor * float(value) for value in values))

    return [row(*each) for each in _rows(found)]


def table(found: dict[str, dict[str, Any]], head: dict[str, Any]) -> str:
    """The main numbers with their intervals and the MD's own halves, as lines of text; or why there is none."""
    frames = head["samples"]["frames"], head["reference"]["frames"]
    lines = [
        f"{head['peptide']}: {frames[0]:,} samples against {frames[1]:,} frames of reference",
        f"{'':<22}{'value':>9}{'low':>9}{'high':>9}{'MD halves':>11}",
    ]
    reasons = [number.get("reason", "") for _, number, _, _ in _rows(found)]
    for (words, *cells), reason in zip(main_numbers(found), reasons, strict=True):
        if cells[0] is None:
            lines.append(f"{words:<22}{'-':>9}  {reason}".rstrip())
            continue
        texts = ["-" if cell is None else f"{cell:.3f}" for cell in cells]
        lines.append(f"{words:<22}{texts[0]:>9}{texts[1]:>9}{texts[2]:>9}{texts[3]:>11}")
    lines.append(f"Markov state model by {_LIBRARY[found['msm']['backend']]}.")
    return "\n".join(lines)
