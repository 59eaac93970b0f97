"""Residues and atoms of a file under their standard names. Imports nothing heavy."""

from collections import Counter
from dataclasses import dataclass

from jamun.peptides.reading import FoundAtom, FoundResidue
from jamun.peptides.residues import RESIDUE_KINDS, heavy_atom_names, is_hydrogen, standard_atom
from jamun.peptides.sequences import D_NAMES, PeptideError, standard_residue

# What makes a residue part of a chain, whatever its name.
_BACKBONE = {"N", "CA", "C"}
# Atoms of CHARMM's patches ACE (or ACP), CT3 and CT2, which write caps as atoms of the first and the last residue.
_ACE_PATCH, _END_PATCH = {"CAY", "CY", "OY"}, {"NT", "CAT"}


@dataclass(frozen=True)
class ChainResidue:
    """A residue of a peptide.

    kind: its standard name, such as HIS.
    name: the file's name of it, such as HIE.
    label: that name with the number, such as HIE3.
    chain: what the file tells chains apart by.
    place: its place in the file.
    atoms: its heavy atoms by standard name.
    unknown: names of heavy atoms that the residue does not have.
    twice: pairs of the file's names that are one atom.
    renamed: what was renamed, in words.
    hydrogens: how many of them were left out.
    """

    kind: str
    name: str
    label: str
    chain: str
    place: int
    atoms: dict[str, FoundAtom]
    unknown: list[str]
    twice: list[tuple[str, str]]
    renamed: list[str]
    hydrogens: int


def _patches_apart(residues: list[FoundResidue]) -> list[FoundResidue]:
    """CHARMM's patches, whose atoms are in the first and the last residue, as residues of their own."""
    apart: list[FoundResidue] = []
    for residue in residues:
        by_name = {atom.name.upper(): atom for atom in residue.atoms}
        if not by_name.keys() >= _BACKBONE:
            apart.append(residue)
            continue
        first = [by_name[name] for name in _ACE_PATCH] if by_name.keys() >= _ACE_PATCH else []
        last = [by_name[name] for name in sorted(_END_PATCH & by_name.keys())] if "NT" in by_name else []
        own = [atom for atom in residue.atoms if not any(atom is other for other in (*first, *last))]
        for name, atoms in (("ACE", first), (residue.name, own), ("NME" if "CAT" in by_name else "NH2", last)):
            if atoms:
                apart.append(FoundResidue(name, residue.number, residue.chain, atoms))
    return apart


def _chain_residue(found: FoundResidue, kind: str, place: int) -> ChainResidue:
    atoms: dict[str, FoundAtom] = {}
    unknown, twice, renamed, hydrogens = [], [], [], 0
    for atom in found.atoms:
        name = standard_atom(kind, atom.name)
        if is_hydrogen(kind, name, atom.element):
            hydrogens += 1
        elif name not in heavy_atom_names(kind):
            unknown.append(atom.name)
        elif name in atoms:
            twice.append((atoms[name].name, atom.name))
        else:
            atoms[name] = atom
            if atom.name != name:
                renamed.append(f"{found.label} {atom.name} to {kind} {name}")
    if found.name.strip().upper() not in (kind, D_NAMES.get(kind)):
        renamed.insert(0, f"{found.label} to {kind}")
    return ChainResidue(
        kind, found.name.strip(), found.label, found.chain, place, atoms, unknown, twice, renamed, hydrogens
    )


def sort_out(residues: list[FoundResidue], where: str, remedy: str) -> tuple[list[ChainResidue], Counter[str]]:
    """The residues of a file that are amino acids or caps, in its order, and counts of the others by name.

    Raises PeptideError, which ends with the words of `remedy`, where a residue of a chain is none of the 20 amino acids
    or caps.
    """
    kept: list[ChainResidue] = []
    others: Counter[str] = Counter()
    for residue in _patches_apart(residues):
        kind = standard_residue(residue.name)
        if kind in RESIDUE_KINDS:
            kept.append(_chain_residue(residue, kind, len(kept)))
        elif {atom.name.upper() for atom in residue.atoms} >= _BACKBONE:
            raise PeptideError(
                f"{where}: residue {residue.label} is none of the 20 amino acids, ACE, NME or NH2; {remedy}."
            )
        else:
            others[residue.name] += 1
    return kept, others


def missing_atoms(residue: ChainResidue) -> list[str]:
    """Names of the heavy atoms that a residue lacks, OXT not counted."""
    return [name for name in RESIDUE_KINDS[residue.kind].atoms if name not in residue.atoms]


def wrong_atoms(residue: ChainResidue) -> str | None:
    """What is wrong with the names of a residue's atoms, in words; None where nothing is."""
    if residue.twice:
        first, second = residue.twice[0]
        return (
            f"atoms {first} and {second} of {residue.label} are the same atom by name; give every atom a name of its "
            "own"
        )
    if residue.unknown:
        missing = missing_atoms(residue)
        lacking = f" (it lacks {', '.join(missing)})" if missing else ""
        return (
            f"{residue.label} holds atom {', '.join(residue.unknown)}, which this residue does not have{lacking}; name "
            "its atoms as in the PDB"
        )
    return None


def spelled(residues: list[ChainResidue]) -> str:
    """Names of residues in a row, such as ``ACE-ALA-NME``."""
    return "-".join(residue.kind for residue in residues)
