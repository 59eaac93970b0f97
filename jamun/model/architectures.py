"""The kinds of networks, by the name that `network.architecture` gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jamun.config.architecture import ArchitectureSettings
from jamun.config.network import NetworkSettings
from jamun.config.public_network import PublicNetworkSettings
from jamun.data.vocabulary import VOCABULARY_VERSION
from jamun.model.conditioning import Conditioning
from jamun.model.denoiser import Denoiser
from jamun.model.network import Conditioned, Network
from jamun.model.public.codes import PUBLIC_VOCABULARY_VERSION, PublicConditioning
from jamun.model.public.network import PublicDenoiser


@dataclass(frozen=True)
class Architecture:
    """One kind of network.

    build: makes it, with random weights, from its settings and the mean squared distance of pairs of atoms in nm^2.
    conditioning: the class that tells it of molecules.
    vocabulary_version: of its codes of atoms; a checkpoint of another version is refused.
    """

    build: Callable[[Any, float], Network]
    conditioning: type[Conditioned]
    vocabulary_version: int


# Of the names of jamun.config.network.ARCHITECTURE_SETTINGS.
ARCHITECTURES: dict[str, Architecture] = {
    NetworkSettings.name(): Architecture(Denoiser, Conditioning, VOCABULARY_VERSION),
    PublicNetworkSettings.name(): Architecture(PublicDenoiser, PublicConditioning, PUBLIC_VOCABULARY_VERSION),
}


def architecture_of(settings: ArchitectureSettings) -> Architecture:
    """The kind of network that the settings are of."""
    return ARCHITECTURES[settings.architecture]


def build(settings: ArchitectureSettings, mean_squared_distance: float) -> Network:
    """A network with random weights; `mean_squared_distance` is of pairs of atoms in clean structures, nm^2."""
    return architecture_of(settings).build(settings, mean_squared_distance)
