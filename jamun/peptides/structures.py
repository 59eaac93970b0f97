"""Peptides given as PDB files: which files, and the chain in each. Imports nothing heavy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from jamun.io.text import is_file, is_folder, read_or_refuse
from jamun.peptides.sequences import (
    CAPS,
    NAME_RULE,
    ONE_LETTER,
    Peptide,
    PeptideError,
    is_name,
    standard_residue,
)

# What makes a residue part of a chain, whatever its name.
_BACKBONE = {"N", "CA", "C"}


@dataclass
class _Residue:
    """One residue of a file: `name` as the PDB has it, `label` as the file does, and its lines by atom name."""

    name: str
    label: str
    chain: str
    lines: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """The one peptide chain of a PDB file: names of its residues, caps included, and its heavy atoms as PDB text.

    `models`: how many models the file has, of which this is the first; `left_out`: counts of other residues by name.
    """

    residues: tuple[str, ...]
    pdb: str
    models: int
    left_out: Counter[str]

    @property
    def amino_acids(self) -> tuple[str, ...]:
        """Residues without caps, three-letter codes."""
        return tuple(name for name in self.residues if name not in CAPS)


def _is_hydrogen(line: str) -> bool:
    element = line[76:78].strip().upper()
    return (element or line[12:16].strip().lstrip("0123456789")[:1]) in ("H", "D")


def _first_model(text: str) -> tuple[list[_Residue], int]:
    """Residues of the first model, and how many models there are; of alternate places of an atom the first counts."""
    residues: list[_Residue] = []
    last, part, models = None, 0, 0
    for line in text.splitlines():
        record = line[:6].strip()
        models += record == "MODEL"
        if models > 1:
            continue
        part += record == "TER"
        if record in ("ATOM", "HETATM"):
            place = (part, *line[17:27])
            if place != last:
                name, label = standard_residue(line[17:20]), f"{line[17:20].strip()}{line[22:27].strip()}"
                residues.append(_Residue(name, label, f"{part}{line[21:22]}"))
                last = place
            if not _is_hydrogen(line):
                residues[-1].lines.setdefault(line[12:16].strip(), line)
    return residues, max(models, 1)


def _chains(residues: list[_Residue]) -> list[list[_Residue]]:
    """Residues by chain. Caps join theirs even where a file sets them apart, as PDB's hetero atoms are."""
    chains: list[list[_Residue]] = []
    before = None
    for residue in residues:
        apart = before is None or (
            before.chain != residue.chain and before.name != "ACE" and residue.name not in ("NME", "NH2")
        )
        closed = before is not None and (before.name in ("NME", "NH2") or "OXT" in before.lines)
        if apart or closed or residue.name == "ACE":
            chains.append([])
        chains[-1].append(residue)
        before = residue
    return chains


def _renamed(line: str, residue: str, place: int) -> str:
    return f"ATOM  {line[6:16]} {residue:>3s} A{place:4d} {line[27:]}"


def read_chain(path: Path) -> Chain:
    """The peptide chain of a PDB file. Waters, ions and ligands are left out.

    Raises PeptideError naming the file: not readable, no peptide or several, a residue of the chain that is none of
    the 20 amino acids or caps.
    """
    missing = "no such file; give the PDB of a peptide under peptides.structures."
    text = read_or_refuse(path, PeptideError, missing, "give a PDB file.")
    residues, models = _first_model(text)
    kept, left_out = [], Counter()
    for residue in residues:
        if residue.name in ONE_LETTER or residue.name in CAPS:
            kept.append(residue)
        elif residue.lines.keys() >= _BACKBONE:
            raise PeptideError(
                f"{path}: residue {residue.label} is none of the 20 amino acids, ACE, NME or NH2; the networks know no "
                "others."
            )
        else:
            left_out[residue.name] += 1
    chains = [chain for chain in _chains(kept) if any(residue.name in ONE_LETTER for residue in chain)]
    if not chains:
        raise PeptideError(f"{path}: no peptide in it; give a PDB file with ATOM records of one.")
    if len(chains) > 1:
        shown = ", ".join("-".join(residue.name for residue in chain) for chain in chains)
        raise PeptideError(f"{path}: {len(chains)} peptide chains ({shown[:160]}); keep one in the file.")
    lines = [
        _renamed(line, residue.name, place)
        for place, residue in enumerate(chains[0], 1)
        for line in residue.lines.values()
    ]
    return Chain(tuple(residue.name for residue in chains[0]), "\n".join([*lines, "END"]) + "\n", models, left_out)


def structure_files(structures: list[str] | str, root: Path) -> dict[str, Path]:
    """The PDB file of each peptide by its name, that of the file: of files, or of those in a folder, in its order.

    Relative paths are taken from `root`, and come back as they were given. Raises PeptideError for a folder without
    PDB files, a file that is not there or no PDB by its ending, a name that is none, or one name twice.
    """
    if isinstance(structures, str) and is_folder(root / structures):
        found = [Path(structures) / path.name for path in sorted((root / structures).glob("*.pdb"))]
        if not found:
            raise PeptideError(f"peptides.structures: no file ends in .pdb in the folder {structures}.")
    else:
        found = [Path(path) for path in ([structures] if isinstance(structures, str) else structures)]
    files: dict[str, Path] = {}
    for path in found:
        if path.suffix.lower() != ".pdb":
            raise PeptideError(
                f"peptides.structures: {path} does not end in .pdb; give a PDB file, or a folder of them."
            )
        if not is_file(root / path):
            raise PeptideError(f"peptides.structures: {path} is not there; correct the path.")
        if not is_name(path.stem):
            raise PeptideError(
                f"peptides.structures: {path} is the peptide's name too, so {NAME_RULE}; rename the file."
            )
        if path.stem in files:
            raise PeptideError(
                f"peptides.structures: {files[path.stem]} and {path} are both {path.stem}; rename one of them."
            )
        files[path.stem] = path
    return files


def read_structures(structures: list[str] | str, root: Path) -> list[Peptide]:
    """The peptides in the files that `structure_files` finds. Raises PeptideError as it does, and as `read_chain`."""
    return [
        Peptide(name, read_chain(root / path).amino_acids) for name, path in structure_files(structures, root).items()
    ]
