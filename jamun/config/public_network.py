"""Settings of the authors' public network."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jamun.config.architecture import MOST_CHANNELS, ArchitectureSettings, Size
from jamun.config.base import Quantity

LATEST_GENERATION = 5


class PublicNetworkSettings(ArchitectureSettings):
    """The network of the authors' public program; the defaults are its `e3conv.yaml`, with 10,552,889 parameters.

    The program gave the same keys and shapes different meanings over time. `generation` says which one holds:
    1, December 2024 to January 2025 (and the branches stable and marcocycles); 2, 3 to 6 February 2025; 3, to 20
    February; 4, to March; 5, after that, with another vocabulary and no limit on neighbours.
    """

    architecture: Literal["public"] = "public"
    """The network of the authors' public program."""
    generation: int = Field(4, ge=1, le=LATEST_GENERATION)
    """Generation of the public program whose network is reproduced (docs/other_models.md)."""
    hidden_irreps: str = Field("120x0e + 32x1e", pattern=r"^\s*\d{1,4}x0e\s*\+\s*\d{1,4}x1e\s*$")
    """Hidden features of an atom: scalars (0e) and vectors (1e)."""
    n_convolutions: int = Field(6, ge=1, le=50)
    """Message-passing blocks, the initial one included."""
    n_radial: Size = 32
    """Number of Gaussians in which distances are embedded."""
    radial_width: int = Field(64, ge=1, le=1024)
    """Hidden units of the radial layer of a convolution."""
    bond_embedding: Size = 32
    """Size of the embedding that tells whether two atoms are bonded."""
    element_embedding: Size = 8
    """Size of the embedding of the element."""
    atom_name_embedding: Size = 8
    """Size of the embedding of the PDB atom name."""
    residue_embedding: Size = 32
    """Size of the embedding of the residue type."""
    residue_index_embedding: Size = 8
    """Size of the embedding of the position of the residue in the chain."""
    residue_index: bool = False
    """Give the network the position of the residue in the chain, up to the tenth. false: all residues have the first
    position."""
    max_radius: Annotated[float, Quantity("nm", gt=0, le=100)] = 1.0
    """Radius of the public program. An edge joins atoms, and the Gaussians end, where a scaled distance reaches
    sqrt(max_radius^2 + 6 sigma^2); for the public settings that is 0.59 nm."""

    @model_validator(mode="after")
    def _channels(self) -> "PublicNetworkSettings":
        for count in self.channels.values():
            if not 1 <= count <= MOST_CHANNELS:
                raise ValueError(f"hidden_irreps needs numbers from 1 to {MOST_CHANNELS} before each x")
        return self

    @property
    def channels(self) -> dict[int, int]:
        """Degree -> multiplicity of the hidden features."""
        scalars, vectors = (int(part.split("x")[0]) for part in self.hidden_irreps.split("+"))
        return {0: scalars, 1: vectors}

    @property
    def embeddings(self) -> dict[str, int]:
        """Sizes of the embedding tables, in their order."""
        names = ("element", "atom_name", "residue", "residue_index")
        return {name: getattr(self, f"{name}_embedding") for name in names}

    @property
    def embeddings_read(self) -> dict[str, int]:
        """Those that reach the network. In generations 1 to 3 the one of atom names had odd parity, of which nothing is
        made."""
        return {name: size for name, size in self.embeddings.items() if name != "atom_name" or self.generation >= 4}

    @property
    def lmax(self) -> int:
        """Highest degree of the spherical harmonics of an edge."""
        return 1

    @property
    def max_neighbours(self) -> int | None:
        """Radial edges that reach an atom, at most; None is no limit."""
        return 32 if self.generation < 5 else None
