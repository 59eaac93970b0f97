"""Simulate one peptide from its PDB to published files; the same call again goes on where a stopped one was."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import openmm

from jamun.config.simulate import GPU_PLATFORMS, SimulateSettings, Start
from jamun.io.atomic import write_json
from jamun.io.disk import disk_errors, locked
from jamun.io.files import MdFiles, refuse_others
from jamun.io.gpu import slots as gpu_slots
from jamun.io.names import openable
from jamun.io.provenance import provenance
from jamun.io.seeds import derived_seed
from jamun.io.signals import stop_requests
from jamun.peptides.writing import save_structure
from jamun.simulate.engine import Engine
from jamun.simulate.identity import IDENTITY, differences, identity, read_identity, start_of
from jamun.simulate.merge import publish_table, publish_trajectory
from jamun.simulate.output import peptide_topology
from jamun.simulate.platform import choose, devices, multi_process_service
from jamun.simulate.progress import Progress
from jamun.simulate.replica import STATE_EVERY_FRAMES, run_replica
from jamun.simulate.saved import load_system, save_system
from jamun.simulate.system import SimulationError, SimulationSystem, make_member, make_system

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peptide:
    """One peptide to simulate.

    name: what it is called in messages, and what its seeds derive from.
    pdb: the peptide, with hydrogens.
    settings: of its simulation.
    work: folder of its saved states. It stays, to be extended, and shares the published files' disk space. It may lie
        on another file system, such as a node's own disk; the files are copied then.
    files: to be published.
    """

    name: str
    pdb: Path
    settings: SimulateSettings
    work: Path
    files: MdFiles


def replica_seed(settings: SimulateSettings, name: str, replica: int) -> int:
    """The seed of a replica of a peptide; replicas count from 1, and the first has the peptide's own."""
    return derived_seed(settings.seed, "simulate", name, *((replica,) if replica > 1 else ()))


@contextmanager
def on_device(
    platform: openmm.Platform, properties: dict[str, str], settings: SimulateSettings, slots: Path | None
) -> Iterator[dict[str, str]]:
    """The platform's properties with the index of a GPU that has a free slot; on processors as they are."""
    if slots is None or platform.getName() not in GPU_PLATFORMS:
        yield properties
        return
    with gpu_slots(slots, devices(platform), settings.jobs_per_gpu) as (index,):
        yield properties | {"DeviceIndex": str(index)}


@contextmanager
def held(peptide: Peptide) -> Iterator[None]:
    """Hold the folder of a peptide's saved states, which is a folder of this simulation from here on.

    Raises SimulationError where another process holds it, it cannot be written, or it is of another simulation that is
    not finished.
    """
    with disk_errors(peptide.work, lambda: None, SimulationError):
        peptide.work.mkdir(parents=True, exist_ok=True)
    with locked(peptide.work, SimulationError, "simulates"):
        with disk_errors(peptide.work, lambda: None, SimulationError):
            _prepare(peptide.work, identity(peptide.pdb, peptide.name, peptide.settings))
        yield


def _prepare(work: Path, found: dict[str, Any]) -> None:
    """Make `work` a folder of the simulation `found`, emptying it of another that is finished or has not begun.

    Raises SimulationError, naming what changed, for another that is not finished.
    """
    old = read_identity(work)
    folders = sorted(work.glob("replica_*"))
    changed = differences(old, found, len(folders)) if old else []
    if old and not changed:
        if old != found:
            write_json(work / IDENTITY, found)
        return
    replicas = [Progress(folder, f"{found['peptide']} {folder.name}") for folder in folders]
    if any(progress.current and not progress.finished for progress in replicas):
        reason = f"since it began there changed {', and '.join(changed)}" if old else "its settings.json is missing"
        raise SimulationError(
            f"{work} holds an unfinished simulation, and {reason}; restore that to go on, or delete the folder to "
            "simulate anew."
        )
    if changed:
        logger.warning("%s: simulates anew, since there changed %s.", found["peptide"], ", and ".join(changed))
    for progress in replicas:
        progress.discard()
    write_json(work / IDENTITY, found)


def open_replica(
    peptide: Peptide,
    replica: int,
    platform: openmm.Platform,
    properties: dict[str, str],
    made: dict[tuple[str, Start], SimulationSystem] | None = None,
) -> tuple[Engine, Progress]:
    """One replica, from 1, with how far it has come: made if it has not begun, else as it was saved.

    `made` keeps systems without solvent by peptide and start, so that replicas which begin alike are made once.
    """
    name, settings = peptide.name, peptide.settings
    label = name if settings.replicas == 1 else f"{name} replica {replica}"
    folder, seed = peptide.work / f"replica_{replica}", replica_seed(settings, name, replica)
    folder.mkdir(exist_ok=True)
    progress = Progress(folder, label)
    if progress.current is None:
        start, water_seed = start_of(settings.starts, replica), settings.seed if replica == 1 else seed
        solvated = None if made is None else made.get((name, start))
        if solvated is None:
            pdb = peptide.pdb
            solvated = (
                make_member(pdb, settings, start) if settings.batched else make_system(pdb, settings, start, water_seed)
            )
            if made is not None:
                made[name, start] = solvated
        with disk_errors(folder, lambda: None, SimulationError):
            progress.system = save_system(solvated, folder)
    else:
        solvated = load_system(folder, progress.system)
    return Engine(solvated, settings, seed, platform, properties, label), progress


def _replica_record(settings: SimulateSettings, replica: int, engine: Engine, progress: Progress) -> dict[str, Any]:
    """What md.json tells of one replica; seconds are those of the frames that are published."""
    point = progress.newest
    return {
        "start": start_of(settings.starts, replica),
        "seed": engine.seed,
        "n_atoms": engine.solvated.system.getNumParticles(),
        "seconds": point.seconds * settings.n_frames / point.frames,
        "resumptions": progress.resumptions,
        "stages": point.finished,
    }


def simulate_to_files(peptide: Peptide, threads: int, slots: Path | None = None) -> None:
    """Simulate one peptide and publish its files.

    Replicas run one after another, each in a folder of its own in `work`, where everything is saved as it comes. The
    same call goes on from there if it was stopped, and extends a finished simulation if `production` or `replicas`
    grew; if they shrank, it publishes as much as is asked for. Files are published one by one when all replicas are
    done, the record last.

    Args:
        peptide: what is simulated.
        threads: on the CPU platform.
        slots: folder by which the simulations of one machine share its GPUs, `settings.jobs_per_gpu` on each; without
            it OpenMM takes the GPU it likes.

    Raises:
        UserError: the folder of the files holds something else.
        SimulationError: for a peptide, box or platform that cannot be simulated, before the simulation starts; for one
            that blows up; for a disk that cannot be written; and for an unfinished simulation of other settings in
            `work`.
        Interrupted: at SIGTERM or SIGUSR1, with everything saved.
    """
    settings = peptide.settings
    refuse_others(peptide.files.record.parent, "MD", peptide.name)
    platform, properties = choose(settings, threads)
    with held(peptide):
        with on_device(platform, properties, settings, slots) as chosen, stop_requests() as stop:
            done = []
            for replica in range(1, settings.replicas + 1):
                engine, progress = open_replica(peptide, replica, platform, chosen)
                run_replica(engine, progress, stop)
                done.append((engine, progress))
        publish(done, peptide, threads)


def publish(done: list[tuple[Engine, Progress]], peptide: Peptide, threads: int, batched: int | None = None) -> None:
    """Publish the replicas of a peptide, all of them finished, and note that they are; `batched` is the number of
    simulations that shared a system."""
    files, settings = peptide.files, peptide.settings
    with disk_errors(files.trajectory.parent, lambda: f"the whole simulation in {peptide.work}", SimulationError):
        folders = [progress.folder for _, progress in done]
        for _, progress in done:
            progress.trim()
        publish_trajectory(folders, settings.n_frames, settings.frame_interval, files.trajectory)
        with openable(files.trajectory) as path:
            first = mdtraj.load_frame(path, 0, top=peptide_topology(done[0][0].solvated))
        save_structure(first, files.topology)
        publish_table(folders, settings.n_frames, settings.frame_interval, files.state)
        write_json(files.record, _record(done, peptide.name, settings, threads, batched))
        for _, progress in done:
            progress.finish()


def _record(
    done: list[tuple[Engine, Progress]], name: str, settings: SimulateSettings, threads: int, batched: int | None
) -> dict[str, Any]:
    """What md.json tells."""
    replicas = [_replica_record(settings, place, *pair) for place, pair in enumerate(done, 1)]
    engine = done[0][0]
    seconds, frames = sum(replica["seconds"] for replica in replicas), len(replicas) * settings.n_frames
    return {
        "peptide": name,
        "settings": settings.model_dump(mode="json"),
        "seed": engine.seed,
        "platform": engine.platform.getName(),
        "precision": engine.properties.get("Precision", "platform's own"),
        "threads": threads,
        "jobs_per_gpu": settings.jobs_per_gpu if engine.platform.getName() in GPU_PLATFORMS else None,
        "multi_process_service": multi_process_service(),
        "batched": batched,
        "n_atoms": engine.solvated.system.getNumParticles(),
        "n_peptide_atoms": len(engine.solvated.peptide_atoms),
        "stages": replicas[0]["stages"],
        "replicas": replicas,
        "resumptions": sum(replica["resumptions"] for replica in replicas),
        "production": {
            "frames": frames,
            "frame_interval_ps": settings.frame_interval,
            "state_interval_ps": STATE_EVERY_FRAMES * settings.frame_interval,
            "seconds": seconds,
            "seconds_per_frame": seconds / frames,
            "ns_per_day": frames * settings.frame_interval * 86.4 / seconds,
        },
        "boundaries": [place * settings.n_frames for place in range(len(replicas) + 1)],
        "provenance": provenance("openmm", "mdtraj", "numpy"),
    }
