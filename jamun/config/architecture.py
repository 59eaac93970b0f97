"""What the settings of every kind of network have."""

from typing import Annotated

from pydantic import Field, StringConstraints

from jamun.config.base import Section

Irreps = Annotated[str, StringConstraints(pattern=r"^\s*\d+x\d+[eo](\s*\+\s*\d+x\d+[eo])*\s*$")]
# Functions of a radial basis, and sizes of embeddings.
Size = Annotated[int, Field(ge=1, le=512)]
HIGHEST_DEGREE = 6
MOST_CHANNELS = 4096


class ArchitectureSettings(Section):
    """What the settings of every kind of network have."""

    architecture: str
    """Kind of network."""

    @classmethod
    def name(cls) -> str:
        """The name that `architecture` gives to this kind of network."""
        return str(cls.model_fields["architecture"].default)
