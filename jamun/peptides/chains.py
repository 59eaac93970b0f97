"""Which residues of a file are one chain, and in which order. Imports nothing heavy."""

import numpy as np

from jamun.peptides.bond_lengths import LONGEST_BOND_NM, SHORTEST_BOND_NM, distance
from jamun.peptides.naming import ChainResidue, spelled
from jamun.peptides.sequences import ONE_LETTER, PeptideError

_ENDS = ("NME", "NH2")


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
