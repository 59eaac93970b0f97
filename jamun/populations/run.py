"""Populations of one peptide, from files to files: seeds from samples, rounds of short MD, weights."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import openmm
from mdtraj.formats import XTCTrajectoryFile

from jamun.config.peptides import Form
from jamun.config.populations import OF_SIMULATE, PopulationSettings
from jamun.config.simulate import SimulateSettings
from jamun.data.weights import effective_share
from jamun.io.atomic import atomic_path, read_json, read_npz, write_json, write_npz
from jamun.io.disk import file_sha256, leave, locked
from jamun.io.log import Interrupted, UserError
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.io.signals import StopRequest, stop_requests
from jamun.peptides.bias import Bias
from jamun.peptides.checks import mirrored_residues, peptide_of
from jamun.peptides.hydrogens import AllAtoms, SeedError
from jamun.peptides.sequences import CAPS, Peptide
from jamun.peptides.torsions import compute_torsions, phi_psi_pairs, torsions_of
from jamun.peptides.writing import save_structure
from jamun.populations.barriers import biased_system, free_energies, lowering
from jamun.populations.basins_table import basins
from jamun.populations.residues import (
    PeptideRuns,
    Pool,
    ResidueSettings,
    StepResult,
    choose_lag,
    step_results,
    weights_by,
)
from jamun.populations.seeds import seeds_of_round
from jamun.populations.short_md import RunSettings, ShortRun, read_run, run_all, run_batched, seconds_of
from jamun.populations.steps import CHI1, HELICAL, SIDE_OF_PHI, TORSIONS
from jamun.simulate.platform import choose
from jamun.simulate.run import on_device
from jamun.simulate.system import make_member
from jamun.trajectories.peptide import PeptideTrajectory, read_peptide, recorded_chains

logger = logging.getLogger(__name__)

# Lags that are tried, in frames; the longest is a quarter of the shortest run.
_LAGS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_BINS = 60
_NOTHING_TURNS = "it has no phi, psi or chi1 that turns, so no populations."
# Settings that may change from one run to the next that goes on with it.
_FREE = ("budget", "target", "models")
# Weights of frames are not bounded as those of training frames are.
_SMALLEST, _LARGEST = 0.0, 1e6


class PopulationError(UserError):
    """Samples or MD from which no populations can be had."""


@dataclass(frozen=True)
class PeptideFrames:
    """Frames of heavy atoms of one peptide: samples, or several runs of MD.

    topology: of the heavy atoms.
    runs: positions (F, H, 3) in nm of each.
    frame_interval: ps; of samples without meaning.
    bias: that they were made with; None without one.
    """

    topology: mdtraj.Topology
    runs: list[np.ndarray]
    frame_interval: float
    bias: Bias | None = None

    def torsions(self, peptide: str) -> PeptideRuns:
        """Their torsions."""
        found = [compute_torsions(mdtraj.Trajectory(run, self.topology)) for run in self.runs]
        torsions, angles = found[0][0], [own for _, own in found]
        bias = None if self.bias is None else [self.bias.energy(torsions, own) for own in angles]
        mirrored = mirrored_residues(self.topology, np.concatenate(self.runs))
        return PeptideRuns(peptide, torsions, angles, self.frame_interval, bias, mirrored)


def _taken_in(file: Path, topology: Path) -> PeptideTrajectory:
    """The peptide in a trajectory file, checked as any trajectory is; what was put right is told in the log."""
    found = read_peptide(file, topology)
    if found.odd_bond is not None:
        raise PopulationError(f"{file}: cannot be read with {topology}: {found.odd_bond}; give its own topology.")
    for note in found.notes:
        logger.warning("%s: %s", file, note)
    return found


def read_samples(file: Path, topology: Path, flags: Path | None = None) -> PeptideFrames:
    """Samples of a peptide in a trajectory file, those that `flags` accepts; of a file that was sampled here, the flags
    beside it. Raises UserError for files that cannot be read or do not fit, and for MD with lowered barriers."""
    if _bias_of(file) is not None:
        raise PopulationError(
            f"{file}: MD with lowered barriers is no sample of the peptide; give it as --md, which takes the bias off."
        )
    found = _taken_in(file, topology).trajectory
    beside = file.parent / "flags.npz"
    if flags is None and beside.is_file() and recorded_chains(file, len(found)) is not None:
        flags = beside
    if flags is None:
        return PeptideFrames(found.topology, [found.xyz], 1.0)
    accepted = read_npz(flags).get("accepted")
    if accepted is None or accepted.shape != (len(found),):
        raise PopulationError(f"{flags}: is not of the {len(found)} samples in {file}; sample again.")
    if not accepted.any():
        raise PopulationError(f"{file}: none of its {len(found)} samples is accepted; draw others.")
    return PeptideFrames(found.topology, [found.xyz[accepted]], 1.0)


def read_md(files: Sequence[Path], topology: Path, frame_interval: float | None = None) -> PeptideFrames:
    """MD of a peptide in trajectory files: a run each, or several where times fall back.

    `frame_interval` in ps; None for that of the times in the files. The md.xtc of populations has the bias that lies
    beside it. Raises UserError for files that cannot be read or do not fit, one that is given twice, several biases,
    and times that tell no interval, or several.
    """
    if len({file.resolve() for file in files}) < len(files):
        raise PopulationError(f"{files[0].parent}: a file of MD is given twice; give each once.")
    read = [_taken_in(file, topology) for file in files]
    interval = frame_interval or read[0].interval_ps or 0.0  # which fits no times
    for file, found in zip(files, read, strict=True):
        stored = found.interval_ps
        fits = stored is not None and np.isclose(stored, interval, rtol=1e-3)
        if frame_interval is None and not fits:
            raise PopulationError(
                f"{file}: its times do not tell the one interval of all frames; give it in ps (--frame-interval)."
            )
        if stored is not None and not fits:
            logger.warning(
                "%s: its times are %g ps apart; taken as %g ps apart, as told (--frame-interval).",
                file,
                stored,
                interval,
            )
    biases = [_bias_of(file) for file in files]
    if any(bias != biases[0] for bias in biases):
        raise PopulationError(
            f"{files[0].parent}: files of MD were made with different biases of their barriers; give those of one bias."
        )
    runs = [run for found in read for run in np.split(found.trajectory.xyz, found.run_starts[1:])]
    bias = None if biases[0] is None else Bias.of_told(biases[0])
    return PeptideFrames(read[0].trajectory.topology, runs, interval, bias)


def _bias_of(file: Path) -> list[dict[str, Any]] | None:
    """What is told of the bias that the frames of a file were made with, beside which their populations lie."""
    record = file.with_name("populations.json")
    if file.name != "md.xtc" or not record.is_file():
        return None
    told: list[dict[str, Any]] | None = read_json(record).get("bias")
    return told


def require_peptide(frames: PeptideFrames, peptide: Peptide, form: Form, where: Path) -> None:
    """Raises PopulationError unless frames are of the peptide: residues, their hands, ends, ring and disulphides; where
    its sequence does not tell the ends, they are of `form`."""
    found = peptide_of(frames.topology, np.concatenate(frames.runs))
    caps = [residue.name for residue in frames.topology.residues if residue.name in CAPS]
    capped = not peptide.ring and peptide.form(form) == "capped"
    same = found.molecule("uncapped") == replace(peptide, ends=None).molecule("uncapped")
    if same and caps == (["ACE", "NME"] if capped else []):
        return
    there = f"{found.letters} {'with ' + ' and '.join(caps) if caps else 'without caps'}"
    raise PopulationError(
        f"{where}: holds {there}, and the sequence given is {peptide.letters}, {'' if capped else 'not '}capped; "
        "correct one of the two (H-AW-OH is not capped, Ac-AW-NHMe is)."
    )


@dataclass(frozen=True)
class PopulationFolders:
    """Where the populations of one peptide lie.

    out: what is published.
    work: what is not finished.
    slots: of jobs that share GPUs; None where no others do.
    """

    out: Path
    work: Path
    slots: Path | None = None


class _Rounds:
    """Short MD of one peptide in rounds; all that is made lies in `work`."""

    def __init__(
        self,
        peptide: str,
        pdb: Path,
        samples: PeptideFrames,
        simulate: SimulateSettings,
        settings: PopulationSettings,
        work: Path,
    ) -> None:
        if simulate.solvent != "implicit":
            raise PopulationError(
                "populations: short MD is made in implicit solvent; set simulate.solvent to implicit, or give your own "
                "MD (--md)."
            )
        self.all_atoms = AllAtoms.read(pdb)
        try:
            self.all_atoms.require(samples.topology)
        except SeedError as error:
            raise PopulationError(f"{pdb}: {error}") from None
        self.peptide, self.samples, self.settings, self.work = peptide, samples, settings, work
        self.member = make_member(pdb, simulate)
        steps = max(1, round(settings.frame_interval / (simulate.timestep * 1e-3)))
        self.interval = steps * simulate.timestep * 1e-3
        warm_up = round(settings.warm_up / self.interval)
        self.frames = round(settings.run / self.interval) - warm_up
        # They are many, so that they start in many states, and half as long.
        self.frames_of_first = max(1, self.frames // 2)
        system = openmm.XmlSerializer.serialize(self.member.system)
        self.platform, properties = choose(simulate, 1)
        self.run_settings = RunSettings(
            system, simulate, steps, warm_up, self.frames, self.all_atoms.heavy, self.platform.getName(), properties
        )
        self.angles = samples.torsions(peptide)
        self.steps = self.angles.steps
        self._require_possible()
        self.bias: Bias | None = None
        self.refused = 0

    @property
    def per_run(self) -> float:
        """MD of a run, ps."""
        return (self.frames + self.run_settings.warm_up) * self.interval

    @property
    def per_first(self) -> float:
        """MD of one of the runs that tell where barriers are, ps."""
        return (self.frames_of_first + self.run_settings.warm_up) * self.interval

    def _require_possible(self) -> None:
        """Raises PopulationError, before any MD, for settings that it could not come to an end with."""
        settings, barriers = self.settings, self.settings.barriers
        if not self.steps:
            raise PopulationError(f"{self.peptide}: {_NOTHING_TURNS}")
        if self.frames < 4:
            raise PopulationError(
                f"populations.run: {self.frames} frames of {self.interval:g} ps, whole time steps; 4 are the least: "
                "give longer runs."
            )
        if settings.lag is not None and settings.lag > self.frames * self.interval / 2:
            raise PopulationError(
                f"populations.lag: {settings.lag:g} ps is more than half of a run of {self.frames * self.interval:g} "
                "ps; lower it, or give longer runs."
            )
        first = 0.0 if barriers.height is None else 2 * barriers.runs * self.per_first
        if first + self.per_run > settings.budget + 1e-6:
            raise PopulationError(
                f"populations.budget: {settings.budget:g} ps leave no run of {self.per_run:g} ps after {first:g} ps "
                "that tell where barriers are; raise it, or take fewer barriers.runs."
            )

    def lower_barriers(
        self, height: float, properties: dict[str, str], processes: int, stop: StopRequest
    ) -> Iterator[Path]:
        """Lower barriers of the slow torsions to `height` kT in all other runs: by hot runs, and then by runs with the
        bias of these. Gives the path of each as it is there. Raises what `make` does."""
        barriers, simulate, member = self.settings.barriers, self.run_settings.simulate, self.member
        slow = {(step.residue.place, TORSIONS[step.name]) for step in self.steps}
        torsions, atoms = torsions_of(self.samples.topology)
        columns = [n for n, torsion in enumerate(torsions) if (torsion.residue, torsion.kind) in slow]
        lowest = np.full((len(columns), 1), np.inf)
        for name, temperature in (("hot", barriers.temperature), ("first", simulate.temperature)):
            runs = self.runs(name, [], barriers.runs)
            at = simulate.model_copy(update={"temperature": temperature})
            shorter = replace(self.run_settings, simulate=at, frames=self.frames_of_first)
            yield from self.make(runs, shorter, properties, processes, stop)
            made = PeptideFrames(self.samples.topology, [read_run(run.path) for run in runs], self.interval)
            angles = np.concatenate(made.torsions(self.peptide).runs)[:, columns]
            # Each has too high a barrier where it has seen nothing; hot MD, too, where a barrier is one of entropy.
            lowest = np.minimum(lowest, free_energies(angles, temperature / simulate.temperature, self.bias))
            self.bias = lowering([torsions[n] for n in columns], lowest, height)
            own = self.all_atoms.heavy[atoms[columns]]
            system = biased_system(member.system, self.bias, own, simulate.temperature)
            self.member = replace(member, system=system)
            self.run_settings = replace(self.run_settings, system=openmm.XmlSerializer.serialize(system))

    def runs(self, number: int | str, results: list[StepResult], n_seeds: int) -> list[ShortRun]:
        """The runs of one round; the same each time it is asked."""
        generator = np.random.default_rng(derived_seed(self.settings.seed, self.peptide, "seeds", number))
        chosen = seeds_of_round(self.steps, results, n_seeds, generator)
        starts, good = self.all_atoms.relaxed(np.concatenate(self.samples.runs)[chosen])
        self.refused += int((~good).sum())
        if not good.any():
            raise PopulationError(
                f"{self.peptide}: none of {n_seeds} samples can be simulated, since a stereocentre is of the wrong "
                "hand or contacts do not relax; give other samples."
            )
        return [
            ShortRun(
                self.work / f"run_{number:0>3}_{place:05d}.npz",
                starts[place],
                derived_seed(self.settings.seed, self.peptide, "run", number, int(place)),
            )
            for place in np.flatnonzero(good)
        ]

    def make(
        self,
        runs: list[ShortRun],
        settings: RunSettings,
        properties: dict[str, str],
        processes: int,
        stop: StopRequest,
    ) -> Iterator[Path]:
        """Make the runs of one round, with these properties of the platform; gives the path of each as it is there.
        Raises Interrupted at SIGTERM, with all finished runs saved."""
        settings, made = replace(settings, properties=properties), 0
        if settings.batched:
            found = iter(run_batched(runs, settings, self.member, lambda: stop.signal is not None))
        else:
            found = run_all(runs, settings, processes)
        for path in found:
            made += 1
            yield path
            if stop.signal is not None:
                break
        if stop.signal is not None:
            raise Interrupted(
                f"{self.peptide}: {stop.signal} after {made} of {len(runs)} runs of a round; the same command goes on "
                "with them."
            )


def residue_settings(settings: PopulationSettings, lag: float) -> ResidueSettings:
    """Those of the models; lag in ps."""
    error = settings.model_error
    return ResidueSettings(
        lag=lag,
        strength=settings.strength,
        seed=settings.seed,
        smallest=_SMALLEST,
        largest=_LARGEST,
        joint=True,
        model_error={SIDE_OF_PHI: error.phi, HELICAL: error.psi, CHI1: error.chi1},
    )


def estimate(
    runs: PeptideRuns, samples: PeptideRuns | None, settings: PopulationSettings
) -> tuple[list[StepResult], dict[str, Any]]:
    """What the steps of a peptide say by its runs, and, where they say nothing of a barrier, by its samples; and how
    the lag was chosen."""
    if not runs.steps:
        raise PopulationError(f"{runs.peptide}: {_NOTHING_TURNS}")
    shortest = min(map(len, runs.runs))
    candidates = [lag * runs.frame_interval for lag in _LAGS if 4 * lag <= shortest]
    if not candidates:
        raise PopulationError(f"{runs.peptide}: a run has only {shortest} frames; 4 are the least.")
    lag, timescales = choose_lag(runs, candidates)
    if settings.lag is not None:
        lag = settings.lag
    if lag > shortest * runs.frame_interval / 2:
        raise PopulationError(
            f"{runs.peptide}: a lag of {lag:g} ps is more than half of the shortest run; lower populations.lag."
        )
    results = step_results(runs, Pool(lag), residue_settings(settings, lag), samples)
    return results, {
        "lag_ps": lag,
        "chosen": "by the setting" if settings.lag is not None else "by implied timescales",
        "candidates_ps": candidates,
        "timescales_ps": timescales,
    }


def populations_to_files(
    peptide: str,
    pdb: Path,
    samples: PeptideFrames,
    simulate: SimulateSettings,
    settings: PopulationSettings,
    folders: PopulationFolders,
    processes: int,
) -> None:
    """Rounds of short MD from samples, until the error is below the target or the budget is spent, and what they say.

    Publishes md.xtc and topology.pdb (the frames of all runs, heavy atoms), weights.npz, populations.npz (maps) and
    populations.json. Every run is a file in the folder of work: the same call goes on after a kill, with the same
    result. Runs are made on so many cores as `processes`; on a GPU, all runs of a round are one system.

    Raises:
        PopulationError: samples of another molecule, or a solvent that short MD is not made in.
        Interrupted: at SIGTERM, with all finished runs saved.
    """
    work = folders.work
    rounds = _Rounds(peptide, pdb, samples, simulate, settings, work)
    identity = {
        "peptide": file_sha256(pdb),
        "samples": _digest(samples),
        "simulate": simulate.model_dump(mode="json", include={*OF_SIMULATE, "solvent"}),
        "populations": {key: value for key, value in settings.model_dump(mode="json").items() if key not in _FREE},
    }

    begin = time.monotonic()
    plain = rounds.run_settings.properties
    with (
        locked(work, PopulationError, "populations"),
        on_device(rounds.platform, plain, simulate, folders.slots) as properties,
        stop_requests() as stop,
    ):
        kept = work / "identity.json"
        if kept.exists() and read_json(kept) != identity:
            logger.warning("%s: settings or samples have changed; its short MD is made anew.", peptide)
            _clear(work)
        write_json(kept, identity)
        results: list[StepResult] = []
        history: list[dict[str, Any]] = []
        made: list[Path] = []
        simulates = time.monotonic()
        height = settings.barriers.height
        before = [] if height is None else list(rounds.lower_barriers(height, properties, processes, stop))
        simulated = time.monotonic() - simulates
        per_run, spent = rounds.per_run, len(before) * rounds.per_first
        while True:
            left = int((settings.budget - spent + 1e-6) // per_run) - len(made)
            if left < 1:
                break
            runs = rounds.runs(len(history), results, min(settings.seeds, left))
            simulates = time.monotonic()
            made += rounds.make(runs, rounds.run_settings, properties, processes, stop)
            simulated += time.monotonic() - simulates
            made.sort()
            md = PeptideFrames(samples.topology, [read_run(path) for path in made], rounds.interval, rounds.bias)
            results, lag = estimate(md.torsions(peptide), rounds.angles, settings)
            error = max(result.error for result in results)
            md_ps = spent + len(made) * per_run
            history.append({"runs": len(made), "md_ps": md_ps, "error": error, "lag_ps": lag["lag_ps"]})
            logger.info("%s: %d runs, %.0f ps, error %.3f", peptide, len(made), md_ps, error)
            if error <= settings.target:
                break
        side_by_side = 1 if rounds.run_settings.batched else processes
        told = {
            "rounds": history,
            "seeds_refused": rounds.refused,
            "md_ps": md_ps,
            # Runs that were made before a kill, too; all else is done again after one.
            "seconds": time.monotonic() - begin - simulated + sum(map(seconds_of, [*before, *made])) / side_by_side,
            "processes": side_by_side,
            "platform": rounds.run_settings.platform,
            "simulate": simulate.model_dump(mode="json", include={*OF_SIMULATE, "solvent"}),
        }
        publish(peptide, md, samples, simulate.temperature, settings, folders.out, told)
        _clear(work)
    leave(work)


def _clear(work: Path) -> None:
    """Remove what runs left, of a kill too, and nothing else: the folder may be that of a project."""
    for name in ("run_*.npz", "identity.json"):
        for path in (*work.glob(name), *work.glob(f".{Path(name).stem}.*")):
            path.unlink(missing_ok=True)


def _digest(samples: PeptideFrames) -> str:
    digest = hashlib.sha256()
    for run in samples.runs:
        digest.update(np.ascontiguousarray(run, dtype=np.float32).tobytes())
    return digest.hexdigest()


def _save_runs(md: PeptideFrames, path: Path) -> None:
    """Write all runs as one XTC: a frame's step is its run (from 0), its time that in its run, ps."""
    with atomic_path(path) as temporary, openable(temporary) as name, XTCTrajectoryFile(name, "w") as xtc:
        for number, run in enumerate(md.runs):
            times = md.frame_interval * np.arange(1, len(run) + 1)
            xtc.write(run, time=times.astype(np.float32), step=np.full(len(run), number, dtype=np.int32))


def _maps(runs: PeptideRuns, weights: np.ndarray | None) -> np.ndarray:
    """Densities (residues, bins, bins) over phi and psi."""
    angles = np.concatenate(runs.runs)
    edges = np.linspace(-np.pi, np.pi, _BINS + 1)
    maps = [
        np.histogram2d(angles[:, phi], angles[:, psi], (edges, edges), weights=weights)[0]
        for phi, psi in phi_psi_pairs(runs.torsions)
    ]
    return np.array([one / one.sum() for one in maps]).reshape(-1, _BINS, _BINS)


def publish(
    peptide: str,
    md: PeptideFrames,
    samples: PeptideFrames | None,
    temperature: float,
    settings: PopulationSettings,
    out: Path,
    told: dict[str, Any],
) -> None:
    """Estimate populations of MD runs and publish them; see `populations_to_files` for the files."""
    runs = md.torsions(peptide)
    angles = None if samples is None else samples.torsions(peptide)
    results, lag = estimate(runs, angles, settings)
    own = residue_settings(settings, lag["lag_ps"])
    weights = {"weights": np.concatenate(weights_by(runs, results, own))}
    maps = {"md": _maps(runs, None), "md_weighted": _maps(runs, weights["weights"])}
    if angles is not None:
        weights["samples"] = np.concatenate(weights_by(angles, results, own))
        maps |= {"samples": _maps(angles, None), "samples_weighted": _maps(angles, weights["samples"])}
    _save_runs(md, out / "md.xtc")
    save_structure(mdtraj.Trajectory(md.runs[0][:1], md.topology), out / "topology.pdb")
    write_npz(out / "weights.npz", weights)
    write_npz(out / "populations.npz", maps)
    write_json(
        out / "populations.json",
        {
            "peptide": peptide,
            "temperature_K": temperature,
            "runs": len(md.runs),
            "frames_of_runs": [len(run) for run in md.runs],
            "frames": runs.n_frames,
            "frame_interval_ps": md.frame_interval,
            "effective_share_of_frames": effective_share(weights["weights"]),
            "effective_runs": _effective_runs(md, weights["weights"]),
            "effective_share_of_samples": effective_share(weights["samples"]) if "samples" in weights else None,
            "lag": lag,
            "basins": basins(results, temperature),
            "steps": [_told(result, runs, angles) for result in results],
            "bias": None if md.bias is None else md.bias.told,
            "ramachandran": [runs.torsions[phi].residue_entry for phi, _ in phi_psi_pairs(runs.torsions)],
            "settings": settings.model_dump(mode="json"),
            **told,
            "provenance": provenance("openmm", "mdtraj", "numpy", "scipy"),
        },
    )


def _effective_runs(md: PeptideFrames, weights: np.ndarray) -> float:
    """How many runs weigh in effect (Kish), by the sums of their frames' weights (F,)."""
    ends = np.cumsum([len(run) for run in md.runs])[:-1]
    of_runs = np.array([own.sum() for own in np.split(weights, ends)])
    return len(of_runs) * effective_share(of_runs)


def _told(result: StepResult, runs: PeptideRuns, samples: PeptideRuns | None) -> dict[str, Any]:
    """What populations.json tells of a step."""
    step = {SIDE_OF_PHI: ["no", "yes"], HELICAL: ["no", "yes"], CHI1: ["gauche+", "trans", "gauche-"]}[result.step]
    of_samples: list[float | None] = [None] * len(step)
    if samples is not None:
        same = next(one for one in samples.steps if (one.residue.place, one.name) == (result.place, result.step))
        of_samples = list(same.shares())
    return {
        "residue": result.residue,
        "place": result.place,
        "step": result.label,
        "states": step,
        "samples": of_samples,
        "md": result.share,
        "population": result.population,
        "low": result.low,
        "high": result.high,
        "error": result.error,
        "transitions": result.transitions,
        "one_way": result.one_way,
        # Of MD with lowered barriers it says nothing of the peptide's.
        "timescale_ps": result.timescale if runs.bias is None else None,
    }
