"""A trained network as sampling sees it (jamun.sampling.score.Score)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.data.molecule import Molecule
from jamun.io.disk import file_sha256
from jamun.io.log import UserError
from jamun.model.acceleration import accelerated, matmul_precision
from jamun.model.architectures import architecture_of
from jamun.model.checkpoint import LoadedDenoiser, load_denoiser


class HandError(UserError):
    """A molecule of both hands, and a network that is not told of them."""


@dataclass(frozen=True)
class NetworkScore:
    """A checkpoint, read.

    file, sha256: the checkpoint.
    loaded: what is in it.
    """

    file: str
    sha256: str
    loaded: LoadedDenoiser

    @classmethod
    def read(cls, checkpoint: Path) -> "NetworkScore":
        """Raises CheckpointError for a file that is no checkpoint of this program."""
        loaded = load_denoiser(checkpoint)
        return cls(str(checkpoint), file_sha256(checkpoint), loaded)

    @property
    def sigma(self) -> float:
        """The noise level that it was validated at, nm."""
        return self.loaded.sigma

    @property
    def levels(self) -> tuple[float, float]:
        """Lowest and highest noise level of its training, nm."""
        return self.loaded.training.levels

    def bytes_per_chain(self, atoms: int) -> int:
        """Memory that one evaluation takes for each chain, estimated."""
        return self.loaded.denoiser.bytes_per_graph(atoms)

    def outside(self, molecule: Molecule) -> str | None:
        """What of a molecule the network was not trained on, in a sentence; None where nothing is, or not known."""
        return None if self.loaded.trained_on is None else self.loaded.trained_on.outside(molecule)

    def denoiser(
        self, molecule: Molecule, settings: SamplingSettings, device: torch.device
    ) -> Callable[[Tensor, float], Tensor]:
        """Estimates for chains of one molecule: y (chains, atoms, 3) in nm and sigma in nm -> xhat.

        A network that is not told of hands knows L residues: of a molecule of D residues it sees the mirror image.

        Raises:
            VocabularyError: the network has no code for an atom.
            HandError: residues are of both hands, and the network is not told of them.
        """
        network, precision = self.loaded.denoiser.to(device), settings.precision
        assert precision != "auto"
        mirrored = not network.knows_hands and bool((molecule.hands < 0).any())
        if mirrored and (molecule.hands > 0).any():
            raise HandError(
                f"{self.file}: this network knows one hand only, and {' and '.join(molecule.d_residues)} "
                "of the molecule is D where others are L; use a model of architecture dense."
            )
        mirror = torch.tensor([-1.0 if mirrored else 1.0, 1.0, 1.0], device=device)
        conditioning = architecture_of(self.loaded.network).conditioning.from_molecule(molecule).to(device)
        with torch.no_grad(), matmul_precision(precision, device):
            prepared = network.prepare(conditioning)
        call = accelerated(network, settings.compile, device)

        def denoise(y: Tensor, sigma: float) -> Tensor:
            with matmul_precision(precision, device):
                return call(y * mirror, sigma, prepared) * mirror if mirrored else call(y, sigma, prepared)

        return denoise
