"""The page's section on the search for the network."""

from __future__ import annotations

import pandas as pd

from jamun.evaluation.tables import DASH, duration
from jamun.study import text
from jamun.study.collected import Collected
from jamun.study.search import ALWAYS

_NAMES = {
    "hidden_irreps": "features",
    "n_convolutions": "convolutions",
    "n_radial": "radial functions",
    "radial_width": "radial width",
    "radial_range": "radial range, nm",
    "learning_rate": "learning rate",
    "sigma_range": "sigma, nm",
}


def search(collected: Collected) -> str:
    """The section: a row a network that was tried; nothing where none was."""
    table = collected.search
    if table is None or table.empty:
        return ""
    varied = [key for key in table if key not in ALWAYS]
    rows = [
        [
            row["model"],
            *(
                DASH if pd.isna(row[key]) else f"{row[key]:g}" if isinstance(row[key], float) else str(row[key])
                for key in varied
            ),
            f"{row['parameters']:,}",
            f"{row['steps']:,}",
            duration(row["seconds"]),
            f"{row['validation_loss']:.3f}",
        ]
        for _, row in table.iterrows()
    ]
    names = ["model", *(_NAMES.get(key, key.replace("_", " ")) for key in varied)]
    names += ["parameters", "steps", "wall clock", "validation loss"]
    return "\n\n".join(
        [
            "## The search for the network",
            "Trained briefly on the study's data, and judged by the validation loss alone, before any test peptide was "
            "sampled; steps were chosen so that each would take about as long.",
            text.table(names, rows),
        ]
    )
