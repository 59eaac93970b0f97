"""The one way in for structures: from any file to one whole peptide, or to a sentence. Imports nothing heavy.

Whatever enters goes through `read_structure`: peptides of `peptides.structures`, starts of sampling, and what is
simulated by hand. The result is one connected molecule of amino acids and caps under the names of built peptides, with
all of its heavy atoms and bonds of a bond's length. What the file holds besides is left out and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jamun.peptides.bond_lengths import require_lengths, require_molecule
from jamun.peptides.chains import Closure, bonds_of, closure_notes, closures, one_chain, refuse_other_bonds
from jamun.peptides.closures import Closures
from jamun.peptides.naming import ChainResidue, missing_atoms, sort_out, spelled, wrong_atoms
from jamun.peptides.reading import FoundAtom, FoundModel, FoundResidue, read_models
from jamun.peptides.residues import RESIDUE_KINDS, hand, natural_centres
from jamun.peptides.sequences import CAPS, D_NAMES, D_RESIDUES, ONE_LETTER, Peptide, PeptideError
from jamun.peptides.topology import AtomNames, peptide_topology

if TYPE_CHECKING:
    import mdtraj

# Of the bond to an end's second oxygen, nm.
_CARBOXYLATE_NM = 0.125


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
    atom_names: AtomNames
    positions: np.ndarray
    bonds: np.ndarray
    notes: tuple[str, ...]
    named_d: tuple[int, ...] = ()

    @property
    def _atoms(self) -> tuple[list[str], list[int]]:
        """Of each atom its name and the place of its residue."""
        pairs = [(name, place) for place, names in enumerate(self.atom_names) for name in names]
        return [name for name, _ in pairs], [place for _, place in pairs]

    def hands_found(self) -> list[tuple[int, int, int]]:
        """Of each stereocentre the atom, the place of its residue, and its hand in the first model, 1 or -1."""
        names, owners = self._atoms
        centres = natural_centres(names, [self.residues[place] for place in owners], owners)
        return [(centre, owners[centre], hand(self.positions[0], centre, neighbours)) for centre, neighbours in centres]

    @property
    def closures(self) -> Closures:
        """Disulphides, and the bond of a ring."""
        return Closures.of(*self._atoms, self.bonds)

    def peptide(self, name: str) -> Peptide:
        """What a sequence would say of it."""
        _, owners = self._atoms
        first = next(place for place, kind in enumerate(self.residues) if kind not in CAPS)
        pairs = tuple((owners[one] - first + 1, owners[other] - first + 1) for one, other in self.closures.disulphides)
        return Peptide(name, self.amino_acids, self.closures.ring is not None, pairs)

    @property
    def amino_acids(self) -> tuple[str, ...]:
        """Residues without caps, three-letter codes; DAL and so on of those that are D by their positions."""
        names, _ = self._atoms
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


def _second_oxygen(residue: ChainResidue) -> FoundAtom:
    """The second oxygen of an end without a cap, in the plane of CA, C and O."""
    carbon, alpha, oxygen = (residue.atoms[name].position for name in ("C", "CA", "O"))
    away = (carbon - alpha) / np.linalg.norm(carbon - alpha)
    double = (oxygen - carbon) / np.linalg.norm(oxygen - carbon)
    direction = 2.0 * np.dot(double, away) * away - double  # O mirrored at the line through CA and C
    return FoundAtom("OXT", "O", -1, carbon + _CARBOXYLATE_NM * direction)


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
    def bonds(self) -> np.ndarray:
        """(bonds, 2), those that close the chain last."""
        return bonds_of(self.chain, self.atom_names, self.closing)

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
    require_lengths(kept, path)
    chain = one_chain(kept, path)
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
    notes += closure_notes(chain, closing, model.bonds, path)
    peptide = _Peptide(chain, closing, notes)
    refuse_other_bonds(chain, peptide.atom_names, peptide.bonds, model.bonds, path)
    return peptide


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
    bonds, labels = first.bonds, first.labels
    for where, peptide in zip(names, peptides, strict=True):
        if (spelled(peptide.chain), peptide.atom_names) != (spelled(first.chain), first.atom_names):
            raise PeptideError(
                f"{where}: {spelled(peptide.chain)} with {len(peptide.labels)} heavy atoms, but the first model is "
                f"{spelled(first.chain)} with {len(labels)}; keep models of one molecule."
            )
        if not np.array_equal(peptide.bonds, bonds):
            raise PeptideError(
                f"{where}: other disulphides than in the first model; keep models of one molecule, or name bonds by "
                "CONECT or SSBOND records."
            )
        require_molecule(peptide.positions, bonds, peptide.labels, where)
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
