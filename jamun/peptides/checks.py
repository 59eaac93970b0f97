"""What a built peptide must be: of the hands asked for, trans, without clashes, known to the force field."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import mdtraj
import numpy as np

from jamun.peptides.closures import Closures
from jamun.peptides.residues import chirality, hand, natural_centres
from jamun.peptides.sequences import D_NAMES, Peptide, PeptideError
from jamun.peptides.topology import places_of

if TYPE_CHECKING:
    from openmm import app

# Two atoms more than three bonds apart that come closer than this overlap; hydrogens come closer than heavy atoms do.
CLASH_HEAVY_NM = 0.22
CLASH_HYDROGEN_NM = 0.13
# A peptide bond this far from planar trans (pi) is neither trans nor relaxed.
OMEGA_TOLERANCE = np.deg2rad(40.0)


def stereocentres(topology: mdtraj.Topology) -> list[tuple[str, int, tuple[int, int, int]]]:
    """(label, centre, neighbours) of every stereocentre, ordered so that natural amino acids are positive."""
    atoms = list(topology.atoms)
    centres = natural_centres(
        [atom.name for atom in atoms], [atom.residue.name for atom in atoms], [atom.residue.index for atom in atoms]
    )
    return [
        (f"{atoms[centre].residue.name}{atoms[centre].residue.resSeq} {atoms[centre].name}", centre, neighbours)
        for centre, neighbours in centres
    ]


def peptide_bonds(topology: mdtraj.Topology) -> list[tuple[str, tuple[int, int, int, int]]]:
    """(label, the four atoms of omega) of every peptide bond, those to the caps included, and last that of a ring."""
    quartets: list[tuple[str, tuple[int, int, int, int]]] = []
    residues = list(topology.residues)
    ring = Closures.of_topology(topology).ring
    closing = [] if ring is None else [tuple(topology.atom(atom).residue for atom in ring)]
    for before, after in [*pairwise(residues), *closing]:
        first = {atom.name: atom.index for atom in before.atoms}
        second = {atom.name: atom.index for atom in after.atoms}
        left = first.get("CA", first.get("CH3"))
        right = second.get("CA", second.get("C") if after.name == "NME" else None)
        if left is not None and right is not None and "C" in first and "N" in second:
            quartets.append((f"{before}-{after}", (left, first["C"], second["N"], right)))
    return quartets


def omegas(positions: np.ndarray, topology: mdtraj.Topology) -> list[tuple[str, float]]:
    """(label, omega in radians) of every peptide bond at positions (atoms, 3) in nm."""
    bonds = peptide_bonds(topology)
    if not bonds:
        return []
    labels, quartets = zip(*bonds, strict=True)
    found = mdtraj.compute_dihedrals(mdtraj.Trajectory(positions[None], topology), quartets)[0]
    return list(zip(labels, found.tolist(), strict=True))


def far_pairs(atoms: int, bonds: np.ndarray) -> np.ndarray:
    """Pairs (P, 2) of atoms, the lower first, with more than three bonds (B, 2) between them, or none at all."""
    step = np.eye(atoms)
    step[bonds[:, 0], bonds[:, 1]] = step[bonds[:, 1], bonds[:, 0]] = 1
    return np.argwhere(np.triu(np.linalg.matrix_power(step, 3) == 0, 1))


def closest_contacts(positions: np.ndarray, topology: mdtraj.Topology) -> dict[str, float]:
    """Smallest distances (nm) between atoms more than three bonds apart: heavy-heavy, and any with a hydrogen."""
    bonds = np.array([(bond.atom1.index, bond.atom2.index) for bond in topology.bonds], dtype=np.int64).reshape(-1, 2)
    first, second = far_pairs(topology.n_atoms, bonds).T
    distance = np.linalg.norm(positions[first] - positions[second], axis=-1)
    heavy = np.array([atom.element.symbol != "H" for atom in topology.atoms])
    both_heavy = heavy[first] & heavy[second]
    return {
        "heavy": float(distance[both_heavy].min(initial=np.inf)),
        "hydrogen": float(distance[~both_heavy].min(initial=np.inf)),
    }


def templates(topology: app.Topology, forcefield: app.ForceField, name: str) -> list[str]:
    """The force field's template of every residue, such as ``NALA`` or ``HIE``, in the order of the chain.

    Raises PeptideError naming the first residue without one.
    """
    unmatched = forcefield.getUnmatchedResidues(topology)
    if unmatched:
        raise PeptideError(f"{name}: amber99sbildn has no template for {unmatched[0].name} as it was built.")
    return [template.name for template in forcefield.getMatchingTemplates(topology)]


def hands(positions: np.ndarray, topology: mdtraj.Topology) -> dict[int, int]:
    """Of each stereocentre's atom, 1 where it is as in natural amino acids and -1 where it is the mirror image, at
    positions (atoms, 3) in nm."""
    return {centre: hand(positions, centre, neighbours) for _, centre, neighbours in stereocentres(topology)}


def mirrored_residues(topology: mdtraj.Topology, positions: np.ndarray) -> frozenset[int]:
    """Places, from 1 and caps not counted, of residues whose CA is D in most frames; positions (F, atoms, 3) in nm."""
    places, found = places_of(topology), set()
    for _, centre, neighbours in stereocentres(topology):
        atom = topology.atom(centre)
        if atom.name == "CA" and np.median(chirality(positions, centre, neighbours)) < 0:
            found.add(places[atom.residue.index])
    return frozenset(found)


def peptide_of(topology: mdtraj.Topology, positions: np.ndarray) -> Peptide:
    """What a sequence would say of a molecule: residues, D ones by positions (F, atoms, 3) in nm, ring, disulphides.

    The peptide has no name, and its ends are not told. Residues that are no amino acids keep their names.
    """
    mirrored, closures, places = (
        mirrored_residues(topology, positions),
        Closures.of_topology(topology),
        places_of(topology),
    )
    names = ((topology.residue(index).name, place) for index, place in places.items())
    residues = tuple(D_NAMES.get(name, name) if place in mirrored else name for name, place in names)
    pairs = (sorted(places[topology.atom(atom).residue.index] for atom in pair) for pair in closures.disulphides)
    return Peptide("", residues, closures.ring is not None, tuple(sorted((low, high) for low, high in pairs)))


def inverted(positions: np.ndarray, topology: mdtraj.Topology, expected: Mapping[int, int] | None = None) -> list[str]:
    """Stereocentres that are the mirror image of what is expected, as of `hands`, at positions (atoms, 3) in nm, in
    words; natural ones are expected where that tells nothing."""
    found, wanted = hands(positions, topology), expected or {}
    words = {1: "D instead of L", -1: "L instead of D"}
    return [
        f"{label} is inverted ({words[wanted.get(centre, 1)]})"
        for label, centre, _ in stereocentres(topology)
        if found[centre] != wanted.get(centre, 1)
    ]


def check(
    positions: np.ndarray, topology: mdtraj.Topology, name: str, expected: Mapping[int, int] | None = None
) -> dict[str, object]:
    """Check a built peptide, (atoms, 3) in nm with the `expected` hands as of `inverted`, and return what was found.

    Raises PeptideError, naming the first stereocentre of the wrong hand, peptide bond that is not trans, or clash.
    """
    centres = stereocentres(topology)
    if wrong := inverted(positions, topology, expected):
        raise PeptideError(f"{name}: {wrong[0].replace(' is ', ' came out ', 1)}; build it again or report it.")
    found = omegas(positions, topology)
    for label, omega in found:
        if np.pi - abs(omega) > OMEGA_TOLERANCE:
            raise PeptideError(f"{name}: peptide bond {label} is not trans (omega {np.rad2deg(omega):.0f} degrees).")
    contacts = closest_contacts(positions, topology)
    if contacts["heavy"] < CLASH_HEAVY_NM or contacts["hydrogen"] < CLASH_HYDROGEN_NM:
        raise PeptideError(
            f"{name}: atoms clash (closest heavy atoms {contacts['heavy']:.3f} nm, closest contact of a hydrogen "
            f"{contacts['hydrogen']:.3f} nm)."
        )
    return {
        "stereocentres": [label for label, *_ in centres],
        "omega_radians": [omega for _, omega in found],
        "closest_heavy_nm": contacts["heavy"],
        "closest_hydrogen_nm": contacts["hydrogen"],
    }


def peculiarities(
    positions: np.ndarray, topology: mdtraj.Topology, expected: Mapping[int, int] | None = None
) -> list[str]:
    """What a structure has that built peptides have not, in words: D residues under the names of L residues, cis bonds,
    overlaps.

    None of it is an error in a structure that someone gives, (atoms, 3) in nm with the `expected` hands as of
    `inverted`; sampling goes from it, by a network that may not know it.
    """
    found = inverted(positions, topology, expected)
    found += [
        f"the peptide bond {label} is cis" for label, omega in omegas(positions, topology) if abs(omega) < np.pi / 2
    ]
    closest = closest_contacts(positions, topology)["heavy"]
    if closest < CLASH_HEAVY_NM:
        found.append(f"two heavy atoms more than three bonds apart are only {closest:.3f} nm apart")
    return found
