"""Which atoms of a foreign topology are the peptide's, under which of our names, in our order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np

from jamun.io.names import ending, openable
from jamun.io.text import in_brief
from jamun.peptides.chains import Bonds, bonds_of, chains_by_bonds, chains_by_order, closures
from jamun.peptides.closures import Closures
from jamun.peptides.naming import ChainResidue, sort_out, spelled, wrong_atoms
from jamun.peptides.reading import STRUCTURE_SUFFIXES, FoundResidue, found_residues, read_models
from jamun.peptides.residues import RESIDUE_KINDS
from jamun.peptides.sequences import CAPS, ONE_LETTER, PeptideError
from jamun.peptides.topology import peptide_topology
from jamun.trajectories.checks import TrajectoryError


@dataclass(frozen=True)
class FoundTopology:
    """A topology as its file has it.

    residues: all residues, waters and ions too; n_atoms: atoms in all, as a frame of its trajectory has them; bonds:
    pairs of atoms that it bonds, by their index, where it tells any.
    """

    residues: list[FoundResidue]
    n_atoms: int
    bonds: Bonds = frozenset()

    @property
    def has_positions(self) -> bool:
        """Whether the file tells where atoms are, as a PDB does and a PRMTOP does not."""
        return not any(np.isnan(atom.position).any() for residue in self.residues for atom in residue.atoms)


@dataclass
class AtomMap:
    """Where our heavy atoms are in a foreign topology.

    indices: (N,), the place of each; notes: what was changed and left out, in words.
    """

    indices: np.ndarray
    notes: list[str]


def read_topology(path: Path) -> FoundTopology:
    """A topology of any kind that MDTraj reads. Raises TrajectoryError for one that it does not."""
    suffix = ending(path, STRUCTURE_SUFFIXES)
    if suffix == ".h5":
        raise TrajectoryError(f"{path}: a topology is not read from HDF5; write it as PDB beside the trajectory.")
    if suffix in STRUCTURE_SUFFIXES:
        try:
            model = read_models(path)[0]
        except PeptideError as error:
            raise TrajectoryError(f"{error} It is needed as the topology of a trajectory.") from None
        last = max(atom.index for residue in model.residues for atom in residue.atoms)
        return FoundTopology(model.residues, 1 + last, model.bonds)
    try:
        with openable(path, suffix) as name:
            topology = mdtraj.load_topology(name)
    except Exception as error:  # MDTraj's parsers of foreign files fail in every way there is
        raise TrajectoryError(
            f"{path}: not readable as a topology ({in_brief(error)}); give a PDB, GRO, PRMTOP or another that MDTraj "
            "reads."
        ) from None
    if topology.n_atoms == 0:
        raise TrajectoryError(f"{path}: no atoms; give the topology of the trajectory.")
    bonds = frozenset(frozenset((first.index, second.index)) for first, second in topology.bonds)
    return FoundTopology(found_residues(topology), topology.n_atoms, bonds)


@dataclass(frozen=True)
class _Chains:
    """The peptide chains of a topology.

    kept: all residues that are amino acids or caps; others: counts of the other residues by name.
    ways: the chains as told apart in each way that there is: by the distances from C to N, where the file has
    positions, and by the file's order, which also holds for a molecule that lies across the faces of its box.
    """

    kept: list[ChainResidue]
    others: Counter[str]
    ways: list[list[list[ChainResidue]]]

    @classmethod
    def of(cls, foreign: FoundTopology, where: Path) -> "_Chains":
        """Raises TrajectoryError for a residue of a chain that is no amino acid."""
        try:
            kept, others = sort_out(foreign.residues, str(where), "leave the peptide out")
        except PeptideError as error:
            raise TrajectoryError(str(error)) from None
        by_bonds = [chains_by_bonds(kept)] if foreign.has_positions else []
        return cls(kept, others, [*by_bonds, chains_by_order(kept)])

    def notes(self, chain: list[ChainResidue], indices: np.ndarray) -> list[str]:
        """What is left out for `chain`, and what is renamed and put into another order in it."""
        notes = []
        if self.others:
            left = ", ".join(f"{count} {name}" for name, count in self.others.most_common())
            notes.append(f"left out of other molecules: {left}")
        own = {residue.place for residue in chain}
        for other in chains_by_order([residue for residue in self.kept if residue.place not in own]):
            notes.append(f"left out chain {'-'.join(residue.name for residue in other)[:200]}")
        if renamed := [words for residue in chain for words in residue.renamed]:
            notes.append(f"renamed {'; '.join(renamed)}")
        if not np.array_equal(indices, np.sort(indices)):
            notes.append("atoms put into the order of the built peptide")
        return notes


def _find_chain(ways: list[list[list[ChainResidue]]], wanted: list[str], where: Path) -> list[ChainResidue]:
    for chains in ways:
        found = [chain for chain in chains if [residue.kind for residue in chain] == wanted]
        if len(found) > 1:
            raise TrajectoryError(
                f"{where}: {len(found)} chains are {'-'.join(wanted)}; keep one molecule in topology and trajectory."
            )
        if found:
            return found[0]
    chains = ways[-1]
    there = ", ".join(spelled(chain) for chain in chains) or "no peptide"
    core = [name for name in wanted if name not in CAPS]
    only_caps = any([residue.kind for residue in chain if residue.kind not in CAPS] == core for chain in chains)
    remedy = (
        f"set peptides.form: {'uncapped' if len(core) < len(wanted) else 'capped'}"
        if only_caps
        else "give the topology of this peptide, or correct its sequence under peptides"
    )
    raise TrajectoryError(f"{where}: holds {there[:200]}, not {'-'.join(wanted)}; {remedy}.")


def _match_residue(foreign: ChainResidue, own: Sequence[str], where: Path) -> list[int]:
    """Foreign indices of the heavy atoms named `own`."""
    if wrong := wrong_atoms(foreign):
        raise TrajectoryError(f"{where}: {wrong}.")
    missing = [name for name in own if name not in foreign.atoms]
    if missing:
        raise TrajectoryError(
            f"{where}: {foreign.label} lacks heavy atoms: {', '.join(missing)}; give a trajectory with all of them."
        )
    beyond = [atom.name for name, atom in foreign.atoms.items() if name not in own]
    if beyond:
        raise TrajectoryError(
            f"{where}: {foreign.label} holds atom {', '.join(beyond)}, which this residue does not have; name its "
            "atoms as in the PDB."
        )
    return [foreign.atoms[name].index for name in own]


def _indices(chain: list[ChainResidue], names: Iterable[Sequence[str]], where: Path) -> np.ndarray:
    """Foreign indices (N,) of the heavy atoms of a chain whose residues have `names`."""
    matched = [_match_residue(residue, own, where) for residue, own in zip(chain, names, strict=True)]
    return np.concatenate(matched).astype(np.int64)


def map_atoms(foreign: FoundTopology, own: mdtraj.Topology, where: Path) -> AtomMap:
    """Find the heavy atoms of `own`, a peptide as it is built here, in `foreign`.

    Waters, ions and other chains are left out, hydrogens too; atoms are told by residue and name, with the usual
    variants. Raises TrajectoryError naming `where`: another sequence, several copies, an unknown residue or atom, a
    missing heavy atom, a disulphide that `own` has not.
    """
    chains = _Chains.of(foreign, where)
    chain = _find_chain(chains.ways, [residue.name for residue in own.residues], where)
    indices = _indices(chain, [[atom.name for atom in residue.atoms] for residue in own.residues], where)
    sulphurs = Closures.of_topology(own).disulphides
    known = {frozenset((int(indices[first]), int(indices[second]))) for first, second in sulphurs}
    for (first, name), (second, other) in closures(chain, foreign.bonds):
        if name == "SG" and frozenset((first.atoms[name].index, second.atoms[other].index)) not in known:
            raise TrajectoryError(
                f"{where}: a disulphide joins {first.label} and {second.label}, which the peptide has not; name it in "
                "the sequence, as in CAAC-SS1-4."
            )
    notes = chains.notes(chain, indices)
    if hydrogens := sum(residue.hydrogens for residue in chain):
        notes.append(f"left out {hydrogens} hydrogens of the peptide")
    return AtomMap(indices, notes)


def map_peptide(foreign: FoundTopology, where: Path) -> tuple[mdtraj.Topology, AtomMap]:
    """The one peptide of a topology, whatever its sequence, and where its heavy atoms are in `foreign`.

    The topology is that of a built peptide: its names, its order, its bonds. Raises TrajectoryError naming `where`: no
    peptide or several, an unknown residue or atom, a missing heavy atom.
    """
    chains = _Chains.of(foreign, where)
    peptides = [[chain for chain in way if any(residue.kind in ONE_LETTER for residue in chain)] for way in chains.ways]
    chain = next((found[0] for found in peptides if len(found) == 1), None)
    if chain is None:
        found = ", ".join(map(spelled, peptides[-1])) or "no peptide"
        raise TrajectoryError(f"{where}: holds {found[:200]}; keep one peptide in topology and trajectory.")
    names = tuple(
        (*RESIDUE_KINDS[residue.kind].atoms, *(("OXT",) if "OXT" in residue.atoms else ())) for residue in chain
    )
    indices = _indices(chain, names, where)
    bonds = bonds_of(chain, names, closures(chain, foreign.bonds))
    topology = peptide_topology(tuple(residue.kind for residue in chain), names, bonds)
    return topology, AtomMap(indices, chains.notes(chain, indices))
