"""The search for the network: what was trained beside the models that were evaluated, and how well each did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jamun.io.atomic import read_json

# Of the network and the training, what a search may vary.
_NETWORK = ("hidden_irreps", "lmax", "n_convolutions", "radial_basis", "n_radial", "radial_width", "radial_range")
_TRAINING = ("sigma", "sigma_range", "learning_rate", "batch_size", "ema_decay", "peptides")
ALWAYS = ("model", "parameters", "steps", "seconds", "validation_loss")


def _settings(record: dict[str, Any]) -> dict[str, Any]:
    chosen = {key: record["network"].get(key) for key in _NETWORK}
    chosen |= {key: record["training"].get(key) for key in _TRAINING}
    levels = chosen["sigma_range"]
    return chosen | {"sigma_range": " to ".join(f"{level:g}" for level in levels) if levels else None}


def search_table(results: Path, evaluated: list[str]) -> pd.DataFrame:
    """A row a model that was trained and not evaluated, the best validation loss first: ALWAYS, and the settings in
    which the rows differ. Empty without such models; validation losses compare where sigma is one."""
    rows = []
    for path in sorted((results / "models").glob("*/training.json")):
        name, record = path.parent.name, read_json(path)
        if name in evaluated:
            continue
        found = (name, record["parameters"], record["steps"], record["seconds"], record["best_validation_loss"])
        rows.append(dict(zip(ALWAYS, found, strict=True)) | _settings(record))
    if not rows:
        return pd.DataFrame(columns=list(ALWAYS))
    table = pd.DataFrame(rows).sort_values("validation_loss", ignore_index=True)
    varied = [key for key in table if key in ALWAYS or table[key].astype(str).nunique() > 1]
    return table[varied]
