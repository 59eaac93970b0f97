"""Structure files as they are: residues and atoms under the names that the file has. Imports nothing heavy.

PDB and mmCIF files are read here, since files as people have them hold what readers resolve without a word: alternate
places, missing elements, insertion codes. GRO is read by MDTraj.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jamun.io.names import ending, openable
from jamun.io.text import in_brief, read_lenient
from jamun.peptides.sequences import PeptideError

if TYPE_CHECKING:
    import mdtraj

# Endings of structure files, whatever their case.
PDB_SUFFIXES = (".pdb", ".ent", ".pdb.gz", ".ent.gz")
CIF_SUFFIXES = (".cif", ".mmcif", ".pdbx", ".cif.gz")
STRUCTURE_SUFFIXES = (*PDB_SUFFIXES, *CIF_SUFFIXES, ".gro")
SUFFIX_RULE = "its name ends in .pdb, .ent, .cif or .gro, or in one of the first three and .gz"


@dataclass(frozen=True)
class FoundAtom:
    """An atom of a file.

    name: as the file has it; element: its symbol, "" where the file tells none; index: its place in the file, from 0;
    position: (3,) in nm; NaN for a file without positions.
    """

    name: str
    element: str
    index: int
    position: np.ndarray


@dataclass
class FoundResidue:
    """A residue of a file.

    name: as the file has it; number: with insertion code; chain: what the file tells chains apart by; atoms: its atoms,
    one place of each.
    """

    name: str
    number: str
    chain: str
    atoms: list[FoundAtom] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name and number, such as ``TRP52A``."""
        return f"{self.name}{self.number}"


@dataclass(frozen=True)
class FoundModel:
    """One model of a file.

    residues: its residues; notes: what was chosen in it, in words; bonds: pairs of atoms that records of the file bond
    (CONECT, SSBOND, LINK, struct_conn), by their index.
    """

    residues: list[FoundResidue]
    notes: list[str]
    bonds: frozenset[frozenset[int]] = frozenset()


@dataclass(frozen=True)
class _Line:
    """An atom's line of a PDB or mmCIF file. `place` is of its residue: the second is its chain, the last its number
    with insertion code."""

    serial: str
    atom: FoundAtom
    residue: str
    place: tuple[str, ...]
    alternate: str
    occupancy: float


def structure_name(path: Path) -> str:
    """The name of a structure file without its ending: ``AW`` of AW.pdb.gz."""
    suffix = ending(path, STRUCTURE_SUFFIXES)
    return path.name[: -len(suffix)] if suffix else path.name


def is_structure(path: Path) -> bool:
    """Whether the file's ending is that of a structure."""
    return ending(path, STRUCTURE_SUFFIXES) in STRUCTURE_SUFFIXES


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _line(line: str, part: int, index: int, where: str) -> _Line:
    try:
        position = np.array([float(line[start : start + 8]) for start in (30, 38, 46)]) / 10.0
    except ValueError:
        raise PeptideError(
            f"{where}: no position in columns 31 to 54 ({line.strip()[:60]}); write the file anew."
        ) from (None)
    atom = FoundAtom(line[12:16].strip(), line[76:78].strip(), index, position)
    # The chain's letter and segment, whatever they are: blank in files of CHARMM and GROMACS.
    place = (str(part), line[21:22], line[72:76].strip(), line[22:27].strip())
    return _Line(line[6:11].strip(), atom, line[17:21].strip(), place, line[16:17].strip(), _number(line[54:60]))


def _models_of_pdb(text: str, path: Path) -> Iterator[list[_Line]]:
    """Atoms' lines of each model of a PDB file."""
    lines: list[_Line] = []
    part = 0
    for number, line in enumerate(text.split("\n"), 1):
        record = line[:6].strip()
        if record in ("MODEL", "ENDMDL", "END"):
            if lines:
                yield lines
            lines, part = [], 0
        elif record == "TER":
            part += 1
        elif record in ("ATOM", "HETATM"):
            lines.append(_line(line, part, len(lines), f"{path}, line {number}"))
    if lines:
        yield lines


def _joined_in_records(text: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs that records of a PDB file bond, each a serial number, or chain, number and name."""
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for line in text.split("\n"):
        record = line[:6].strip()
        if record == "CONECT":
            serials = [line[start : start + 5].strip() for start in range(6, 31, 5)]
            pairs += [((serials[0],), (other,)) for other in serials[1:] if other]
        elif record == "SSBOND":
            pairs.append(((line[15:16], line[17:22].strip(), "SG"), (line[29:30], line[31:36].strip(), "SG")))
        elif record == "LINK":
            first = (line[21:22], line[22:27].strip(), line[12:16].strip())
            pairs.append((first, (line[51:52], line[52:57].strip(), line[42:46].strip())))
    return pairs


def _bonds_of_records(
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]], lines: list[_Line]
) -> frozenset[frozenset[int]]:
    """Pairs of `_joined_in_records` by the atoms' indices; a pair of which one is no atom, or several, is left out."""
    found: dict[tuple[str, ...], list[int]] = {}
    for line in lines if pairs else []:
        for key in ((line.serial,), (line.place[1], line.place[-1], line.atom.name)):
            found.setdefault(key, []).append(line.atom.index)
    both = ((found.get(first, []), found.get(second, [])) for first, second in pairs)
    return frozenset(frozenset((*one, *other)) for one, other in both if len(one) == len(other) == 1)


def _begins_another(residue: list[_Line], line: _Line) -> bool:
    """Whether `line` is of another residue than the lines before it."""
    if residue[-1].place != line.place:
        return True
    if line.alternate or any(other.alternate for other in residue):
        return False  # one residue that the file holds under several names, or in several places
    return residue[-1].residue != line.residue or line.atom.name in {other.atom.name for other in residue}


def _one_place(lines: list[_Line]) -> tuple[str, list[FoundAtom], str | None]:
    """Name and atoms of a residue, and a note where the file holds several places of it.

    The place with the highest occupancy is taken, the first of equals; an atom that this place lacks is taken from
    another place of the same name.
    """
    places: dict[str, float] = {}
    for line in lines:
        if line.alternate:
            places[line.alternate] = places.get(line.alternate, 0.0) + line.occupancy
    mean = {place: total / sum(line.alternate == place for line in lines) for place, total in places.items()}
    if not mean:
        return lines[0].residue, [line.atom for line in lines], None
    chosen = max(mean, key=lambda place: mean[place])
    name = next(line.residue for line in lines if line.alternate == chosen)
    atoms: dict[str, FoundAtom] = {}
    for wanted in ("", chosen, *mean):
        for line in lines:
            if line.alternate == wanted and line.residue == name:
                atoms.setdefault(line.atom.name, line.atom)
    label = f"{name}{lines[0].place[-1]}"
    others = sorted({line.residue for line in lines} - {name})
    left = f"; left out {', '.join(others)}" if others else ""
    note = f"took place {chosen} of {len(mean)} of {label}{left}" if len(mean) > 1 else None
    return name, list(atoms.values()), note


def _model(lines: list[_Line], joined: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> FoundModel:
    groups: list[list[_Line]] = []
    for line in lines:
        if not groups or _begins_another(groups[-1], line):
            groups.append([])
        groups[-1].append(line)
    residues, notes = [], []
    for group in groups:
        name, atoms, note = _one_place(group)
        *chain, number = group[0].place
        residues.append(FoundResidue(name, number, "/".join(chain), atoms))
        notes += [note] if note else []
    return FoundModel(residues, notes, _bonds_of_records(joined, lines))


@contextmanager
def _by_mdtraj(path: Path, kind: str) -> Iterator[None]:
    """MDTraj's parsers of foreign files fail in every way there is: a sentence instead."""
    try:
        yield
    except Exception as error:
        raise PeptideError(f"{path}: not readable as {kind} ({in_brief(error)}); write the file anew.") from None


def _cell(row: dict[str, str], *columns: str) -> str:
    """The first of these columns that tells something; "" where none does."""
    return next((row[column] for column in columns if row.get(column, "?") not in (".", "?")), "")


def _models_of_cif(text: str, path: Path) -> list[FoundModel]:
    """All models of an mmCIF file, its first block."""
    with _by_mdtraj(path, "mmCIF"):
        from mdtraj.formats.pdbx.PdbxReader import PdbxReader

        blocks: list[Any] = []
        PdbxReader(StringIO(text)).read(blocks)

        def table(name: str) -> list[dict[str, str]]:
            found = blocks[0].getObj(name)
            return (
                [dict(zip(found.getAttributeList(), row, strict=False)) for row in found.getRowList()] if found else []
            )

        models: dict[str, list[_Line]] = {}
        for row in table("atom_site"):
            lines = models.setdefault(_cell(row, "pdbx_PDB_model_num"), [])
            name = _cell(row, "auth_atom_id", "label_atom_id")
            position = np.array([float(row[f"Cartn_{axis}"]) for axis in "xyz"]) / 10.0
            atom = FoundAtom(name, _cell(row, "type_symbol").capitalize(), len(lines), position)
            chain, number = _cell(row, "auth_asym_id", "label_asym_id"), _cell(row, "auth_seq_id", "label_seq_id")
            place = (_cell(row, "label_asym_id"), chain, number + _cell(row, "pdbx_PDB_ins_code"))
            residue, alternate = _cell(row, "auth_comp_id", "label_comp_id"), _cell(row, "label_alt_id")
            lines.append(_Line(row["id"], atom, residue, place, alternate, _number(row.get("occupancy", ""))))

        def end(row: dict[str, str], which: int) -> tuple[str, ...]:
            partner, code = f"ptnr{which}", _cell(row, f"pdbx_ptnr{which}_PDB_ins_code")
            chain = _cell(row, f"{partner}_auth_asym_id", f"{partner}_label_asym_id")
            number = _cell(row, f"{partner}_auth_seq_id", f"{partner}_label_seq_id")
            return chain, number + code, _cell(row, f"{partner}_label_atom_id")

        bonds = [row for row in table("struct_conn") if row["conn_type_id"].startswith(("covale", "disulf"))]
        joined = [(end(row, 1), end(row, 2)) for row in bonds]
        return [_model(lines, joined) for lines in models.values()]


def _models_of_gro(path: Path) -> list[FoundModel]:
    with _by_mdtraj(path, "GRO"), openable(path, ".gro") as name:
        import mdtraj

        loaded = mdtraj.load(name)
    return [FoundModel(found_residues(loaded.topology, positions), []) for positions in loaded.xyz.astype(np.float64)]


def found_residues(topology: mdtraj.Topology, positions: np.ndarray | None = None) -> list[FoundResidue]:
    """The residues of a topology of MDTraj's, with positions (atoms, 3) in nm where they are known."""
    if positions is None:
        positions = np.full((topology.n_atoms, 3), np.nan)
    return [
        FoundResidue(
            residue.name,
            str(residue.resSeq),
            str(residue.chain.index),
            [
                FoundAtom(
                    atom.name,
                    "" if atom.element is None else atom.element.symbol,
                    atom.index,
                    positions[atom.index],
                )
                for atom in residue.atoms
            ],
        )
        for residue in topology.residues
    ]


def read_models(path: Path) -> list[FoundModel]:
    """All models of a structure file: PDB (also gzipped), mmCIF or GRO.

    Raises PeptideError naming the file: of another ending, not there, not readable, without atoms.
    """
    suffix = ending(path, STRUCTURE_SUFFIXES)
    if suffix not in STRUCTURE_SUFFIXES:
        raise PeptideError(
            f"{path}: not known as a structure by its name; give a file whose name shows what it is: {SUFFIX_RULE}."
        )
    try:
        text = read_lenient(path)
    except FileNotFoundError:
        raise PeptideError(f"{path}: no such file; give the structure of a peptide.") from None
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise PeptideError(f"{path}: not readable ({error}); give a PDB file.") from None
    if suffix in PDB_SUFFIXES:
        joined = _joined_in_records(text)
        models = [_model(lines, joined) for lines in _models_of_pdb(text, path)]
    else:
        models = _models_of_gro(path) if suffix == ".gro" else _models_of_cif(text, path)
    if not models:
        raise PeptideError(f"{path}: no peptide in it, since it has no ATOM records; give a PDB file of one.")
    return models
