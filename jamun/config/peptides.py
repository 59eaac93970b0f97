"""Settings of the peptides: which sequences, in which split, in which chemical form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from jamun.config.base import LARGEST_SEED, Section

Sequence = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Split = list[Sequence] | Annotated[int, Field(ge=0, le=1_000_000)] | Sequence


class PeptideSettings(Section):
    """Which peptides a dataset holds. A split is a list of sequences, the path of a CSV or FASTA file, or a count
    drawn from `pool`."""

    form: Literal["capped", "uncapped"] = Field(
        "capped", description="ACE and NME caps, or a zwitterion; a head-to-tail ring has neither."
    )
    ph: float = Field(7.0, ge=0, le=14, description="pH at which hydrogens are added.")
    train: Split = Field(default_factory=list, description="Training peptides: a list, a file, or a count from `pool`.")
    validation: Split = Field(
        default_factory=list, description="Validation peptides: a list, a file, or a count from `pool`."
    )
    test: Split = Field(default_factory=list, description="Test peptides: a list, a file, or a count from `pool`.")
    structures: list[Sequence] | Sequence = Field(
        default_factory=list,
        description="Test peptides given as structure files (PDB, mmCIF, GRO), a list or a folder of them, each named "
        "as its file: sampling starts from them, and MD where it is made. They keep their caps or have none, whatever "
        "`form` says.",
    )
    pool: list[Sequence] | Sequence = Field(
        "dipeptides",
        description="Where counts are drawn from: `dipeptides` (all 400), a list, or the path of a CSV or FASTA file.",
    )
    split_seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the draw of splits given as counts.")
    unshared_substring: int | None = Field(
        None,
        ge=1,
        le=100,
        description="No peptide of one split may have so many residues in a row that a peptide of another split has "
        "too; counts are drawn accordingly. Peptides shorter than that must only differ. null asks for no more than "
        "different sequences.",
    )
