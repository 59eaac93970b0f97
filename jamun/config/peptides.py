"""Settings of the peptides: which sequences, in which split, in which chemical form."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from jamun.config.base import Section, Seed

Form = Literal["capped", "uncapped"]
Sequence = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Split = list[Sequence] | Annotated[int, Field(ge=0, le=1_000_000)] | Sequence


class PeptideSettings(Section):
    """The peptides of a dataset. A split is a list of sequences, the path of a CSV or FASTA file, or a count drawn from
    `pool`."""

    form: Form = "capped"
    """`capped`: ACE and NME caps. `uncapped`: zwitterion. A sequence written as `H-AW-OH` is not capped and one written
    as `Ac-AW-NHMe` is, whatever stands here. A head-to-tail ring has neither caps nor ends."""
    ph: float = Field(7.0, ge=0, le=14)
    """pH at which hydrogens are added."""
    train: Split = Field(default_factory=list)
    """Training peptides: a list, a file, or a count from `pool`."""
    validation: Split = Field(default_factory=list)
    """Validation peptides: a list, a file, or a count from `pool`."""
    test: Split = Field(default_factory=list)
    """Test peptides: a list, a file, or a count from `pool`."""
    structures: list[Sequence] | Sequence = Field(default_factory=list)
    """Test peptides given as structure files (PDB, mmCIF, GRO): a list of files, or a folder. Each is named after its
    file. Sampling starts from them, and so does MD if it is made here. Their ends stay as they are, whatever `form`
    says."""
    pool: list[Sequence] | Sequence = "dipeptides"
    """What counts are drawn from: `dipeptides` (all 400), a list, or the path of a CSV or FASTA file."""
    split_seed: Seed = 0
    """Seed of the draw, for splits given as counts."""
    unshared_substring: int | None = Field(None, ge=1, le=100)
    """Peptides of two splits must not share this many residues in a row. Splits given as counts are drawn accordingly.
    Shorter peptides must only differ. null: all sequences must only differ."""
