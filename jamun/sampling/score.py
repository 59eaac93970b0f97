"""What sampling needs of a model: estimates of clean structures at noise levels, whatever makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.data.molecule import Molecule

# y (chains, atoms, 3) in nm and a noise level in nm -> xhat(y) of the same shape; the score is (xhat - y) / sigma^2.
DenoiseAt = Callable[[Tensor, float], Tensor]


class Score(Protocol):
    """A model as sampling sees it.

    file, sha256: what it was read from, for the record; another hash is another model.
    sigma: noise level of the walk where the settings name none, nm.
    levels: lowest and highest noise level that it was made for, nm.
    """

    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def sigma(self) -> float: ...
    @property
    def levels(self) -> tuple[float, float]: ...

    def bytes_per_chain(self, atoms: int) -> int:
        """Memory that one evaluation takes for each chain, estimated."""

    def outside(self, molecule: Molecule) -> str | None:
        """What of a molecule the model was not trained on, in a sentence; None where nothing is, or it is not known."""

    def denoiser(self, molecule: Molecule, settings: SamplingSettings, device: torch.device) -> DenoiseAt:
        """Estimates for chains of one molecule (heavy atoms), in the precision that the settings name.

        Of a molecule and its mirror image, hands included, they are mirror images. Raises VocabularyError for an atom
        that the model does not know, HandError for D and L residues side by side where the model cannot tell them.
        """
