"""Put the study's model where `jamun sample` finds it: weights as safetensors, and the card."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from jamun.model.checkpoint import load_denoiser, read_content
from jamun.model.published import CARD, WEIGHTS, write_published
from jamun.study.card import make_card
from jamun.study.collected import Collected
from jamun.study.dataset import StudyError, require
from jamun.study.files import write_bytes, write_record


def ship(results: Path, collected: Collected, target: Path) -> bool:
    """Write model.safetensors and card.json of the study's model into `target`, unless they are there already; whether
    the weights were written. The weights bring the settings that the study sampled with.

    The collection must be of this checkpoint: its samples name their checkpoint's SHA-256. Raises StudyError where they
    name another, CheckpointError for a file that is no checkpoint.
    """
    checkpoint = require(results / "models" / collected.model / "checkpoint.ckpt", "trained model")
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    for peptide, record in collected.records["sampling"].items():
        if record["checkpoint"]["sha256"] != digest:
            raise StudyError(
                f"{checkpoint}: the samples of {peptide} were drawn with another checkpoint; finish the workflow and "
                "collect its results again."
            )
    load_denoiser(checkpoint)
    content = read_content(checkpoint) | {"sampling": collected.sampler or {}}
    with tempfile.TemporaryDirectory() as folder:
        write_published(Path(folder), content, {})
        weights = (Path(folder) / WEIGHTS).read_bytes()
    written = write_bytes(target / WEIGHTS, weights)
    shipped = {"name": WEIGHTS, "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    write_record(target / CARD, make_card(collected, shipped))
    return written
