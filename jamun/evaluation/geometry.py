"""Bonds, angles, peptide bonds, stereocentres and contacts of a molecule, measured in every frame."""

from dataclasses import dataclass
from itertools import combinations

import mdtraj
import numpy as np

from jamun.config.physicality import PhysicalitySettings
from jamun.data.molecule import Molecule
from jamun.peptides.checks import far_pairs, peptide_bonds, stereocentres
from jamun.peptides.residues import chirality
from jamun.peptides.sequences import CAPS
from jamun.peptides.topology import neighbours

# Longer than any covalent bond of a peptide (S-S: 0.205 nm): a pair that is so far apart on average is not bonded,
# whatever its file says. PDB files with gaps in their serial numbers can name such pairs in CONECT records.
LONGEST_BOND_NM = 0.25
# Numbers held at once while frames are measured.
_CHUNK = 4_000_000
_BACKBONE_BONDS = {
    frozenset({"N", "CA"}): "N–CA",
    frozenset({"CA", "C"}): "CA–C",
    frozenset({"C", "O"}): "C=O",
    frozenset({"CA", "CB"}): "CA–CB",
}
_BACKBONE_ANGLES = {
    ("N", "CA", "C"): "N–CA–C",
    ("CA", "C", "O"): "CA–C–O",
    ("CA", "C", "N"): "CA–C–N",
    ("O", "C", "N"): "O–C–N",
    ("C", "N", "CA"): "C–N–CA",
    ("N", "CA", "CB"): "N–CA–CB",
    ("C", "CA", "CB"): "C–CA–CB",
}


@dataclass(frozen=True)
class Terms:
    """What is measured: atoms of each term, and its label and type in words.

    bonds: (B, 2).
    angles: (A, 3), the vertex second.
    omegas: (O, 4), peptide bonds.
    centres: (S, 4), the stereocentre first.
    contacts: (C, 2), pairs more than three bonds apart.
    dropped: labels of bonds in the topology that are none.
    """

    bonds: np.ndarray
    bond_labels: list[str]
    bond_types: list[str]
    angles: np.ndarray
    angle_labels: list[str]
    angle_types: list[str]
    omegas: np.ndarray
    omega_labels: list[str]
    centres: np.ndarray
    centre_labels: list[str]
    contacts: np.ndarray
    dropped: list[str]


@dataclass(frozen=True)
class Measured:
    """The terms of every frame.

    bonds: (F, B) nm.
    angles: (F, A) radians on (0, pi).
    omegas: (F, O) radians on (-pi, pi].
    volumes: (F, S) signed volumes of the stereocentres, nm^3.
    nearest: (F,) nearest contact, nm; infinite for a molecule without pairs so far apart.
    """

    bonds: np.ndarray
    angles: np.ndarray
    omegas: np.ndarray
    volumes: np.ndarray
    nearest: np.ndarray

    def __len__(self) -> int:
        return len(self.nearest)

    def chosen(self, frames: np.ndarray | slice) -> "Measured":
        """The same of some frames, by a mask or a slice."""
        return Measured(*(part[frames] for part in vars(self).values()))


def _joined(atoms: list[mdtraj.core.topology.Atom], residues: list[str]) -> str:
    """``Ala1 N–CA``; with the residue of each stretch where a term spans two: ``Ala1 C–Trp2 N``. `residues` are the
    labels of all atoms' residues."""
    words, last = [], None
    for atom in atoms:
        words.append(atom.name if atom.residue.index == last else f"{residues[atom.index]} {atom.name}")
        last = atom.residue.index
    return "–".join(words)


def _bond_type(first: mdtraj.core.topology.Atom, second: mdtraj.core.topology.Atom) -> str:
    names = frozenset({first.name, second.name})
    if first.residue.index != second.residue.index:
        return "C–N peptide" if names == {"C", "N"} else "cross-link"
    if first.residue.name in CAPS:
        return "caps"
    if names == {"C", "OXT"}:
        return "C=O"
    if names in _BACKBONE_BONDS:
        return _BACKBONE_BONDS[names]
    return "side chain " + "–".join(sorted((first.element.symbol, second.element.symbol)))


def _angle_type(atoms: list[mdtraj.core.topology.Atom]) -> str:
    names = tuple("O" if atom.name == "OXT" else atom.name for atom in atoms)
    if all(atom.residue.name in CAPS for atom in atoms):
        return "caps"
    for key in (names, names[::-1]):
        if key in _BACKBONE_ANGLES:
            return _BACKBONE_ANGLES[key]
    if names == ("O", "C", "O"):
        return "O–C–O"
    return "caps" if any(atom.residue.name in CAPS for atom in atoms) else "side chain"


def find_terms(topology: mdtraj.Topology, positions: np.ndarray) -> Terms:
    """The terms of a molecule's heavy atoms.

    Pairs that the topology calls bonded but that are more than LONGEST_BOND_NM apart on average in the reference,
    `positions` (F, N, 3) in nm, are left out and named in `dropped`. Raises MoleculeError for a topology without bonds.
    """
    molecule, atoms = Molecule.from_topology(topology), list(topology.atoms)
    residues, bonds = molecule.residue_labels, molecule.bonds
    lengths = _lengths(positions[:: max(1, len(positions) // 1000)], bonds).mean(0)
    dropped = [_joined([atoms[a] for a in pair], residues) for pair in bonds[lengths > LONGEST_BOND_NM]]
    bonds = bonds[lengths <= LONGEST_BOND_NM]
    near = [sorted(others) for others in neighbours(len(atoms), bonds.tolist())]
    angles = [(one, vertex, two) for vertex, ends in enumerate(near) for one, two in combinations(ends, 2)]
    centres = stereocentres(topology)
    peptide = peptide_bonds(topology)
    return Terms(
        bonds=bonds,
        bond_labels=[_joined([atoms[a] for a in pair], residues) for pair in bonds],
        bond_types=[_bond_type(*(atoms[a] for a in pair)) for pair in bonds],
        angles=np.array(angles, dtype=np.int64).reshape(-1, 3),
        angle_labels=[_joined([atoms[a] for a in triple], residues) for triple in angles],
        angle_types=[_angle_type([atoms[a] for a in triple]) for triple in angles],
        omegas=np.array([quartet for _, quartet in peptide], dtype=np.int64).reshape(-1, 4),
        omega_labels=[f"{residues[carbon]}–{residues[nitrogen]}" for _, (_, carbon, nitrogen, _) in peptide],
        centres=np.array([(centre, *others) for _, centre, others in centres], dtype=np.int64).reshape(-1, 4),
        centre_labels=[f"{residues[c]} {atoms[c].name}" for _, c, _ in centres],
        contacts=far_pairs(len(atoms), bonds),
        dropped=dropped,
    )


def _vectors(positions: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return positions[:, second] - positions[:, first]


def _lengths(positions: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Distances (F, P) in nm of pairs (P, 2)."""
    apart = _vectors(positions, pairs[:, 0], pairs[:, 1])
    return np.sqrt(np.einsum("fpi,fpi->fp", apart, apart))


def _angles(positions: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """Angles (F, A) at the middle atom, atan2(|u x v|, u.v): accurate where arccos is not, near 0 and pi."""
    one = _vectors(positions, triples[:, 1], triples[:, 0])
    two = _vectors(positions, triples[:, 1], triples[:, 2])
    return np.arctan2(np.linalg.norm(np.cross(one, two), axis=-1), np.einsum("fai,fai->fa", one, two))


def _dihedrals(positions: np.ndarray, quartets: np.ndarray) -> np.ndarray:
    """Dihedrals (F, O) on (-pi, pi] by the IUPAC sign: pi is trans."""
    one, two, three = (_vectors(positions, quartets[:, k], quartets[:, k + 1]) for k in range(3))
    normal, other = np.cross(one, two), np.cross(two, three)
    along = np.linalg.norm(two, axis=-1) * np.einsum("foi,foi->fo", one, other)
    return np.arctan2(along, np.einsum("foi,foi->fo", normal, other))


def measure(positions: np.ndarray, terms: Terms) -> Measured:
    """Measure `terms` in positions (F, N, 3) in nm, stretch by stretch, in single precision."""
    frames = len(positions)
    measured = Measured(
        np.empty((frames, len(terms.bonds)), np.float32),
        np.empty((frames, len(terms.angles)), np.float32),
        np.empty((frames, len(terms.omegas)), np.float32),
        np.empty((frames, len(terms.centres)), np.float32),
        np.full(frames, np.inf, np.float32),
    )
    widest = 6 * max(len(terms.contacts), len(terms.angles), positions.shape[1], 1)
    step = max(1, _CHUNK // widest)
    for start in range(0, frames, step):
        part = slice(start, start + step)
        now = np.asarray(positions[part], dtype=np.float32)
        measured.bonds[part] = _lengths(now, terms.bonds)
        measured.angles[part] = _angles(now, terms.angles)
        measured.omegas[part] = _dihedrals(now, terms.omegas)
        for column, (centre, *others) in enumerate(terms.centres.tolist()):
            measured.volumes[part, column] = chirality(now, centre, tuple(others))
        if len(terms.contacts):
            measured.nearest[part] = _lengths(now, terms.contacts).min(1)
    return measured


def flaws(
    measured: Measured, bonds: np.ndarray, angles: np.ndarray, volumes: np.ndarray, settings: PhysicalitySettings
) -> dict[str, np.ndarray]:
    """What is wrong with each frame, (F,) bool each, against what is right: lengths of `bonds` (B,) in nm, `angles`
    (A,) in radians, and `volumes` (S,), of which only the signs matter. The words are docs/evaluation.md's."""
    return {
        "bond_outlier": (np.abs(measured.bonds - bonds) > settings.bond_tolerance).any(1),
        "bent": (np.abs(measured.angles - angles) > settings.angle_tolerance).any(1),
        "cis": (np.abs(measured.omegas) < np.pi / 2).any(1),
        "inverted": (measured.volumes * volumes <= 0).any(1),
        "clash": measured.nearest < settings.clash_distance,
    }


def physical(flaws: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each frame has no bond outlier, no inverted centre and no clash: (F,) bool."""
    return ~(flaws["bond_outlier"] | flaws["inverted"] | flaws["clash"])
