"""Simulate the replicas of many peptides in one OpenMM system, each published as if it had run alone."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from jamun.config.simulate import GPU_PLATFORMS
from jamun.io.disk import disk_errors
from jamun.io.signals import stop_requests
from jamun.simulate.apart import run_apart
from jamun.simulate.boxes import run_boxes
from jamun.simulate.jobs import OWN, shared_settings
from jamun.simulate.members import Member
from jamun.simulate.platform import choose
from jamun.simulate.run import Peptide, held, on_device, open_replica, publish
from jamun.simulate.system import SimulationError, SimulationSystem

logger = logging.getLogger(__name__)


def simulate_batched_to_files(peptides: Sequence[Peptide], threads: int, slots: Path | None = None) -> None:
    """Simulate every replica of every peptide side by side in one system, and publish each peptide's files.

    Files, folders in each peptide's `work`, errors and how a stopped run goes on are those of simulate_to_files; in the
    state (CSV) the potential energy of one among many is left empty. Wall clock in the record is each simulation's
    share. Peptides that are finished are published again without being run.

    Raises SimulationError and Interrupted as simulate_to_files does, and SimulationError for peptides whose settings
    differ in more than OWN, or for a solvent or force field that cannot be simulated like this.
    """
    settings = peptides[0].settings
    for peptide in peptides:
        if shared_settings(peptide.settings) != shared_settings(settings):
            raise SimulationError(
                f"{peptides[0].name} and {peptide.name} cannot be batched: their settings differ in more "
                f"than {' and '.join(OWN)}."
            )
    platform, properties = choose(settings, threads)
    if platform.getName() not in GPU_PLATFORMS:
        logger.warning(
            "On %s, batched simulations are no faster than one after another, and use one core; with "
            "simulate.batched off each peptide is a job of its own.",
            platform.getName(),
        )
    with ExitStack() as stack:
        for peptide in peptides:
            stack.enter_context(held(peptide))
        chosen = stack.enter_context(on_device(platform, properties, settings, slots))
        stop = stack.enter_context(stop_requests())
        made: dict[tuple[str, str], SimulationSystem] = {}
        replicas = [
            [
                open_replica(peptide, replica, platform, chosen, made)
                for replica in range(1, peptide.settings.replicas + 1)
            ]
            for peptide in peptides
        ]
        members = [Member(engine, progress) for pairs in replicas for engine, progress in pairs]
        with disk_errors(peptides[0].work.parent, lambda: "everything up to the last saved state", SimulationError):
            (run_boxes if settings.solvent == "explicit" else run_apart)(members, settings, stop)
        for peptide, pairs in zip(peptides, replicas, strict=True):
            publish(pairs, peptide, threads, len(members))
