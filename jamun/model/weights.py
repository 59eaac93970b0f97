"""A model to be shipped: weights as safetensors, with what rebuilds the network in the same file, and a card beside it.

`models/NAME/model.safetensors` and `models/NAME/card.json`. The card is for people; sampling reads the weights only.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from jamun.io.atomic import write_json
from jamun.io.disk import write_bytes
from jamun.io.shipped import CARD, DESCRIPTION, WEIGHTS


def write_model(folder: Path, content: dict[str, Any], card: dict[str, Any]) -> None:
    """Write `content`, a checkpoint's mapping with its `state_dict`, and `card` (of JSON's types) into `folder`."""
    write_weights(folder / WEIGHTS, content)
    write_json(folder / CARD, card)


def write_weights(path: Path, content: dict[str, Any]) -> None:
    """Write `content`, a checkpoint's mapping with its `state_dict`, as one safetensors file."""
    described = {key: value for key, value in content.items() if key != "state_dict"}
    weights = {name: value.contiguous() for name, value in content["state_dict"].items()}
    # Not by save_file, whose files only their owner may read.
    write_bytes(path, save(weights, metadata={DESCRIPTION: json.dumps(described)}))


def read_weights(path: Path) -> dict[str, Any]:
    """A checkpoint's mapping from a safetensors file; no code can be in one.

    Raises OSError for a file that cannot be opened, ValueError for one that is not safetensors or not of this program.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            described = (stored.metadata() or {}).get(DESCRIPTION)
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    if described is None:
        raise ValueError("safetensors without this program's description")
    content = json.loads(described)
    if not isinstance(content, dict):
        raise ValueError("safetensors with a damaged description")
    return content | {"state_dict": weights}
