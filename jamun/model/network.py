"""The seam where a network plugs in: what training and sampling need of one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from jamun.data.molecule import Molecule


@dataclass
class Conditioned(ABC):
    """What a network is told of molecules besides positions: G graphs of at most N atoms, or one graph for all.

    Every field is a tensor (G or 1, N) of atoms, or (G or 1, N, N) of pairs of them, 0 or False on padding.

    mask: (G or 1, N) bool, False on padding.
    """

    mask: Tensor

    @classmethod
    @abstractmethod
    def from_molecule(cls, molecule: Molecule) -> Self:
        """One molecule. Raises VocabularyError for an atom that the network has no code for."""

    @classmethod
    def batch(cls, parts: list[Self]) -> Self:
        """Single molecules joined to one batch, padded to the largest."""
        largest = max(part.mask.shape[1] for part in parts)
        joined = {}
        for name in vars(parts[0]):
            rows = [getattr(part, name)[0] for part in parts]
            joined[name] = rows[0].new_zeros(len(rows), *[largest] * rows[0].dim())
            for whole, row in zip(joined[name], rows, strict=True):
                whole[tuple(map(slice, row.shape))] = row
        return cls(**joined)

    def select(self, graphs: Tensor) -> Self:
        """The graphs with these indices (G,) int64, repeats allowed."""
        return type(self)(**{name: value[graphs] for name, value in vars(self).items()})

    def to(self, device: torch.device | str) -> Self:
        """The same on `device`."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})


def preconditioning(sigma: Tensor, mean_squared_distance: Tensor | float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """c_in (1/nm), c_skip, c_out (nm), c_noise of Appendix B.

    With A the mean squared distance of pairs (nm^2) and B = 6 sigma^2: c_in = 1/sqrt(A+B), c_skip = A/(A+B),
    c_out = sqrt(A B/(A+B)), c_noise = ln(sigma)/4.
    """
    a, b = mean_squared_distance, 6.0 * sigma.square()
    return (a + b) ** -0.5, a / (a + b), (a * b / (a + b)) ** 0.5, sigma.log() / 4.0


class Network(nn.Module, ABC):
    """A denoiser xhat(y; sigma, z) of any architecture (jamun.model.architectures).

    mean_squared_distance: () float64, of pairs of atoms in clean structures, nm^2; the unit of length of its weights.
    knows_hands: whether it is equivariant under reflections of positions and of the molecule's hands together; one that
        is not knows the hand of its training alone.
    fixed_shapes: whether shapes inside must follow from those of the input, as CUDA graphs and compilers ask; those of
        lists of neighbours do not. Set by jamun.model.acceleration.
    """

    mean_squared_distance: Tensor
    knows_hands: bool = False
    fixed_shapes: bool = False

    def __init__(self, mean_squared_distance: float) -> None:
        super().__init__()
        if not mean_squared_distance > 0:
            raise ValueError(f"mean_squared_distance must be positive, got {mean_squared_distance}")
        self.register_buffer("mean_squared_distance", torch.tensor(float(mean_squared_distance), dtype=torch.float64))

    @abstractmethod
    def prepare(self, conditioning: Any) -> Any:
        """What does not depend on positions or sigma, computed once; ``forward`` takes it in place of the conditioning.

        Tensors, or a dataclass, dictionaries and lists of them; valid as long as the weights are. What is prepared
        already comes back as it is.
        """

    @abstractmethod
    def forward(self, y: Tensor, sigma: float | Tensor, conditioning: Any) -> Tensor:
        """Denoise.

        Args:
            y: (G, N, 3) nm; mean-centred on the way in.
            sigma: nm, one number or (G,).
            conditioning: of G graphs or of one that all share, prepared or not.

        Returns:
            xhat (G, N, 3) in nm, mean-centred, zero on padding.
        """

    def loss_scale(self, sigma: Tensor) -> Tensor:
        """c_out (G,) in nm of sigma (G,) in nm: squared errors over 3 c_out^2 are alike at every noise level (paper:
        Appendix B)."""
        return preconditioning(sigma, self.mean_squared_distance)[2]

    @abstractmethod
    def flops(self, atoms: int) -> int:
        """Floating-point operations of the large products of one graph's forward pass."""

    @abstractmethod
    def bytes_per_graph(self, atoms: int) -> int:
        """Memory that one forward pass without gradients takes for each graph, estimated."""
