"""Where the model lies that comes with the program: beside the package, as in a clone of the repository."""

from __future__ import annotations

from pathlib import Path

SHIPPED_MODEL = Path(__file__).resolve().parents[2] / "models" / "study" / "model.safetensors"
