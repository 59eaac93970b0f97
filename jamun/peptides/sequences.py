"""Peptide sequences: one- and three-letter codes, tables, FASTA files. Imports nothing heavy."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from jamun.config.base import NAME
from jamun.config.peptides import Form
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
# Around the residues of a head-to-tail ring, and after them for each disulphide, the places of its two cysteines.
_RING = re.compile(r"CYCLO(?:\(-?(.*?)-?\)|[-_](.*))", re.DOTALL)
_BRIDGES = re.compile(r"(?:[-_]SS\d+-\d+)+$")
_BRIDGE = re.compile(r"SS(\d+)-(\d+)")
SMALLEST_RING = 5
# Around a sequence, what its ends are: ``H-...-OH`` and ``Ac-...-NHMe``.
_ENDS = re.compile(r"(H|AC|ACE)[-_](.+)[-_](OH|NHME|NME)", re.DOTALL)
_ENDS_OF_FORM = {"uncapped": ("H", "OH"), "capped": ("Ac", "NHMe")}
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
    """A named peptide.

    residues: three-letter codes, those of D residues as the PDB has them (DAL), caps not among them.
    ring: whether the last residue is bonded to the first, head to tail.
    disulphides: pairs of cysteines whose sulphurs are bonded, by their places from 1, the lower first.
    ends: ``capped`` or ``uncapped`` where the sequence says so; None leaves it to `peptides.form`.
    """

    name: str
    residues: tuple[str, ...]
    ring: bool = False
    disulphides: tuple[tuple[int, int], ...] = ()
    ends: Form | None = None

    def form(self, usual: Form) -> Form:
        """What the ends of an open chain are; `usual` is that of sequences that do not say so."""
        return self.ends or usual

    @property
    def letters(self) -> str:
        """The one-letter sequence, such as ``A(D)W`` of D-alanine and L-tryptophan, ``CAAC-SS1-4`` of a disulphide,
        ``cyclo-GAGAF`` of a ring and ``H-AW-OH`` where the ends are told."""
        return self._whole("".join(one_letter(residue) for residue in self.residues))

    @property
    def natural_letters(self) -> str:
        """The one-letter sequence of the open L peptide."""
        return "".join(one_letter(residue) for residue in self.residues).replace(D_MARK, "")

    @property
    def usual_name(self) -> str:
        """The sequence as it can stand in paths: the letters, or the names of residues where some are D."""
        return self.spelled if D_MARK in self.letters else self.letters

    @property
    def spelled(self) -> str:
        """The sequence by the names of its residues, such as ``DAL-TRP`` and ``cyclo-GLY-ALA-GLY``."""
        return self._whole("-".join(self.residues))

    def molecule(self, usual: Form) -> str:
        """The same for every spelling of one molecule: a ring has as many as it has residues, and ends may be told or
        be the `usual` ones."""
        if not self.ring:
            return replace(self, ends=self.form(usual)).letters
        count = len(self.residues)
        return min(self._begun_at(place).letters for place in range(count))

    def _begun_at(self, first: int) -> "Peptide":
        """The same ring, spelled from another residue, counted from 0."""
        count = len(self.residues)
        moved = (sorted((place - 1 - first) % count + 1 for place in pair) for pair in self.disulphides)
        pairs = tuple(sorted((low, high) for low, high in moved))
        return replace(self, residues=self.residues[first:] + self.residues[:first], disulphides=pairs)

    def _whole(self, chain: str) -> str:
        bridges = "".join(f"-SS{first}-{second}" for first, second in self.disulphides)
        closed = f"{'cyclo-' if self.ring else ''}{chain}{bridges}"
        if self.ends is None:
            return closed
        first, last = _ENDS_OF_FORM[self.ends]
        return f"{first}-{closed}-{last}"

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


def _residues_of(chain: str, text: str) -> tuple[str, ...]:
    """Names of the residues in `chain`, capitals alone, of the sequence `text`; raises as `parse_sequence`."""
    if re.search(r"[-_]", chain):
        residues = tuple(re.split(r"[-_]", chain))
        bad = next((part for part in residues if part not in ONE_LETTER and part not in D_RESIDUES), None)
    else:
        found = re.findall(rf"(.)({re.escape(D_MARK)})?", chain, re.DOTALL)
        bad = next((letter for letter, _ in found if letter not in THREE_LETTER), None)
        if bad is None and ("G", D_MARK) in found:
            raise PeptideError(f"sequence {shown(text)} holds a D glycine, which there is not; write G.")
        residues = tuple(
            "" if bad else D_NAMES[THREE_LETTER[letter]] if mark else THREE_LETTER[letter] for letter, mark in found
        )
    if bad is not None:
        hint = f"; for the single residue write {ONE_LETTER[chain]}" if chain in ONE_LETTER else ""
        if bad in _CAP_NAMES:
            hint = "; caps are written around all, as in Ac-AW-NHMe, or not at all: peptides.form says what is usual"
        raise PeptideError(f"sequence {shown(text)} holds {shown(bad)}, which is none of the 20 amino acids{hint}.")
    return residues


def _without_ends(text: str) -> tuple[str, Form | None]:
    """The sequence between the ends that `text` has written around it, and what they make of it, None without any.

    Raises PeptideError for one end of each form.
    """
    found = _ENDS.fullmatch(text.upper())
    if not found:
        return text, None
    start, end = found.span(2)
    if (found[1] == "H") != (found[3] == "OH"):
        raise PeptideError(
            f"sequence {shown(text)} has one end capped and one free; write Ac-...-NHMe or H-...-OH, or give the "
            "molecule as a structure."
        )
    return text[start:end], "uncapped" if found[1] == "H" else "capped"


def _require_possible(peptide: Peptide, text: str) -> None:
    """Raises PeptideError for a chain too long, a ring too small or with ends, or a disulphide that cannot be."""
    count = len(peptide.residues)
    if peptide.ring and peptide.ends is not None:
        raise PeptideError(f"sequence {shown(text)} is a ring, which has no ends; leave them out.")
    if count > MAX_RESIDUES:
        raise PeptideError(f"sequence {shown(text)} has {count} residues; at most {MAX_RESIDUES} can be built.")
    if peptide.ring and count < SMALLEST_RING:
        raise PeptideError(
            f"sequence {shown(text)} is a ring of {count} residues, which needs cis peptide bonds; rings of "
            f"{SMALLEST_RING} to {MAX_RESIDUES} residues are built, others are given as structures."
        )
    places = [place for pair in peptide.disulphides for place in pair]
    for first, second in peptide.disulphides:
        for place in (first, second):
            if not 1 <= place <= count or standard_residue(peptide.residues[place - 1]) != "CYS":
                raise PeptideError(
                    f"sequence {shown(text)} has a disulphide of residue {place}, which is no cysteine; give the "
                    "places of two cysteines, counted from 1."
                )
            if places.count(place) > 1:
                raise PeptideError(
                    f"sequence {shown(text)} has residue {place} twice in disulphides; a cysteine is in one at most."
                )
        if second - first in ((1, count - 1) if peptide.ring else (1,)):
            raise PeptideError(
                f"sequence {shown(text)} has a disulphide of two neighbours, {first} and {second}, which bends the "
                "peptide bond between them; give the molecule as a structure."
            )


def parse_sequence(text: str, name: str | None = None) -> Peptide:
    """Read ``AW``, ``ALA-TRP`` or ``ALA_TRP``; the name is the one-letter sequence unless given.

    ``A(D)W`` and ``DAL-TRP`` have a D residue, which the latter names as the PDB does; it is also the peptide's name,
    since names become part of paths. ``CAAC-SS1-4`` has a disulphide of the cysteines 1 and 4. ``cyclo-GAGAF``, or
    ``cyclo(GAGAF)``, is a ring: its last residue is bonded to its first. ``H-AW-OH`` is not capped and ``Ac-AW-NHMe``
    is, whatever others are.

    Without a separator every letter is a residue, so ``ALA`` is Ala-Leu-Ala and a single alanine is ``A``: otherwise a
    tripeptide whose letters spell a three-letter code could not be told from that residue. Raises PeptideError for an
    empty or overlong sequence, an unknown residue, small letters among capitals, a ring or disulphide that cannot be
    built, or a name unfit for a path.
    """
    stripped = text.strip()
    if not stripped:
        raise PeptideError("a sequence is empty: give 1 to 10 residues, such as AW or ALA-TRP.")
    # Beyond ASCII, capitals of other letters can be amino acids' letters: those of a German sharp s are SS.
    foreign = next((letter for letter in stripped if not letter.isascii()), None)
    if foreign is not None:
        raise PeptideError(
            f"sequence {shown(text)} holds {shown(foreign)} (U+{ord(foreign):04X}), which is no amino acid's letter."
        )
    inner, ends = _without_ends(stripped)
    bridges = _BRIDGES.search(inner.upper())
    chain = inner[: bridges.start()] if bridges else inner
    ring = _RING.fullmatch(chain.upper())
    if ring:
        start, end = ring.span(1 if ring[1] is not None else 2)
        chain = chain[start:end]
    letters = re.sub(re.escape(D_MARK), "", chain, flags=re.IGNORECASE)
    if not re.search(r"[-_]", chain) and letters not in (letters.upper(), letters.lower()):
        raise PeptideError(
            f"sequence {shown(text)} has small letters among capitals, by which many mean D residues; write F(D) for "
            "D-phenylalanine, and capitals for L residues."
        )
    pairs = (sorted(map(int, pair)) for pair in _BRIDGE.findall(bridges[0] if bridges else ""))
    disulphides = tuple(sorted((first, second) for first, second in pairs))
    peptide = Peptide("", _residues_of(chain.upper(), text), ring is not None, disulphides, ends)
    _require_possible(peptide, text)
    peptide = replace(peptide, name=peptide.usual_name if name is None else name)
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


def _entry(path: Path, place: str, sequence: str, name: str | None) -> tuple[str, Peptide]:
    """A row's place and peptide. Raises PeptideError, which tells the place."""
    try:
        if name == "":
            raise PeptideError("the name is empty.")
        return place, _table_sequence(sequence, name)
    except PeptideError as error:
        raise PeptideError(f"{path}, {place}: {error}") from None


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
    return [_entry(path, row.place, row.cells.get("sequence", ""), row.cells.get("name")) for row in table]


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
    return [_entry(path, f"row {number}", sequence, name) for number, name, sequence in entries]


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
