"""Reference MD and samples of one molecule, in memory: what every analysis reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from jamun.config.simulate import GPU_PLATFORMS
from jamun.data.weights import effective_share
from jamun.evaluation.ensembles import (
    EvaluationError,
    frame_chains,
    read_flags,
    read_trajectory,
    read_weights,
    require_same_molecule,
    weights_beside,
)
from jamun.evaluation.runs import replica_of_frames, stopped_notes
from jamun.io.atomic import read_json
from jamun.io.text import plural
from jamun.peptides.bias import require_plain
from jamun.peptides.torsions import Torsion, compute_torsions, phi_psi_pairs

# What an analysis returns: the entries of its JSON, and the arrays of its NPZ.
Result = tuple[dict[str, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Clock:
    """Time of an ensemble, on the wall and in the simulation.

    seconds: wall clock of all frames; None where it is not known.
    seconds_per_frame: wall clock of one frame; None where it is not known.
    step: time from one frame to the next, in `unit`.
    unit: "ps", "frames" or "samples".
    """

    seconds: float | None = None
    seconds_per_frame: float | None = None
    step: float = 1.0
    unit: str = "frames"

    @classmethod
    def of_md(cls, production: Mapping[str, Any], interval: float | None) -> "Clock":
        """That of MD, by what its record tells of the production, and the time between its frames, ps, if known."""
        unit = "ps" if interval else "frames"
        return cls(production.get("seconds"), production.get("seconds_per_frame"), interval or 1.0, unit)

    @classmethod
    def of_samples(cls, record: Mapping[str, Any], frames: int) -> "Clock":
        """That of so many samples, by the record of their sampling."""
        seconds = record.get("seconds")
        return cls(seconds, seconds / frames if seconds else None, 1.0, "samples")


@dataclass(frozen=True)
class Ensemble:
    """Frames of one molecule.

    torsions: the K torsions that `angles` are of.
    angles: (F, K) radians on (-pi, pi].
    chains: (F,) chain or replica of each frame. Replicas of MD follow one another.
    clock: its times.
    weights: (F,) statistical weight of each frame, mean 1; None where all frames count alike.
    positions: (F, N, 3) heavy atoms, nm; None where only angles are compared.
    topology: of those atoms; None likewise.
    """

    torsions: list[Torsion]
    angles: np.ndarray
    chains: np.ndarray
    clock: Clock = field(default_factory=Clock)
    weights: np.ndarray | None = None
    positions: np.ndarray | None = None
    topology: mdtraj.Topology | None = None

    def __len__(self) -> int:
        return len(self.angles)

    @property
    def pairs(self) -> np.ndarray:
        """Columns (P, 2) of phi and psi of every residue that has both."""
        return np.array(phi_psi_pairs(self.torsions), dtype=np.int64).reshape(-1, 2)

    def placed(self) -> np.ndarray:
        """The positions (F, N, 3) of an ensemble that was read with them."""
        assert self.positions is not None, "files have positions"
        return self.positions

    def chosen(self, frames: slice | np.ndarray) -> "Ensemble":
        """Some of the frames, by a slice or a mask; the clock stays that of all."""
        return replace(
            self,
            angles=self.angles[frames],
            chains=self.chains[frames],
            weights=None if self.weights is None else self.weights[frames],
            positions=None if self.positions is None else self.positions[frames],
        )


@dataclass(frozen=True)
class Pair:
    """Reference MD and samples of one molecule, and what is known of them.

    reference: the MD.
    samples: the samples, of the same torsions.
    accepted: (S,) whether the sampler accepted each sample; None where it judged none.
    temperature: of the MD, K; None where it is not known.
    described: what a result says of both: entries dataset, model, peptide, reference and samples.
    clock_notes: sentences on what makes the two wall clocks differ other than the methods.
    loss_notes: sentences on chains that were stopped.
    notes: sentences on how the files were read.
    """

    reference: Ensemble
    samples: Ensemble
    accepted: np.ndarray | None = None
    temperature: float | None = None
    described: dict[str, Any] = field(default_factory=dict)
    clock_notes: list[str] = field(default_factory=list)
    loss_notes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def torsions(self) -> list[Torsion]:
        """The torsions (K) of both."""
        return self.reference.torsions

    def frames_at_equal_wall_clock(self) -> tuple[int | None, str | None]:
        """MD frames that the sampler's wall clock buys, or None and the reason."""
        frames = len(self.reference)
        each, seconds = self.reference.clock.seconds_per_frame, self.samples.clock.seconds
        if not each or not seconds:
            return None, "the wall clock of the MD or of the sampling is not recorded"
        bought = int(seconds / each)
        if bought < 1:
            return None, "the sampler took less wall clock than one MD frame"
        if bought >= frames:
            return None, f"the sampler took the wall clock of {bought:,} MD frames, more than the {frames:,} there are"
        return bought, None


def some_rejected(accepted: np.ndarray | None, weights: np.ndarray | None) -> tuple[np.ndarray | None, str | None]:
    """`accepted` (F,) where it leaves some frames out; else None and why accepted samples cannot be told from all.
    `weights` (F,) are the frames'; None where all count alike."""
    if accepted is None:
        return None, "the sampler has not judged its frames"
    if accepted.all():
        return None, "the sampler accepted every frame"
    if accepted.sum() < 2:
        return None, "the sampler accepted fewer than two frames"
    if weights is not None and not weights[accepted].sum() > 0:
        return None, "the frames that the sampler accepted weigh nothing"
    return accepted, None


def of_accepted(
    samples: Ensemble, accepted: np.ndarray | None, judge: Callable[[np.ndarray], dict[str, Any]]
) -> dict[str, Any]:
    """What a result says of accepted samples alone: entry `accepted`, what `judge` finds of their mask (F,), which is
    `accepted`; None with `accepted_reason` where they cannot be told from all."""
    kept, reason = some_rejected(accepted, samples.weights)
    found = None if kept is None else {"frames": int(kept.sum())} | judge(kept)
    return {"accepted": found, "accepted_reason": reason}


# From files


@dataclass(frozen=True)
class Files:
    """The files of one ensemble.

    trajectory: XTC or another format that MDTraj reads. Beside samples, flags.npz and weights.npz are read.
    topology: its atoms, PDB.
    record: JSON of its simulation or of its sampling; None where it is not read.
    weights: NPZ of the weights of MD; None where all frames count alike, whatever lies beside them.
    """

    trajectory: Path
    topology: Path
    record: Path | None = None
    weights: Path | None = None

    def read_record(self) -> dict[str, Any]:
        """The record; empty where there is none to read."""
        return {} if self.record is None else read_json(self.record)


def ensemble_of(trajectory: mdtraj.Trajectory, chains: np.ndarray, clock: Clock, weights: Path | None) -> Ensemble:
    """An ensemble of F frames of heavy atoms, the chain or replica of each (F,), and the file of their weights. Raises
    EvaluationError for weights that cannot be read or are not of the frames."""
    torsions, angles = compute_torsions(trajectory)
    read = read_weights(weights, trajectory.n_frames)
    return Ensemble(torsions, angles, chains, clock, read, trajectory.xyz, trajectory.topology)


def read_reference(files: Files) -> tuple[Ensemble, dict[str, Any]]:
    """Reference MD and its record. Raises EvaluationError for files that cannot be read or do not fit each other,
    BiasError for MD with a bias."""
    record = files.read_record()
    require_plain(record, files.trajectory)
    md = read_trajectory(files.trajectory, files.topology).trajectory
    boundaries, production = record["boundaries"], record["production"]
    if boundaries[-1] != md.n_frames:
        raise EvaluationError(f"{files.trajectory}: {md.n_frames} frames, but its record tells of {boundaries[-1]}.")
    clock = Clock.of_md(production, production["frame_interval_ps"])
    return ensemble_of(md, replica_of_frames(boundaries), clock, files.weights), record


def read_samples(files: Files, topology: mdtraj.Topology) -> tuple[Ensemble, dict[str, Any]]:
    """Samples of the molecule of `topology`, heavy atoms, and their record, empty where the files have none.

    Raises EvaluationError for files that cannot be read, do not fit each other, or are of another molecule.
    """
    record = files.read_record()
    drawn = read_trajectory(files.trajectory, files.topology).trajectory
    require_same_molecule(topology, drawn.topology, files.trajectory)
    clock = Clock.of_samples(record, drawn.n_frames)
    chains = frame_chains(files.trajectory, drawn.n_frames)
    return ensemble_of(drawn, chains, clock, weights_beside(files.trajectory)), record


def read_pair(reference: Files, samples: Files, dataset: str, model: str, peptide: str) -> Pair:
    """A peptide's MD, whose record is needed, and its samples by one model; names are for the result.

    Raises EvaluationError for files that cannot be read, do not fit each other or are of two molecules.
    """
    md, md_record = read_reference(reference)
    drawn, record = read_samples(samples, md.topology)
    flags = read_flags(samples.trajectory, len(drawn))
    names = {"dataset": dataset, "model": model, "peptide": peptide}
    return pair_of((md, reference.trajectory, md_record), (drawn, samples.trajectory, record), flags, names)


def pair_of(
    reference: tuple[Ensemble, Path, dict[str, Any]],
    samples: tuple[Ensemble, Path, dict[str, Any]],
    flags: dict[str, np.ndarray] | None,
    names: Mapping[str, str | None],
    notes: list[str] | None = None,
) -> Pair:
    """A pair from two ensembles, each with its file and its record, of which nothing need be known.

    Args:
        reference: The MD, its trajectory's file, and its md.json or {}.
        samples: The samples, their file, and their sampling.json or {}.
        flags: The sampler's verdicts (S,), at least `accepted`; None where it judged none.
        names: Entries dataset, model and peptide of the result.
        notes: Sentences on how the files were read.
    """
    (md, md_file, md_record), (drawn, file, record) = reference, samples
    described = dict(names) | {
        "reference": {
            "file": str(md_file),
            "frames": len(md),
            "frame_interval_ps": md.clock.step if md.clock.unit == "ps" else None,
            "replicas": len(np.unique(md.chains)),
            "seconds": md.clock.seconds,
        }
        | _machine(md_record, md_record.get("platform"))
        | _weighted(md),
        "samples": {
            "file": str(file),
            "frames": len(drawn),
            "chains": record.get("chains", len(np.unique(drawn.chains))),
            "flags": None if flags is None else {name: int(values.sum()) for name, values in flags.items()},
            # No walk made samples of another program, or frames of MD.
            "walk_steps_per_sample": None if "import" in record else record.get("settings", {}).get("stride"),
            "seconds": drawn.clock.seconds,
            "outside_training": record.get("outside_training"),
        }
        | _machine(record, record.get("device"))
        | _weighted(drawn),
    }
    return Pair(
        md,
        drawn,
        None if flags is None else flags["accepted"],
        md_record.get("settings", {}).get("temperature"),
        described,
        _clock_notes(md_record, record) if md_record and record else [],
        stopped_notes(record),
        [*(notes or []), *_weight_notes(md, "MD frames"), *_weight_notes(drawn, "samples")],
    )


def _machine(record: dict[str, Any], device: str | None) -> dict[str, str | None]:
    """What an ensemble ran on; no processor of an import, whose record tells of the machine that imported it."""
    known = device is not None and "import" not in record
    return {"processor": record["provenance"]["processor"] if known else None, "device": device}


def _weighted(ensemble: Ensemble) -> dict[str, float]:
    """What a result says of weights, where there are any."""
    if ensemble.weights is None:
        return {}
    return {"effective_frames": effective_share(ensemble.weights) * len(ensemble)}


def _weight_notes(ensemble: Ensemble, what: str) -> list[str]:
    if ensemble.weights is None:
        return []
    effective = effective_share(ensemble.weights) * len(ensemble)
    return [f"The {what} are weighted: {effective:,.0f} effective of {len(ensemble):,}."]


def _clock_notes(md: dict[str, Any], sampling: dict[str, Any]) -> list[str]:
    """Sentences on what makes the two wall clocks differ other than the methods."""
    platform, device = md["platform"], sampling["device"]
    if platform is None:
        return ["The MD was imported; what it ran on is not known."]
    if "import" in sampling:
        where = device or "what is not known"
        return [f"The samples were made elsewhere, on {where}: wall clocks are of different machines."]
    first, second = md["provenance"]["processor"], sampling["provenance"]["processor"]
    notes = []
    if first != second:
        notes.append(f"MD ran on {first}, sampling on {second}: wall clocks are of different machines.")
    if (platform in GPU_PLATFORMS) != (device != "cpu"):
        notes.append(f"MD ran on {platform}, sampling on {device}: wall clocks are of different devices.")
    if md["threads"] != sampling["threads"] and device == "cpu":
        notes.append(f"MD ran on {plural(md['threads'], 'thread')}, sampling on {sampling['threads']}.")
    return notes
