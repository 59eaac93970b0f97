"""The one way in for structures: from any file to one whole peptide, or to a sentence. Imports nothing heavy.

Whatever enters goes through `read_structure`: peptides of `peptides.structures`, starts of sampling, and what is
simulated by hand. The result is one connected molecule of amino acids and caps under the names of built peptides, with
all of its heavy atoms and bonds of a bond's length. What the file holds besides is left out and told.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jamun.io.text import is_file, is_folder
from jamun.peptides.closures import Closures
from jamun.peptides.reading import (
    STRUCTURE_SUFFIXES,
    SUFFIX_RULE,
    FoundAtom,
    FoundModel,
    FoundResidue,
    is_structure,
    read_models,
    structure_name,
)
from jamun.peptides.residues import (
    RESIDUE_KINDS,
    hand,
    heavy_atom_names,
    is_hydrogen,
    natural_centres,
    standard_atom,
)
from jamun.peptides.sequences import (
    CAPS,
    D_NAMES,
    D_RESIDUES,
    NAME_RULE,
    ONE_LETTER,
    Peptide,
    PeptideError,
    is_name,
    standard_residue,
)

if TYPE_CHECKING:
    import mdtraj

# Bonds between heavy atoms of peptides are 0.12 to 0.18 nm long, and vibrate by some hundredths.
SHORTEST_BOND_NM = 0.09
LONGEST_BOND_NM = 0.25
_TYPICAL_BOND_NM = 0.15
# Of a bond between residues that is neither a peptide bond nor a disulphide, such as a thioether's.
_LONGEST_LINK_NM = 0.2
# Of the bond to an end's second oxygen, nm.
_CARBOXYLATE_NM = 0.125
_ENDS = ("NME", "NH2")
# What makes a residue part of a chain, whatever its name.
_BACKBONE = {"N", "CA", "C"}
# Names of the heavy atoms of each residue; and pairs of atoms that a file bonds, by their index.
AtomNames = tuple[tuple[str, ...], ...]
Bonds = frozenset[frozenset[int]]
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


@dataclass(frozen=True)
class Structure:
    """One peptide as a file holds it, under the names and in the order of built peptides.

    residues: standard names of its residues, caps included.
    atom_names: names of the heavy atoms of each residue.
    positions: (models, atoms, 3) in nm.
    bonds: (bonds, 2), pairs of atoms, those of disulphides and of a ring among them.
    notes: what was left out, chosen or added, in words.
    named_d: places of the residues that the file names as D residues, and which are.
    """

    residues: tuple[str, ...]
    atom_names: tuple[tuple[str, ...], ...]
    positions: np.ndarray
    bonds: np.ndarray
    notes: tuple[str, ...]
    named_d: tuple[int, ...] = ()

    def hands_found(self) -> list[tuple[int, int, int]]:
        """Of each stereocentre the atom, the place of its residue, and its hand in the first model, 1 or -1."""
        names = [name for names in self.atom_names for name in names]
        owners = [place for place, names in enumerate(self.atom_names) for _ in names]
        centres = natural_centres(names, [self.residues[place] for place in owners], owners)
        return [(centre, owners[centre], hand(self.positions[0], centre, neighbours)) for centre, neighbours in centres]

    @property
    def closures(self) -> Closures:
        """Disulphides, and the bond of a ring."""
        owners = [place for place, names in enumerate(self.atom_names) for _ in names]
        return Closures.of([name for names in self.atom_names for name in names], owners, self.bonds)

    def peptide(self, name: str) -> Peptide:
        """What a sequence would say of it."""
        owners = [place for place, names in enumerate(self.atom_names) for _ in names]
        first = next(place for place, kind in enumerate(self.residues) if kind not in CAPS)
        pairs = tuple((owners[one] - first + 1, owners[other] - first + 1) for one, other in self.closures.disulphides)
        return Peptide(name, self.amino_acids, self.closures.ring is not None, pairs)

    @property
    def amino_acids(self) -> tuple[str, ...]:
        """Residues without caps, three-letter codes; DAL and so on of those that are D by their positions."""
        names = [name for names in self.atom_names for name in names]
        mirrored = {place for atom, place, sign in self.hands_found() if sign < 0 and names[atom] == "CA"}
        return tuple(
            D_NAMES[name] if place in mirrored else name for place, name in enumerate(self.residues) if name not in CAPS
        )

    @property
    def named_hands(self) -> dict[int, int]:
        """The hands that names of residues give to stereocentres, by atom: -1 in D residues, 1 in others."""
        return {atom: -1 if place in self.named_d else 1 for atom, place, _ in self.hands_found()}

    @property
    def models(self) -> int:
        """Models in the file."""
        return len(self.positions)

    def trajectory(self) -> mdtraj.Trajectory:
        """The heavy atoms as MDTraj holds them, a frame for each model."""
        import mdtraj

        topology = peptide_topology(self.residues, self.atom_names, self.bonds)
        return mdtraj.Trajectory(self.positions.astype(np.float32), topology)


def peptide_topology(
    residues: tuple[str, ...], atom_names: tuple[tuple[str, ...], ...], bonds: np.ndarray
) -> mdtraj.Topology:
    """MDTraj's topology of one chain whose residues are numbered from 1; arguments as the fields of `Structure`."""
    import mdtraj

    top = mdtraj.Topology()
    chain = top.add_chain()
    for number, (kind, names) in enumerate(zip(residues, atom_names, strict=True), 1):
        residue = top.add_residue(kind, chain, resSeq=number)
        for name in names:
            top.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    atoms = list(top.atoms)
    for first, second in bonds.tolist():
        top.add_bond(atoms[first], atoms[second])
    return top


def chain_bonds(residues: tuple[str, ...], atom_names: tuple[tuple[str, ...], ...]) -> np.ndarray:
    """Pairs (bonds, 2) of atoms that are bonded in such a chain; arguments as the fields of `Structure`."""
    place, count = [], 0
    for names in atom_names:
        place.append({name: count + number for number, name in enumerate(names)})
        count += len(names)
    bonds: list[tuple[int, int]] = []
    for number, kind in enumerate(residues):
        own = place[number]
        inner = [*RESIDUE_KINDS[kind].bonds, *([("C", "OXT")] if "OXT" in own else [])]
        bonds += [(own[first], own[second]) for first, second in inner if first in own and second in own]
        if number and "C" in place[number - 1] and "N" in own:
            bonds.append((place[number - 1]["C"], own["N"]))
    return np.array(sorted(tuple(sorted(bond)) for bond in bonds), dtype=np.int64).reshape(-1, 2)


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
    """The residues that are amino acids or caps, and counts of the others by name.

    Args:
        residues: those of a file, in its order.
        where: the file, for messages.
        remedy: what to do about a residue that is no amino acid, in words that end the sentence.

    Raises:
        PeptideError: a residue of a chain is none of the 20 amino acids or caps.
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


def _distance(first: FoundAtom, second: FoundAtom) -> float:
    return float(np.linalg.norm(first.position - second.position))


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
    for place in [*firsts, *by_place]:  # those without a first are rings
        chain = []
        while place is not None and place not in seen:
            seen.add(place)
            chain.append(by_place[place])
            place = following.get(place)
        if chain:
            chains.append(chain)
    return chains


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


def _one_chain(kept: list[ChainResidue], path: str) -> list[ChainResidue]:
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
            f" ({_distance(first.atoms['C'], second.atoms['N']):.2f} nm from C to N)"
            if "C" in first.atoms and "N" in second.atoms
            else ""
        )
        raise PeptideError(
            f"{path}: {first.label} and {second.label} are not bonded{apart}; give one connected peptide, with every "
            "residue of it."
        )
    return chains[0]


def _second_oxygen(residue: ChainResidue) -> FoundAtom:
    """The second oxygen of an end without a cap, in the plane of CA, C and O."""
    carbon, alpha, oxygen = (residue.atoms[name].position for name in ("C", "CA", "O"))
    away = (carbon - alpha) / np.linalg.norm(carbon - alpha)
    double = (oxygen - carbon) / np.linalg.norm(oxygen - carbon)
    direction = 2.0 * np.dot(double, away) * away - double  # O mirrored at the line through CA and C
    return FoundAtom("OXT", "O", -1, carbon + _CARBOXYLATE_NM * direction)


# A bond that closes a chain: two residues, and the name of the atom of each.
Closure = tuple[tuple[ChainResidue, str], tuple[ChainResidue, str]]


def _told(one: FoundAtom, other: FoundAtom, told: Bonds) -> bool:
    return frozenset((one.index, other.index)) in told


def closures(chain: list[ChainResidue], told: Bonds) -> list[Closure]:
    """The bond of a ring, and those of disulphides.

    Args:
        chain: residues in their order, with positions or without.
        told: pairs of atoms that the file bonds, by their index. Without it, distances decide.
    """

    def bonded(one: FoundAtom, other: FoundAtom) -> bool:
        known = one.position is not None and other.position is not None
        return _told(one, other, told) or (known and _distance(one, other) <= LONGEST_BOND_NM)

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


def with_closures(bonds: np.ndarray, chain: list[ChainResidue], names: AtomNames, closing: list[Closure]) -> np.ndarray:
    """Bonds (bonds, 2) of an open chain of atoms `names`, and those that close it."""
    starts = dict(zip((residue.place for residue in chain), np.cumsum([0, *map(len, names)]).tolist(), strict=False))
    own = dict(zip((residue.place for residue in chain), names, strict=True))
    pairs = [sorted(starts[end.place] + own[end.place].index(name) for end, name in pair) for pair in closing]
    return np.concatenate([bonds, np.array(pairs, dtype=np.int64).reshape(-1, 2)])


def _closure_notes(chain: list[ChainResidue], closing: list[Closure], told: Bonds, path: str) -> list[str]:
    """Bonds that distances alone tell, in words. Raises PeptideError for a residue that is in a disulphide by its name
    alone, and for a cysteine of two."""
    near = [pair for pair in closing if _distance(*(residue.atoms[name] for residue, name in pair)) <= LONGEST_BOND_NM]
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


def _refuse_other_bonds(peptide: _Peptide, bonds: np.ndarray, told: Bonds, path: str) -> None:
    """Raises PeptideError for a bond between residues that the file tells, and that no peptide here has."""
    names = zip(peptide.chain, peptide.atom_names, strict=True)
    owners = [(residue, residue.atoms[name]) for residue, own in names for name in own]
    place = {atom.index: number for number, (_, atom) in enumerate(owners)}
    known = {frozenset(pair) for pair in bonds.tolist()}
    for pair in told:
        if len(pair) < 2 or not pair <= place.keys() or frozenset(place[atom] for atom in pair) in known:
            continue
        (first, one), (second, other) = (owners[number] for number in sorted(place[atom] for atom in pair))
        # Numbers of a file whose atoms were thinned out mean other atoms, which are far apart.
        if first is not second and _distance(one, other) <= _LONGEST_LINK_NM:
            raise PeptideError(
                f"{path}: {first.label} {one.name} is bonded to {second.label} {other.name}; between residues, peptide "
                "bonds, disulphides and the bond from the last to the first are known, no others."
            )


@dataclass(frozen=True)
class _Peptide:
    """One model's peptide: its chain, with OXT where one was added, the bonds that close it, what is told of it."""

    chain: list[ChainResidue]
    closing: list[Closure]
    notes: list[str]

    @property
    def atom_names(self) -> AtomNames:
        return tuple(
            tuple(name for name in (*RESIDUE_KINDS[residue.kind].atoms, "OXT") if name in residue.atoms)
            for residue in self.chain
        )

    @property
    def positions(self) -> np.ndarray:
        """(atoms, 3) in nm."""
        found = zip(self.chain, self.atom_names, strict=True)
        return np.array([residue.atoms[name].position for residue, names in found for name in names])

    @property
    def labels(self) -> list[str]:
        found = zip(self.chain, self.atom_names, strict=True)
        return [f"{residue.label} {name}" for residue, names in found for name in names]


def _none(residues: list[FoundResidue], path: str) -> PeptideError:
    """What to say of a file without amino acids."""
    odd = next((r for r in residues if sum(atom.name[:1].upper() == "C" for atom in r.atoms) > 3), None)
    if odd is None:
        return PeptideError(f"{path}: no peptide in it; give a PDB file with ATOM records of one.")
    return PeptideError(
        f"{path}: no peptide in it; residue {odd.label} with {len(odd.atoms)} atoms is none of the 20 amino "
        "acids: name residues and atoms as in the PDB."
    )


def _peptide(model: FoundModel, path: str) -> _Peptide:
    """The peptide of one model; `path` names it in messages. Raises PeptideError as `read_structure` does."""
    kept, left_out = sort_out(model.residues, path, "the networks know no others")
    if not any(residue.kind in ONE_LETTER for residue in kept):
        raise _none(model.residues, path)
    for residue in kept:
        if wrong := wrong_atoms(residue):
            raise PeptideError(f"{path}: {wrong}.")
        if missing := missing_atoms(residue):
            raise PeptideError(
                f"{path}: residue {residue.label} lacks {', '.join(missing)}; complete it, as PDBFixer or PyMOL do."
            )
    _require_lengths(kept, path)
    chain = _one_chain(kept, path)
    notes = list(model.notes)
    if left_out:
        notes.append("left out " + ", ".join(f"{count} {other}" for other, count in left_out.most_common()))
    if renamed := [words for residue in chain for words in residue.renamed]:
        notes.append(f"renamed {'; '.join(renamed)}")
    if [residue.place for residue in chain] != sorted(residue.place for residue in chain):
        notes.append(f"put residues into the order of their bonds, {spelled(chain)}")
    if any("OXT" in residue.atoms for residue in chain[:-1]):
        raise PeptideError(
            f"{path}: {spelled(chain)} holds OXT, the oxygen of a chain's end, before its end; remove it."
        )
    closing = closures(chain, model.bonds)
    last = chain[-1]
    if last.kind in ONE_LETTER and "OXT" not in last.atoms and not any(name == "C" for (_, name), _ in closing):
        last.atoms["OXT"] = _second_oxygen(last)
        notes.append("added OXT to the end of the chain")
    notes += _closure_notes(chain, closing, model.bonds, path)
    peptide = _Peptide(chain, closing, notes)
    _refuse_other_bonds(peptide, _bonds(peptide), model.bonds, path)
    return peptide


def _bonds(peptide: _Peptide) -> np.ndarray:
    kinds = tuple(residue.kind for residue in peptide.chain)
    return with_closures(chain_bonds(kinds, peptide.atom_names), peptide.chain, peptide.atom_names, peptide.closing)


def _require_lengths(residues: list[ChainResidue], where: str) -> None:
    """Raises PeptideError for positions that are not finite, or whose bonds within residues are of another unit."""
    for residue in residues:
        for name, atom in residue.atoms.items():
            if not np.isfinite(atom.position).all():
                raise PeptideError(
                    f"{where}: the position of {residue.label} {name} is not finite; write the file anew."
                )
    typical = float(
        np.median(
            [
                _distance(residue.atoms[first], residue.atoms[second])
                for residue in residues
                for first, second in RESIDUE_KINDS[residue.kind].bonds
            ]
        )
    )
    if not 0.5 < typical / _TYPICAL_BOND_NM < 2.0:
        raise PeptideError(
            f"{where}: a typical bond is {typical:.3g} nm long, not {_TYPICAL_BOND_NM:g}; the file's positions are in "
            "another unit, or of another molecule: write it anew, a PDB in angstroms."
        )


def _require_molecule(positions: np.ndarray, bonds: np.ndarray, labels: list[str], where: str) -> None:
    """`positions` (atoms, 3) in nm. Raises PeptideError for a bond that is none, or atoms at one place."""
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=-1)
    bad = np.flatnonzero((lengths < SHORTEST_BOND_NM) | (lengths > LONGEST_BOND_NM))
    if len(bad):
        first, second = (labels[atom] for atom in bonds[bad[0]])
        raise PeptideError(
            f"{where}: bond {first} to {second} is {lengths[bad[0]]:.3f} nm long, outside of {SHORTEST_BOND_NM:g} to "
            f"{LONGEST_BOND_NM:g} nm; give the peptide whole, as one molecule."
        )
    first, second = np.triu_indices(len(positions), 1)
    apart = np.linalg.norm(positions[first] - positions[second], axis=-1)
    closest = int(apart.argmin()) if len(apart) else None
    if closest is not None and apart[closest] < SHORTEST_BOND_NM:
        raise PeptideError(
            f"{where}: {labels[first[closest]]} and {labels[second[closest]]} are only {apart[closest]:.3f} nm apart; "
            "keep one of the two."
        )


def read_structure(path: Path) -> Structure:
    """The one peptide of a structure file, a frame for each of its models. Waters, ions and ligands are left out.

    Args:
        path: PDB, mmCIF or GRO, the first two gzipped or not.

    Returns:
        The peptide under the names and in the order of built peptides, with what was left out and chosen as notes.

    Raises:
        PeptideError: naming the file and what is wrong. It is not readable; it holds no peptide, several, or one with a
            gap or a missing atom; a residue of the chain is none of the 20 amino acids or caps; a bond is shorter than
            0.09 nm or longer than 0.25 nm; models are of different molecules.
    """
    models = read_models(path)
    names = [f"{path}" if len(models) == 1 else f"{path}, model {number}" for number in range(1, len(models) + 1)]
    peptides = [_peptide(model, name) for model, name in zip(models, names, strict=True)]
    first = peptides[0]
    bonds, labels = _bonds(first), first.labels
    for where, peptide in zip(names, peptides, strict=True):
        if (spelled(peptide.chain), peptide.atom_names) != (spelled(first.chain), first.atom_names):
            raise PeptideError(
                f"{where}: {spelled(peptide.chain)} with {len(peptide.labels)} heavy atoms, but the first model is "
                f"{spelled(first.chain)} with {len(labels)}; keep models of one molecule."
            )
        if not np.array_equal(_bonds(peptide), bonds):
            raise PeptideError(
                f"{where}: other disulphides than in the first model; keep models of one molecule, or name bonds by "
                "CONECT or SSBOND records."
            )
        _require_molecule(peptide.positions, bonds, peptide.labels, where)
    notes = dict.fromkeys(note for peptide in peptides for note in peptide.notes)
    structure = Structure(
        tuple(residue.kind for residue in first.chain),
        first.atom_names,
        np.array([peptide.positions for peptide in peptides]),
        bonds,
        tuple(notes),
        tuple(place for place, residue in enumerate(first.chain) if residue.name.upper() in D_RESIDUES),
    )
    _require_named_hands(structure, first.chain, path)
    return structure


def _require_named_hands(structure: Structure, chain: list[ChainResidue], path: Path) -> None:
    """Raises PeptideError for a residue that is D by its name and L by its positions."""
    for _, place, sign in structure.hands_found():
        if place in structure.named_d and sign > 0:
            raise PeptideError(
                f"{path}: {chain[place].label} is a D residue by its name, but L by its positions; name it "
                f"{chain[place].kind}, or give the structure of the other hand."
            )


def structure_files(structures: list[str] | str, root: Path) -> dict[str, Path]:
    """The file of each peptide by its name, that of the file: of files, or of those in a folder, in its order.

    Relative paths are taken from `root`, and come back as they were given. Raises PeptideError for a folder without
    structures, a file that is not there or no structure by its ending, a name that is none, or one name twice.
    """
    if isinstance(structures, str) and is_folder(root / structures):
        there = sorted((root / structures).iterdir())
        found = [Path(structures) / path.name for path in there if is_structure(path)]
        if not found:
            raise PeptideError(
                f"peptides.structures: no file ends in {', '.join(STRUCTURE_SUFFIXES)} in the folder {structures}."
            )
    else:
        found = [Path(path) for path in ([structures] if isinstance(structures, str) else structures)]
    files: dict[str, Path] = {}
    for path in found:
        if not is_structure(path):
            raise PeptideError(
                f"peptides.structures: {path} does not end in .pdb; give a structure file ({SUFFIX_RULE}), or a folder "
                "of them."
            )
        if not is_file(root / path):
            raise PeptideError(f"peptides.structures: {path} is not there; correct the path.")
        name = structure_name(path)
        if not is_name(name):
            raise PeptideError(
                f"peptides.structures: {path} is the peptide's name too, so {NAME_RULE}; rename the file."
            )
        if name in files:
            raise PeptideError(f"peptides.structures: {files[name]} and {path} are both {name}; rename one of them.")
        files[name] = path
    return files


def read_structures(structures: list[str] | str, root: Path) -> list[Peptide]:
    """The peptides in the files that `structure_files` finds.

    Raises PeptideError as it does, and as `read_structure`.
    """
    return [read_structure(root / path).peptide(name) for name, path in structure_files(structures, root).items()]
