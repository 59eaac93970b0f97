"""Which peptides are simulated in one batch, by one job."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jamun.config.simulate import SimulateSettings

# What peptides of one batch may differ in.
OWN = ("replicas", "starts")


def shared_settings(settings: SimulateSettings) -> dict[str, Any]:
    """The settings that peptides must have in common to be simulated in one batch."""
    return settings.model_dump(mode="json", exclude=set(OWN))


def batched_jobs(settings: Mapping[str, SimulateSettings]) -> list[list[str]]:
    """The peptides of each job that simulates a batch.

    Without solvent all peptides with the same settings are one batch. Boxes of water hold `peptides_per_box`
    simulations, and each box is a job, so that each can have a GPU of its own; a peptide of more replicas than fit is
    a job of several boxes. Peptides that are not batched are left out; the others are in the order of `settings`.
    """
    groups: dict[str, list[str]] = {}
    for name, chosen in settings.items():
        if chosen.batched:
            groups.setdefault(json.dumps(shared_settings(chosen), sort_keys=True), []).append(name)
    jobs: list[list[str]] = []
    for names in groups.values():
        first = settings[names[0]]
        if first.solvent == "explicit":
            jobs += _packed(names, [settings[name].replicas for name in names], first.peptides_per_box)
        else:
            jobs.append(names)
    return jobs


def _packed(names: Sequence[str], sizes: Sequence[int], most: int) -> list[list[str]]:
    """Names in their order, in as few packs as it takes that the sizes of none add up to more than `most`, unless it is
    of one name; packs are alike where they can be."""
    target = sum(sizes) / -(-sum(sizes) // most)
    packs: list[list[str]] = []
    held = 0
    for name, size in zip(names, sizes, strict=True):
        if not packs or held + size > most or held + size / 2 > target:
            packs.append([])
            held = 0
        packs[-1].append(name)
        held += size
    return packs
