"""What a training learns from."""

from dataclasses import dataclass

import numpy as np

from jamun.data.store import FeatureFile
from jamun.io.log import UserError


class TrainingError(UserError):
    """Training that cannot start or go on."""


@dataclass(frozen=True)
class TrainingData:
    """Frames of both splits.

    train, validation: features files, one a peptide.
    mean_squared_distance: of pairs of atoms in the training frames, nm^2.
    weights: how often each frame of a peptide comes, (F,) by the peptide's name; None for all alike.
    """

    train: list[FeatureFile]
    validation: list[FeatureFile]
    mean_squared_distance: float
    weights: dict[str, np.ndarray] | None = None
