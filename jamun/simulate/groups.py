"""Which peptides are simulated together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jamun.config.simulate import SimulateSettings

# What peptides that are simulated together may differ in.
OWN = ("replicas", "starts")


def shared_settings(settings: SimulateSettings) -> dict[str, Any]:
    """The settings that peptides must have in common to be simulated together."""
    return settings.model_dump(mode="json", exclude=set(OWN))


def groups_together(settings: Mapping[str, SimulateSettings]) -> list[list[str]]:
    """Names of the peptides that are simulated together, by the `settings` of each; of others none."""
    groups: dict[str, list[str]] = {}
    for name, chosen in settings.items():
        if chosen.together:
            groups.setdefault(json.dumps(shared_settings(chosen), sort_keys=True), []).append(name)
    return list(groups.values())
