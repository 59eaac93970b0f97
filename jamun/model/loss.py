"""Noise and loss of training (paper: section 3.3, Algorithm 1)."""

from collections.abc import Callable

import torch
from torch import Tensor

from jamun.config.training import TrainingSettings
from jamun.data.store import FeatureFile
from jamun.io.seeds import derived_seed
from jamun.model.batches import Batch, validation_batches
from jamun.model.geometry import centre, superpose
from jamun.model.network import Conditioned, Network


def drawn_sigmas(settings: TrainingSettings, graphs: int, number: int) -> Tensor:
    """Noise levels (G,) in nm, float64, of the graphs of training batch `number`: a share of `sigma_share` at
    `sigma`, the others evenly distributed in the logarithm over `sigma_range`; a function of seed and number alone.
    Without a range (1,), the level of all."""
    if settings.sigma_range is None:
        return torch.tensor([settings.sigma], dtype=torch.float64)
    low, high = settings.levels
    generator = torch.Generator().manual_seed(derived_seed(settings.seed, "sigma", number))
    drawn = low * (high / low) ** torch.rand(graphs, generator=generator, dtype=torch.float64)
    drawn[torch.rand(graphs, generator=generator) < settings.sigma_share] = settings.sigma
    return drawn


def noisy(clean: Tensor, mask: Tensor, sigma: float | Tensor, seed: int, align: bool) -> Tensor:
    """y = x + sigma eps of Algorithm 1: centred, and rotated onto x where `align`.

    Args:
        clean: (G, N, 3) in nm, centred.
        mask: (G, N), false on padding.
        sigma: noise level in nm, one number or (G,).
        seed: the noise depends on it and on the shape alone, on every device.
        align: whether to rotate y onto x.

    Returns:
        y (G, N, 3) in nm.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    y = centre(clean + torch.as_tensor(sigma).to(clean).reshape(-1, 1, 1) * noise, mask)
    return superpose(y, clean, mask) if align else y


def denoising_error(
    denoiser: Callable[..., Tensor], batch: Batch, sigma: float | Tensor, settings: TrainingSettings, purpose: str
) -> Tensor:
    """Squared errors |xhat - x|^2 of a noised batch.

    Args:
        denoiser: y (G, N, 3) in nm, sigma in nm and the conditioning to xhat of the shape of y.
        batch: clean frames.
        sigma: noise level in nm, one number or (G,).
        settings: of the training; `align` and the seed are used.
        purpose: what the noise is for; it depends on this, the seed and the number of the batch.

    Returns:
        Errors (G,) in nm^2, averaged over the atoms of each graph, times their weights where they have some.
    """
    mask = batch.conditioning.mask
    clean = centre(batch.positions, mask)
    y = noisy(clean, mask, sigma, derived_seed(settings.seed, purpose, batch.number), settings.align)
    squared = (denoiser(y, sigma, batch.conditioning) - clean).square().sum(-1) * mask
    if batch.weights is not None:
        squared = squared * batch.weights
    return squared.sum(1) / mask.sum(1)


def trains_on_gpu(settings: TrainingSettings) -> bool:
    """Whether a training of these settings runs on a GPU here."""
    return settings.accelerator != "cpu" and torch.cuda.is_available()


@torch.no_grad()
def validation_losses(
    denoiser: Network, conditioning: type[Conditioned], files: list[FeatureFile], settings: TrainingSettings
) -> dict[str, float]:
    """Losses of a finished denoiser on the validation peptides, with the frames and the noise of every validation.

    Returns by noise level in nm, |xhat - x|^2 / (3 sigma^2): at the level of validation and at the ends of the range.
    It runs on the GPU if training did.
    """
    device = torch.device("cuda" if trains_on_gpu(settings) else "cpu")
    denoiser = denoiser.to(device)
    levels = sorted({settings.sigma, *settings.levels})
    sums, frames = dict.fromkeys(levels, 0.0), 0
    for make in validation_batches(files, settings.validation_frames, settings.batch_size, conditioning):
        batch = make().to(device)
        frames += len(batch.positions)
        for sigma in levels:
            error = denoising_error(denoiser, batch, sigma, settings, "validation noise")
            sums[sigma] += float(error.double().sum()) / (3.0 * sigma**2)
    denoiser.cpu()
    return {f"{sigma:g}": total / frames for sigma, total in sums.items()}
