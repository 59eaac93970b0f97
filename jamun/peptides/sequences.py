"""Peptide sequences: one- and three-letter codes, tables, FASTA files. Imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from jamun.config.base import NAME
from jamun.io.log import UserError
from jamun.io.tables import first_row, read_rows
from jamun.io.text import read_or_refuse, shown

THREE_LETTER = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP",
    "Y": "TYR", "V": "VAL",
}  # fmt: skip
ONE_LETTER = {three: one for one, three in THREE_LETTER.items()}
# The PDB's names of D residues, each the mirror image of the L residue.
D_RESIDUES = {
    "DAL": "ALA", "DAR": "ARG", "DSG": "ASN", "DAS": "ASP", "DCY": "CYS", "DGN": "GLN", "DGL": "GLU", "DHI": "HIS",
    "DIL": "ILE", "DLE": "LEU", "DLY": "LYS", "MED": "MET", "DPN": "PHE", "DPR": "PRO", "DSN": "SER", "DTH": "THR",
    "DTR": "TRP", "DTY": "TYR", "DVA": "VAL",
}  # fmt: skip
# What follows the letter of a D residue.
D_MARK = "(D)"
D_NAMES = {natural: mirrored for mirrored, natural in D_RESIDUES.items()}
CAPS = ("ACE", "NME", "NH2")
# Protonation states and disulphides differ in hydrogens alone: one residue each.
PARENTS = {
    "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "HSD": "HIS", "HSE": "HIS", "HSP": "HIS",
    "CYX": "CYS", "CYM": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS",
}  # fmt: skip
_RESIDUE_SYNONYMS = PARENTS | {"NMA": "NME", "NHE": "NH2", "HISD": "HIS", "HISE": "HIS", "HISH": "HIS", "CYSH": "CYS",
                               "CYS2": "CYS", "ASPH": "ASP", "GLUH": "GLU", "LYSH": "LYS"}  # fmt: skip
# What people write for caps in a sequence.
_CAP_NAMES = (*CAPS, "AC", "NMA", "NHE", "NHME", "NHCH3", "COCH3")
# First rows that could be sequences by their letters.
_COLUMN_NAMES = ("peptide", "peptides", "name", "names", "seq", "seqs")
MAX_RESIDUES = 10
NO_FREE_AMINO_ACID = (
    "{} is a single residue without caps, for which amber99sbildn has no template; cap it (peptides.form: capped), or "
    "give two residues or more."
)
# A name becomes part of paths.
NAME_RULE = "it holds letters, digits, '-' and '_' only"
_NAME = re.compile(NAME)


class PeptideError(UserError):
    """A sequence, name or table that cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Peptide:
    """A named peptide; `residues` are three-letter codes, those of D residues as the PDB has them (DAL), caps not among
    them."""

    name: str
    residues: tuple[str, ...]

    @property
    def letters(self) -> str:
        """The one-letter sequence, such as ``A(D)W`` of D-alanine and L-tryptophan."""
        return "".join(one_letter(residue) for residue in self.residues)

    @property
    def natural_letters(self) -> str:
        """The one-letter sequence of the L peptide."""
        return self.letters.replace(D_MARK, "")

    @property
    def hands(self) -> tuple[int, ...]:
        """Of each residue -1 where it is D, else 1."""
        return tuple(-1 if residue in D_RESIDUES else 1 for residue in self.residues)


def one_letter(residue: str) -> str:
    """One-letter code of a residue, such as ``A`` of ALA and ``A(D)`` of DAL."""
    return f"{ONE_LETTER[D_RESIDUES[residue]]}{D_MARK}" if residue in D_RESIDUES else ONE_LETTER[residue]


def is_name(text: str) -> bool:
    """Whether `text` can name a peptide."""
    return _NAME.fullmatch(text) is not None


def standard_residue(name: str) -> str:
    """The PDB's name of a residue that a program may have named otherwise, such as HIS of HIE; of a D residue, the L
    residue's, whose atoms it has; others as they are."""
    name = name.strip().upper()
    name = D_RESIDUES.get(name, _RESIDUE_SYNONYMS.get(name, name))
    if len(name) == 4 and name[0] in "NC":  # NALA, CALA: terminal residues in Amber's and GROMACS's naming
        inner = _RESIDUE_SYNONYMS.get(name[1:], name[1:])
        if inner in ONE_LETTER:
            return inner
    return name


def parse_sequence(text: str, name: str | None = None) -> Peptide:
    """Read ``AW``, ``ALA-TRP`` or ``ALA_TRP``; the name is the one-letter sequence unless given.

    ``A(D)W`` and ``DAL-TRP`` have a D residue, which the latter names as the PDB does; it is also the peptide's name,
    since names become part of paths.

    Without a separator every letter is a residue, so ``ALA`` is Ala-Leu-Ala and a single alanine is ``A``: otherwise a
    tripeptide whose letters spell a three-letter code could not be told from that residue. Raises PeptideError for an
    empty or overlong sequence, an unknown residue, or a name unfit for a path.
    """
    stripped = text.strip().upper()
    if not stripped:
        raise PeptideError("a sequence is empty: give 1 to 10 residues, such as AW or ALA-TRP.")
    # Beyond ASCII, capitals of other letters can be amino acids' letters: those of a German sharp s are SS.
    foreign = next((letter for letter in text.strip() if not letter.isascii()), None)
    if foreign is not None:
        raise PeptideError(
            f"sequence {shown(text)} holds {shown(foreign)} (U+{ord(foreign):04X}), which is no amino acid's letter."
        )
    if re.search(r"[-_]", stripped):
        residues = tuple(re.split(r"[-_]", stripped))
        bad = next((part for part in residues if part not in ONE_LETTER and part not in D_RESIDUES), None)
    else:
        found = re.findall(rf"(.)({re.escape(D_MARK)})?", stripped, re.DOTALL)
        bad = next((letter for letter, _ in found if letter not in THREE_LETTER), None)
        if bad is None and ("G", D_MARK) in found:
            raise PeptideError(f"sequence {shown(text)} holds a D glycine, which there is not; write G.")
        residues = tuple(
            "" if bad else D_NAMES[THREE_LETTER[letter]] if mark else THREE_LETTER[letter] for letter, mark in found
        )
    if bad is not None:
        hint = f"; for the single residue write {ONE_LETTER[stripped]}" if stripped in ONE_LETTER else ""
        if bad in _CAP_NAMES:
            hint = "; caps are not written here: peptides.form says whether peptides have ACE and NME"
        raise PeptideError(f"sequence {shown(text)} holds {shown(bad)}, which is none of the 20 amino acids{hint}.")
    if len(residues) > MAX_RESIDUES:
        raise PeptideError(f"sequence {shown(text)} has {len(residues)} residues; at most {MAX_RESIDUES} can be built.")
    peptide = Peptide("", residues)
    usual = "-".join(residues) if D_MARK in peptide.letters else peptide.letters
    peptide = replace(peptide, name=usual if name is None else name)
    if not is_name(peptide.name):
        raise PeptideError(
            f"name {shown(peptide.name)} of sequence {shown(text)} is not 1 to 64 letters, digits, '-' and '_', the "
            "first a letter or a digit."
        )
    return peptide


def _unique(rows: list[tuple[str, Peptide]], path: Path) -> list[Peptide]:
    seen: dict[str, str] = {}
    for place, peptide in rows:
        if peptide.name in seen:
            raise PeptideError(f"{path}: {place} and {seen[peptide.name]} are both named {peptide.name!r}.")
        seen[peptide.name] = place
    return [peptide for _, peptide in rows]


def _table_sequence(text: str, name: str | None) -> Peptide:
    """As `parse_sequence`, without the asterisk by which translated sequences end."""
    return parse_sequence(text.strip().removesuffix("*"), name)


def _bare(path: Path, text: str) -> list[tuple[str, Peptide]]:
    """Sequences one a row, without names of columns. Raises PeptideError where a row is none."""
    rows: list[tuple[str, Peptide]] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip().strip('"')
        if not entry:
            continue
        try:
            if not rows and entry.lower() in _COLUMN_NAMES:
                raise PeptideError(f"{shown(entry)} is the name of a column.")
            rows.append((f"row {number}", _table_sequence(entry, None)))
        except PeptideError as error:
            raise PeptideError(
                f"{path}, row {number}: {shown(line.strip())} is no sequence ({str(error).removesuffix('.')}), and a "
                f"CSV of peptides needs a column named 'sequence' in its first row, which is {first_row(text)}."
            ) from None
    return rows


def _read_csv(path: Path, text: str) -> list[tuple[str, Peptide]]:
    table = read_rows(path, text, ["sequence"], PeptideError)
    if table is None:
        return _bare(path, text)
    rows = []
    for row in table:
        try:
            name = row.cells.get("name", "") if "name" in row.cells else None
            if name == "":
                raise PeptideError("the name is empty.")
            rows.append((row.place, _table_sequence(row.cells.get("sequence", ""), name)))
        except PeptideError as error:
            raise PeptideError(f"{path}, {row.place}: {error}") from None
    return rows


def _fasta_name(header: str) -> str:
    """The first word of a header; of UniProt's ``sp|P01234|NAME_SPECIES`` the accession."""
    word = next(iter(header.split()), "")
    database, *parts = word.split("|")
    return parts[0] if database in ("sp", "tr") and len(parts) == 2 else word


def _read_fasta(path: Path, text: str) -> list[tuple[str, Peptide]]:
    entries: list[tuple[int, str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(">"):
            entries.append((number, _fasta_name(line[1:]), ""))
        elif line.strip():
            if not entries:
                raise PeptideError(f"{path}, row {number}: a FASTA file starts with a '>' line.")
            entries[-1] = (*entries[-1][:2], entries[-1][2] + line.strip())
    rows = []
    for number, name, sequence in entries:
        try:
            if not name:
                raise PeptideError("the name is empty.")
            rows.append((f"row {number}", _table_sequence(sequence, name)))
        except PeptideError as error:
            raise PeptideError(f"{path}, row {number}: {error}") from None
    return rows


def read_table(path: Path) -> list[Peptide]:
    """Peptides of a table or a FASTA file, in the file's order.

    A table has a column `sequence`, optionally `name`, with commas, semicolons or tabs between; or it is one sequence a
    row and nothing else. Blank rows and an asterisk at a sequence's end are left out.

    Raises PeptideError naming the file and the row: unreadable file, missing column, empty name, unknown residue, two
    rows of one name, no peptide at all.
    """
    missing = "no such file of peptides; correct the path."
    text = read_or_refuse(path, PeptideError, missing, "give a CSV or FASTA file.")
    is_fasta = path.suffix.lower() in (".fasta", ".fa", ".faa") or text.lstrip().startswith(">")
    peptides = _unique(_read_fasta(path, text) if is_fasta else _read_csv(path, text), path)
    if not peptides:
        raise PeptideError(f"{path}: no peptide in this file.")
    return peptides
