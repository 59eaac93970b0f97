"""Settings of the denoiser network."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, model_validator

from jamun.config.architecture import HIGHEST_DEGREE, MOST_CHANNELS, ArchitectureSettings, Irreps, Size
from jamun.config.base import Quantity
from jamun.config.errors import sentence
from jamun.config.public_network import PublicNetworkSettings
from jamun.io.text import shown


class NetworkSettings(ArchitectureSettings):
    """The SE(3)-equivariant denoiser (paper: section 3.4 and Appendix H). The defaults are the sizes of the published
    network, with 10.5 million parameters."""

    architecture: Literal["dense"] = "dense"
    """Kind of network. `dense` is described here, `public` in the next section; each has its own keys."""
    hidden_irreps: Irreps = "120x0e + 32x1e"
    """Hidden features of an atom, as irreps of e3nn. Even ones (0e, 1e, ...) as in the paper. Those of natural parity
    (0e, 1o, ...) make a network that cannot tell mirror images apart."""
    lmax: int = Field(1, ge=1, le=3)
    """Highest degree of the spherical harmonics of an edge."""
    n_convolutions: int = Field(6, ge=1, le=20)
    """Message-passing blocks, the initial one included."""
    radial_basis: Literal["bessel", "gaussian"] = "bessel"
    """Basis in which distances are embedded."""
    n_radial: Size = 32
    """Functions in the radial basis."""
    radial_width: int = Field(64, ge=1, le=1024)
    """Hidden units of the radial layer of a convolution."""
    bond_embedding: Size = 32
    """Size of the embedding that tells whether two atoms are bonded."""
    element_embedding: Size = 8
    """Size of the embedding of the element."""
    atom_name_embedding: Size = 16
    """Size of the embedding of the PDB atom name."""
    residue_embedding: Size = 16
    """Size of the embedding of the residue type."""
    residue_index_embedding: int = Field(0, ge=0, le=512)
    """Size of the embedding of the position of the residue in the chain; 0: none."""
    cutoff: Annotated[float, Quantity("nm", gt=0, le=100)] | None = None
    """Distance of noisy atoms up to which an edge joins them. null: all pairs."""
    radial_range: Annotated[float, Quantity("nm", gt=0, le=100)] = 2.0
    """Distance that the radial basis covers if there is no cutoff."""

    @model_validator(mode="after")
    def _scalars_and_vectors(self) -> "NetworkSettings":
        irreps = {part.split("x")[1].strip() for part in self.hidden_irreps.split("+")}
        odd = any(irrep.endswith("o") for irrep in irreps)
        if not {"0e", "1o" if odd else "1e"} <= irreps:
            raise ValueError("hidden_irreps needs both scalars (0e) and vectors (1e), such as '32x0e + 8x1e'")
        for irrep in irreps:
            if irrep[-1] != ("o" if odd and int(irrep[:-1]) % 2 else "e"):
                raise ValueError("hidden_irreps mixes parities; give 0e, 1e, 2e and so on, or 0e, 1o, 2e and so on")
            if int(irrep[:-1]) > HIGHEST_DEGREE:
                raise ValueError(f"hidden_irreps has a degree above {HIGHEST_DEGREE}; leave {irrep} out")
        for part in self.hidden_irreps.split("+"):
            if not 1 <= int(part.split("x")[0]) <= MOST_CHANNELS:
                raise ValueError(
                    f"hidden_irreps: {shown(part.strip())} needs a number from 1 to {MOST_CHANNELS} before the x"
                )
        return self


# The settings of each kind of network, by its name; those of jamun.model.architectures.ARCHITECTURES.
ARCHITECTURE_SETTINGS: dict[str, type[ArchitectureSettings]] = {
    NetworkSettings.name(): NetworkSettings,
    PublicNetworkSettings.name(): PublicNetworkSettings,
}


def settings_class(values: Mapping[str, Any]) -> type[ArchitectureSettings]:
    """The class of the settings in a mapping, by its `architecture`. Raises ValueError, with a sentence, for a name
    that no network has."""
    name = values.get("architecture", NetworkSettings.name())
    if not isinstance(name, str):
        return NetworkSettings  # which refuses it as it refuses any value of another type
    if name not in ARCHITECTURE_SETTINGS:
        raise ValueError(f"architecture {shown(name)} is not known; give one of {', '.join(ARCHITECTURE_SETTINGS)}")
    return ARCHITECTURE_SETTINGS[name]


def network_settings(values: Mapping[str, Any]) -> ArchitectureSettings:
    """The settings of a network of any kind. Raises ValueError as `settings_class`, ValidationError as pydantic."""
    return settings_class(values)(**values)


def of_its_architecture(values: Any, usual: ValidatorFunctionWrapHandler) -> ArchitectureSettings:
    """Validates `values` by the class of their `architecture`; `usual` is pydantic's way for the default one."""
    if isinstance(values, ArchitectureSettings):
        return values
    if not isinstance(values, Mapping) or (kind := settings_class(values)) is NetworkSettings:
        found: ArchitectureSettings = usual(values)
        return found
    try:
        return kind(**values)
    except ValidationError as error:
        raise ValueError(sentence(error, kind)) from None
