"""Which atoms of a foreign topology are the peptide's, under which of our names, in our order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import mdtraj
import numpy as np

from jamun.data.molecule import heavy_atoms
from jamun.data.vocabulary import SYNONYMS
from jamun.peptides.sequences import ONE_LETTER, standard_residue
from jamun.trajectories.checks import TrajectoryError

_CAPS = ("ACE", "NME")
# Beyond those of the vocabulary: GROMOS names the methyls of caps CA, GROMACS has its own terminal oxygens.
_ATOM_SYNONYMS = SYNONYMS | {("NME", "CA"): "CH3", ("ACE", "CA"): "CH3", ("", "OC1"): "O", ("", "OC2"): "OXT",
                             ("", "OT"): "O"}  # fmt: skip
# What makes a residue part of a chain, whatever its name.
_BACKBONE = {"N", "CA", "C"}


@dataclass
class AtomMap:
    """`indices` (N,): the place in the foreign topology of each of our heavy atoms; `notes`: what was changed."""

    indices: np.ndarray
    notes: list[str] = field(default_factory=list)


def read_topology(path: Path) -> mdtraj.Topology:
    """A topology of any kind that MDTraj reads. Raises TrajectoryError for one that it does not."""
    if path.suffix.lower() == ".h5":
        raise TrajectoryError(f"{path}: a topology is not read from HDF5; write it as PDB beside the trajectory.")
    # Names as they are in the file, so that the record tells what was renamed; only the PDB reader would change them.
    options = {"standard_names": False} if path.suffix.lower() == ".pdb" else {}
    try:
        topology = mdtraj.load_topology(str(path), **options)
    except Exception as error:  # MDTraj's parsers of foreign files fail in every way there is
        reason = " ".join(str(error).split())[:160] or error.__class__.__name__
        raise TrajectoryError(
            f"{path}: not readable as a topology ({reason}); give a PDB, GRO, PRMTOP or another that MDTraj reads."
        ) from None
    if topology.n_atoms == 0:
        raise TrajectoryError(f"{path}: no atoms; give the topology of the trajectory.")
    return topology


def _atom_name(residue: str, name: str) -> str:
    return _ATOM_SYNONYMS.get((residue, name), _ATOM_SYNONYMS.get(("", name), name))


def _is_hydrogen(atom: mdtraj.core.topology.Atom) -> bool:
    if atom.element is not None and atom.element.symbol not in ("", "VS"):
        return atom.element.symbol in ("H", "D")
    return atom.name.lstrip("0123456789")[:1] in ("H", "D")


def _peptide_residues(topology: mdtraj.Topology, where: Path) -> tuple[list, Counter[str]]:
    """Residues of peptide chains, and counts of the others by name."""
    kept, others = [], Counter()
    for residue in topology.residues:
        name = standard_residue(residue.name)
        if name in ONE_LETTER or name in _CAPS or name == "NH2":
            kept.append(residue)
        elif {atom.name for atom in residue.atoms} >= _BACKBONE:
            raise TrajectoryError(
                f"{where}: residue {residue.name}{residue.resSeq} is none of the 20 amino acids, ACE or NME; leave the "
                "peptide out."
            )
        else:
            others[residue.name] += 1
    return kept, others


def _chains(residues: list) -> list[list]:
    """Residues by chain. Caps join theirs even where a file sets them apart, as PDB's hetero atoms are."""
    chains: list[list] = [residues[:1]]
    for before, after in pairwise(residues):
        first, second = standard_residue(before.name), standard_residue(after.name)
        apart = before.chain.index != after.chain.index and first != "ACE" and second not in ("NME", "NH2")
        closed = first in ("NME", "NH2") or second == "ACE"
        oxygens = {_atom_name(first, atom.name) for atom in before.atoms}
        if apart or closed or "OXT" in oxygens:
            chains.append([])
        chains[-1].append(after)
    return chains


def _spelled(names: list[str]) -> str:
    return "-".join(names)


def _find_chain(chains: list[list], wanted: list[str], where: Path) -> list:
    spelled = [[standard_residue(residue.name) for residue in chain] for chain in chains]
    found = [chain for chain, names in zip(chains, spelled, strict=True) if names == wanted]
    if len(found) > 1:
        raise TrajectoryError(
            f"{where}: {len(found)} chains are {_spelled(wanted)}; keep one molecule in topology and trajectory."
        )
    if not found:
        there = ", ".join(_spelled(names) for names in spelled if names) or "no peptide"
        core = [name for name in wanted if name not in _CAPS]
        only_caps = any([name for name in names if name not in _CAPS] == core for names in spelled)
        remedy = (
            f"set peptides.form: {'uncapped' if len(core) < len(wanted) else 'capped'}"
            if only_caps
            else "give the topology of this peptide, or correct its sequence under peptides"
        )
        raise TrajectoryError(f"{where}: holds {there[:200]}, not {_spelled(wanted)}; {remedy}.")
    return found[0]


def _match_residue(foreign, own, where: Path) -> tuple[list[int], list[str]]:
    """Foreign indices of the heavy atoms of `own`, a residue of ours, in its order; and the renamings."""
    kind = own.name
    by_name: dict[str, mdtraj.core.topology.Atom] = {}
    label = f"{foreign.name}{foreign.resSeq}"
    for atom in foreign.atoms:
        if _is_hydrogen(atom):
            continue
        name = _atom_name(kind, atom.name)
        if name in by_name:
            raise TrajectoryError(
                f"{where}: atoms {by_name[name].name} and {atom.name} of {label} are the same atom by name; give every "
                "atom a name of its own."
            )
        by_name[name] = atom
    wanted = {_atom_name(kind, atom.name): atom.name for atom in own.atoms if not _is_hydrogen(atom)}
    unknown = [atom.name for name, atom in by_name.items() if name not in wanted]
    missing = [own_name for name, own_name in wanted.items() if name not in by_name]
    if unknown:
        lacking = f" (it lacks {', '.join(missing)})" if missing else ""
        raise TrajectoryError(
            f"{where}: {label} holds atom {', '.join(unknown)}, which this residue does not have{lacking}; name its "
            "atoms as in the PDB."
        )
    if missing:
        raise TrajectoryError(
            f"{where}: {label} lacks heavy atoms: {', '.join(missing)}; give a trajectory with all of them."
        )
    notes = [f"{label} to {kind}"] if foreign.name != kind else []
    notes += [
        f"{label} {by_name[name].name} to {kind} {own_name}"
        for name, own_name in wanted.items()
        if by_name[name].name != own_name
    ]
    return [by_name[name].index for name in wanted], notes


def map_atoms(foreign: mdtraj.Topology, own: mdtraj.Topology, where: Path) -> AtomMap:
    """Find the heavy atoms of `own`, a peptide as it is built here, in `foreign`.

    Waters, ions and other chains are left out, hydrogens too; atoms are told by residue and name, with the usual
    variants. Raises TrajectoryError naming `where`: another sequence, several copies, an unknown residue or atom, a
    missing heavy atom.
    """
    residues, others = _peptide_residues(foreign, where)
    own_residues = list(own.residues)
    chains = _chains(residues)
    chain = _find_chain(chains, [residue.name for residue in own_residues], where)
    indices: list[int] = []
    renamed: list[str] = []
    for theirs, ours in zip(chain, own_residues, strict=True):
        matched, notes = _match_residue(theirs, ours, where)
        indices += matched
        renamed += notes
    result = AtomMap(np.array(indices, dtype=np.int64))
    hydrogens = sum(_is_hydrogen(atom) for residue in chain for atom in residue.atoms)
    if others:
        left = ", ".join(f"{count} {name}" for name, count in others.most_common())
        result.notes.append(f"left out of other molecules: {left}")
    for other in chains:
        if other and other is not chain:
            result.notes.append(f"left out chain {_spelled([residue.name for residue in other])[:200]}")
    if hydrogens:
        result.notes.append(f"left out {hydrogens} hydrogens of the peptide")
    if renamed:
        result.notes.append(f"renamed {'; '.join(renamed)}")
    if not np.array_equal(result.indices, np.sort(result.indices)):
        result.notes.append("atoms put into the order of the built peptide")
    return result


def own_heavy_atoms(structure: mdtraj.Topology) -> mdtraj.Topology:
    """The heavy atoms of a built peptide."""
    return structure.subset(heavy_atoms(structure))
