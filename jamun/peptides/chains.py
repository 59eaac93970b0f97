"""Which residues of a file are one chain, in which order, and the bonds between them that are no peptide bonds: of
rings, of disulphides, and others, which are refused. Imports nothing heavy."""

from itertools import combinations

import numpy as np

from jamun.peptides.bond_lengths import LONGEST_BOND_NM, SHORTEST_BOND_NM, distance
from jamun.peptides.naming import ChainResidue, spelled
from jamun.peptides.reading import FoundAtom
from jamun.peptides.sequences import ONE_LETTER, PeptideError
from jamun.peptides.topology import AtomNames, chain_bonds

_ENDS = ("NME", "NH2")
# Of a bond between residues that is neither a peptide bond nor a disulphide, such as a thioether's.
_LONGEST_LINK_NM = 0.2
# Pairs of atoms that a file bonds, by their index.
Bonds = frozenset[frozenset[int]]
# A bond that closes a chain: two residues, and the name of the atom of each.
Closure = tuple[tuple[ChainResidue, str], tuple[ChainResidue, str]]


def chains_by_order(residues: list[ChainResidue]) -> list[list[ChainResidue]]:
    """Residues by chain, as the file's order tells. Caps join theirs even where a file sets them apart."""
    chains: list[list[ChainResidue]] = []
    before: ChainResidue | None = None
    for residue in residues:
        apart = before is None or (before.chain != residue.chain and before.kind != "ACE" and residue.kind not in _ENDS)
        closed = before is not None and (before.kind in _ENDS or "OXT" in before.atoms)
        if apart or closed or residue.kind == "ACE":
            chains.append([])
        chains[-1].append(residue)
        before = residue
    return chains


def chains_by_bonds(residues: list[ChainResidue]) -> list[list[ChainResidue]]:
    """Residues by chain, as the distances from C to N tell, whatever the file's order: each from its first residue.

    Of several N that are near enough to a C, the one that the file's order and chains speak for is taken. A ring of
    residues is returned from where the file begins it.
    """
    befores = [residue for residue in residues if "C" in residue.atoms and residue.kind not in _ENDS]
    afters = [residue for residue in residues if "N" in residue.atoms]
    carbons = np.array([residue.atoms["C"].position for residue in befores]).reshape(-1, 1, 3)
    nitrogens = np.array([residue.atoms["N"].position for residue in afters]).reshape(1, -1, 3)
    apart = np.linalg.norm(carbons - nitrogens, axis=-1)
    near = []
    for first, second in np.argwhere((apart >= SHORTEST_BOND_NM) & (apart <= LONGEST_BOND_NM)).tolist():
        before, after = befores[first], afters[second]
        if before is not after:
            rank = (before.chain != after.chain, abs(after.place - before.place - 1), float(apart[first, second]))
            near.append((rank, before.place, after.place))
    following: dict[int, int] = {}
    for _, one, other in sorted(near):
        if one not in following and other not in following.values():
            following[one] = other
    by_place = {residue.place: residue for residue in residues}
    firsts = [place for place in by_place if place not in following.values()]
    chains, seen = [], set()
    for first_place in [*firsts, *by_place]:  # those without a first are rings
        chain, place = [], first_place if first_place not in seen else None
        while place is not None and place not in seen:
            seen.add(place)
            chain.append(by_place[place])
            place = following.get(place)
        if chain:
            chains.append(chain)
    return chains


def one_chain(kept: list[ChainResidue], path: str) -> list[ChainResidue]:
    """The one chain that all residues are of. Raises PeptideError for none, several, or a gap."""
    chains = chains_by_bonds(kept)
    if len(chains) > 1:
        # What breaks within what the file tells to be one chain is a gap; else the file holds several molecules.
        named = [chain for chain in chains_by_order(kept) if any(residue.kind in ONE_LETTER for residue in chain)]
        if len(named) > 1:
            shown = ", ".join(map(spelled, named))
            raise PeptideError(f"{path}: {len(named)} peptide chains ({shown[:160]}); keep one in the file.")
        (first, second) = chains[0][-1], chains[1][0]
        apart = (
            f" ({distance(first.atoms['C'], second.atoms['N']):.2f} nm from C to N)"
            if "C" in first.atoms and "N" in second.atoms
            else ""
        )
        raise PeptideError(
            f"{path}: {first.label} and {second.label} are not bonded{apart}; give one connected peptide, with every "
            "residue of it."
        )
    return chains[0]


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
