"""The model that comes with the program: where it lies, beside the package as in a clone, and what it brings."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

SHIPPED_MODEL = Path(__file__).resolve().parents[2] / "models" / "implicit" / "model.safetensors"
# In the metadata of a published model's weights.
DESCRIPTION = "jamun"


@cache
def shipped_sampling() -> dict[str, Any]:
    """Keys of `sampling` that the shipped model brings, those it was judged with; none where it is missing or damaged,
    which is told where it is loaded."""
    try:
        with safe_open(SHIPPED_MODEL, framework="numpy") as stored:
            return dict(json.loads((stored.metadata() or {})[DESCRIPTION])["sampling"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return {}
