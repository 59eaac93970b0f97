"""Bonds between residues that are no peptide bonds of a chain: of rings, of disulphides, and others, which are refused.
Imports nothing heavy."""

from itertools import combinations

import numpy as np

from jamun.peptides.bond_lengths import LONGEST_BOND_NM, distance
from jamun.peptides.naming import ChainResidue
from jamun.peptides.reading import FoundAtom
from jamun.peptides.sequences import ONE_LETTER, PeptideError
from jamun.peptides.topology import AtomNames, chain_bonds

# Of a bond between residues that is neither a peptide bond nor a disulphide, such as a thioether's.
_LONGEST_LINK_NM = 0.2
# Pairs of atoms that a file bonds, by their index.
Bonds = frozenset[frozenset[int]]
# A bond that closes a chain: two residues, and the name of the atom of each.
Closure = tuple[tuple[ChainResidue, str], tuple[ChainResidue, str]]


def _told(one: FoundAtom, other: FoundAtom, told: Bonds) -> bool:
    return frozenset((one.index, other.index)) in told


def closures(chain: list[ChainResidue], told: Bonds) -> list[Closure]:
    """The bond of a ring, and those of disulphides, of residues in their order. `told` are pairs of atoms that the file
    bonds, by their index; without it, distances decide."""

    def bonded(one: FoundAtom, other: FoundAtom) -> bool:
        return _told(one, other, told) or distance(one, other) <= LONGEST_BOND_NM

    found: list[Closure] = []
    first, last = chain[0], chain[-1]
    ends = len(chain) > 1 and first.kind in ONE_LETTER and last.kind in ONE_LETTER and "OXT" not in last.atoms
    if ends and bonded(last.atoms["C"], first.atoms["N"]):
        found.append(((last, "C"), (first, "N")))
    cysteines = [residue for residue in chain if residue.kind == "CYS"]
    found += [
        ((one, "SG"), (other, "SG"))
        for one, other in combinations(cysteines, 2)
        if bonded(one.atoms["SG"], other.atoms["SG"])
    ]
    return found


def bonds_of(chain: list[ChainResidue], names: AtomNames, closing: list[Closure]) -> np.ndarray:
    """Bonds (bonds, 2) of a chain of atoms `names`, those that close it last."""
    bonds = chain_bonds(tuple(residue.kind for residue in chain), names)
    starts = dict(zip((residue.place for residue in chain), np.cumsum([0, *map(len, names)]).tolist(), strict=False))
    own = dict(zip((residue.place for residue in chain), names, strict=True))
    pairs = [sorted(starts[end.place] + own[end.place].index(name) for end, name in pair) for pair in closing]
    return np.concatenate([bonds, np.array(pairs, dtype=np.int64).reshape(-1, 2)])


def closure_notes(chain: list[ChainResidue], closing: list[Closure], told: Bonds, path: str) -> list[str]:
    """Bonds that distances alone tell, in words. Raises PeptideError for a residue that is in a disulphide by its name
    alone, and for a cysteine of two."""
    near = [pair for pair in closing if distance(*(residue.atoms[name] for residue, name in pair)) <= LONGEST_BOND_NM]
    ends = [residue.place for pair in near for residue, name in pair if name == "SG"]
    for residue in chain:
        if residue.name.upper() in ("CYX", "CYS2") and residue.place not in ends:
            raise PeptideError(
                f"{path}: {residue.label} is a cysteine of a disulphide by its name, but no other sulphur is within "
                f"{LONGEST_BOND_NM:g} nm of its own; name it CYS, or give the structure with the bond."
            )
        if ends.count(residue.place) > 1:
            raise PeptideError(
                f"{path}: the sulphur of {residue.label} is bonded to those of two other cysteines; one is possible."
            )
    notes = []
    for (first, one), (second, other) in closing:
        if not _told(first.atoms[one], second.atoms[other], told):
            told_as = f"a ring: {first.label} is bonded to" if one == "C" else f"a disulphide joins {first.label} and"
            notes.append(f"{told_as} {second.label}")
    return notes


def refuse_other_bonds(chain: list[ChainResidue], names: AtomNames, bonds: np.ndarray, told: Bonds, path: str) -> None:
    """Raises PeptideError for a bond between residues that the file tells, and that no peptide here has."""
    owners = [(residue, residue.atoms[name]) for residue, own in zip(chain, names, strict=True) for name in own]
    place = {atom.index: number for number, (_, atom) in enumerate(owners)}
    known = {frozenset(pair) for pair in bonds.tolist()}
    for pair in told:
        if len(pair) < 2 or not pair <= place.keys() or frozenset(place[atom] for atom in pair) in known:
            continue
        (first, one), (second, other) = (owners[number] for number in sorted(place[atom] for atom in pair))
        # Numbers of a file whose atoms were thinned out mean other atoms, which are far apart.
        if first is not second and distance(one, other) <= _LONGEST_LINK_NM:
            raise PeptideError(
                f"{path}: {first.label} {one.name} is bonded to {second.label} {other.name}; between residues, peptide "
                "bonds, disulphides and the bond from the last to the first are known, no others."
            )
