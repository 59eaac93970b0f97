"""Sample one peptide with a model, from files to files."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import mdtraj
import torch
from tqdm import tqdm

from jamun.config.sampling import SamplingSettings
from jamun.config.training import within
from jamun.data.molecule import Molecule
from jamun.io.atomic import write_json, write_npz
from jamun.io.disk import disk_errors, leave, locked
from jamun.io.files import AllAtomFiles, SamplingFiles, refuse_others
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.io.signals import stop_requests
from jamun.peptides.writing import save_structure
from jamun.sampling.block import Walkers, reject_mask
from jamun.sampling.checks import REASONS, Checks
from jamun.sampling.device import choose_batch, choose_device, with_precision
from jamun.sampling.progress import SAMPLES, Progress, State, differences
from jamun.sampling.sampler import Clock, Sampler
from jamun.sampling.score import Score
from jamun.sampling.starts import SamplingError, read_start, read_starts, starts_sha256
from jamun.sampling.workers import Here, Processes, Workers

__all__ = ["SamplingError", "SamplingFiles", "changed_since", "read_start", "refuse_other_samples", "sample_to_files"]

logger = logging.getLogger(__name__)

LAYOUT = (
    "Frames are ordered by round, number in their chain, and chain, so those of a chain are in the order of its walk; "
    "in the XTC, a frame's step is its chain (from 0) and its time its number within that chain (from 1). flags.npz "
    "has a value a frame, in the same order."
)
# What may change from one run to the next that goes on with it; `starts` are told by what is in the files.
_FREE = {"most_generated", "checkpoint_interval", "compile", "device", "starts", "hydrogens"}


def _levels(
    settings: SamplingSettings, usual: float, trained: tuple[float, float]
) -> tuple[float, list[float], list[str]]:
    """Noise level of the walk (nm), the levels outside those that the network was trained at, and sentences on them.

    `usual` is the level where the settings name none, `trained` the lowest and highest level of the training. Raises
    SamplingError for jumps that do not begin below the level of the walk.
    """
    sigma = usual if settings.sigma is None else settings.sigma
    if settings.jump_sigmas and settings.jump_sigmas[0] >= sigma:
        raise SamplingError(
            f"sampling.jump_sigmas begins at {settings.jump_sigmas[0]:g} nm, which is not below the walk's sigma of "
            f"{sigma:g} nm; give lower levels."
        )
    low, high = trained
    where = f"at {low:g} nm only" if low == high else f"from {low:g} to {high:g} nm"
    notes = []
    if not within(sigma, trained):
        notes.append(f"The walk is at sigma {sigma:g} nm; the network was trained {where}.")
    beyond = [level for level in settings.jump_sigmas if not within(level, trained)]
    if beyond:
        through = ", ".join(f"{level:g}" for level in beyond)
        notes.append(
            f"Jumps go down through {through} nm; the network was trained {where}, so what it says there is "
            "extrapolated."
        )
    return sigma, [level for level in (sigma, *settings.jump_sigmas) if not within(level, trained)], notes


def _identity(
    peptide: str, settings: SamplingSettings, sigma: float | None, checkpoint_sha256: str, starts: mdtraj.Trajectory
) -> dict[str, Any]:
    """What decides the samples, by name."""
    dumped = settings.model_dump(mode="json")
    return {
        "the peptide": peptide,
        "the checkpoint": checkpoint_sha256,
        "sigma": sigma,
        "the starting structures": starts_sha256(starts),
    } | {f"sampling.{key}": value for key, value in dumped.items() if key not in _FREE}


def changed_since(
    record: dict[str, Any], peptide: str, settings: SamplingSettings, checkpoint_sha256: str, starts: mdtraj.Trajectory
) -> list[str]:
    """What decides the samples and is other than a record of samples (sampling.json) tells, by name, as words."""
    now = _identity(peptide, settings, settings.sigma, checkpoint_sha256, starts)
    before = {
        "the peptide": record.get("peptide"),
        "the checkpoint": record.get("checkpoint", {}).get("sha256"),
        "sigma": settings.sigma,  # `sampling.sigma` tells
        # Records of earlier versions do not tell it.
        "the starting structures": record.get("starts", {}).get("sha256", now["the starting structures"]),
    } | {f"sampling.{key}": value for key, value in record.get("settings", {}).items() if key not in _FREE}
    if settings.precision == "auto":  # whatever it was on the device that they were drawn on
        before["sampling.precision"] = settings.precision
    return differences(before, json.loads(json.dumps(now)))


def sample_to_files(
    score: Score,
    pdbs: Sequence[Path],
    peptide: str,
    settings: SamplingSettings,
    files: SamplingFiles,
    threads: int,
    built: Path | None = None,
) -> None:
    """Walk-jump sampling of a peptide.

    Frames are appended to files in `files.work` and get their names when all are there. A run that was killed or
    stopped goes on from its last saved state, and anew where what decides the samples has changed. Chains that leave
    the molecule or are not finite are stopped and counted; the others go on until the asked number of samples is
    accepted.

    Args:
        score: the model.
        pdbs: structures whose models the chains start from in turn.
        peptide: its name.
        settings: how the walk goes, and how many samples are made.
        files: what is written.
        threads: processor threads; without a GPU a process each, among which the chains are shared out.
        built: where given, the starts must be its molecule.

    Raises:
        UserError: the folder holds something else; SamplingError: the number of samples cannot be reached, or a
            structure, device or disk cannot be used.
        Interrupted: at SIGTERM or SIGUSR1, with everything saved.
    """
    device = choose_device(settings.device)
    settings = with_precision(settings, device)
    workers = 1 if device.type == "cuda" else min(threads, settings.chains)
    # Of this process too, where the model is prepared: workers are copies of it, and take no threads of its own over.
    torch.set_num_threads(threads // workers)
    reference = None if built is None else read_start(built)
    found = read_starts(pdbs, reference)
    starts = found.trajectory
    if len(starts) > settings.chains:
        logger.warning("%s: %d starts for %d chains; the last are not used.", peptide, len(starts), settings.chains)
    sigma, untrained, notes = _levels(settings, score.sigma, score.levels)
    molecule = Molecule.from_topology(starts.topology, starts.xyz[0])
    outside = score.outside(molecule)
    notes = [*found.notes, *([outside] if outside else []), *notes]
    for note in notes:
        logger.warning("%s: %s", peptide, note)
    refuse_other_samples(files, peptide, starts.topology)
    work = files.work
    with locked(work, SamplingError, "samples"):
        progress = Progress(work, peptide, _identity(peptide, settings, sigma, score.sha256, starts))
        state = progress.load()
        if state is None:
            progress.clear()
            needed = score.bytes_per_chain(starts.n_atoms)
            batch = choose_batch(settings.chains, settings.batch, needed, device, workers)
            state = State.new(settings.chains, starts.n_atoms, batch)
        else:
            state.counts["resumptions"] += 1
            logger.info("%s: goes on after %d of %d samples", peptide, state.counts["accepted"], settings.samples)

        def safe() -> str | None:
            written = state.sizes[SAMPLES]
            return f"what was saved ({written} bytes of samples)" if written else None

        positions = torch.as_tensor(starts.xyz, dtype=torch.float32, device=device)
        checks = Checks(starts.topology, positions, settings.bond_tolerance, settings.clash_distance)
        seed = derived_seed(settings.seed, "sample", peptide)
        walkers = Walkers(score.denoiser(molecule, settings, device), positions, sigma, settings, seed, checks)
        with disk_errors(work, safe, SamplingError):
            try:
                _sample(peptide, walkers, state, progress, workers, threads // workers)
            except torch.OutOfMemoryError:
                raise SamplingError(
                    f"{peptide}: {state.batch} chains side by side do not fit the memory of the device; set "
                    f"sampling.batch to less than {state.batch}."
                ) from None
        with disk_errors(files.samples.parent, lambda: f"everything in {work}", SamplingError):
            _publish(starts, settings, state, progress, files)
            write_json(
                files.record,
                _record(peptide, settings, state, device)
                | {
                    "sigma_nm": sigma,
                    "trained_sigma_nm": score.sigma,
                    "trained_range_nm": score.levels,
                    "untrained_sigmas_nm": untrained,
                    "checkpoint": {"file": score.file, "sha256": score.sha256},
                    "starts": {
                        "files": [str(pdb) for pdb in pdbs],
                        "structures": len(starts),
                        "sha256": starts_sha256(starts),
                    },
                    "threads": threads,
                    "workers": workers,
                    "atoms": starts.n_atoms,
                    "d_residues": molecule.d_residues,
                    "outside_training": outside,
                    "notes": notes,
                    "layout": LAYOUT,
                    "provenance": provenance("torch", "e3nn", "mdtraj", "numpy"),
                },
            )
            progress.clear()
    leave(work)


def _atoms(topology: mdtraj.Topology) -> list[tuple[str, int]]:
    """Names of atoms, and which residue each is of; names of residues have other spellings in a file."""
    return [(atom.name, atom.residue.index) for atom in topology.atoms]


def refuse_other_samples(files: SamplingFiles, peptide: str, topology: mdtraj.Topology) -> None:
    """Raises UserError where something else has the names that samples of `peptide` would get, whose heavy atoms are
    those of `topology`."""
    folder = files.record.parent
    refuse_others(folder, "samples", peptide)
    try:
        there = mdtraj.load_topology(str(files.topology))
    except (OSError, ValueError):  # none, or half of what was published
        return
    if files.record.exists() and _atoms(there) != _atoms(topology):
        raise SamplingError(
            f"{folder}: holds samples of another molecule called {peptide}; give another folder (--out), or delete "
            "that one."
        )


def _sample(peptide: str, walkers: Walkers, state: State, progress: Progress, count: int, threads: int) -> None:
    """Sample from `state` to the end, with a progress bar, by `count` workers of so many threads."""
    settings = walkers.settings
    clock = Clock(settings.checkpoint_interval, state.seconds)
    with stop_requests() as stop:
        team: AbstractContextManager[Workers]
        if count == 1:
            team = nullcontext(Here(walkers, lambda: stop.signal is not None or clock.due))
        else:
            team = Processes(walkers, count, threads, settings.checkpoint_interval)
        with (
            team as workers,
            tqdm(
                total=settings.samples,
                initial=state.counts["accepted"],
                desc=f"{peptide} samples",
                unit="sample",
                mininterval=5.0 if not sys.stderr.isatty() else 0.2,
            ) as bar,
        ):
            Sampler(peptide, settings, state, progress, clock, stop, bar.update).run(workers)


def _publish(
    starts: mdtraj.Trajectory, settings: SamplingSettings, state: State, progress: Progress, files: SamplingFiles
) -> None:
    """Give the finished files their names; those in the work folder stay until the record is there too."""
    for path in vars(AllAtomFiles.in_folder(files.samples.parent)).values():  # of samples before
        path.unlink(missing_ok=True)
    bits = progress.publish(state, files.samples)
    save_structure(starts[0], files.topology)
    arrays = {reason: (bits >> place & 1).astype(bool) for place, reason in enumerate(REASONS)}
    write_npz(files.flags, {"accepted": bits & reject_mask(settings) == 0} | arrays)


def _record(peptide: str, settings: SamplingSettings, state: State, device: torch.device) -> dict[str, Any]:
    """What was made: counts, chains and time."""
    counts, written = state.counts, state.written
    flaws = {name: {"count": counts[name], "share": counts[name] / written} for name in REASONS}
    rejected_for = {"lost": counts["lost"]} | {name: counts[name] for name in REASONS if name in settings.reject}
    return {
        "peptide": peptide,
        "settings": settings.model_dump(mode="json"),
        "seed": derived_seed(settings.seed, "sample", peptide),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "samples": {
            "asked": settings.samples,
            "generated": state.generated,
            "written": written,
            "accepted": counts["accepted"],
            "rejected": state.generated - counts["accepted"],
            "rejected_for": rejected_for,
        },
        "flaws": flaws,
        "chains": settings.chains,
        "batch": state.batch,
        "chains_stopped": {
            "count": counts["lost"],
            "reason": "a sample was not finite, or reached beyond twice the start's radius and 0.5 nm",
        },
        "chain_lengths": state.lengths.numpy(),
        "steps": int(state.steps.sum()),
        "steps_rejected": counts["rejected_steps"],
        "network_evaluations": counts["evaluations"],
        "jump_evaluations": counts["jump_evaluations"],
        "resumptions": counts["resumptions"],
        "seconds": state.seconds,
        "milliseconds_per_sample": 1e3 * state.seconds / counts["accepted"],
    }
