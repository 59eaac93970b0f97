"""Slow states of a residue: the side of phi, extended or helical psi, the rotamer of chi1."""

from dataclasses import dataclass

import numpy as np

from jamun.peptides.torsions import Torsion

# Where phi is positive, degrees; beyond is the back of the extended basin, which joins phi = -180.
POSITIVE_PHI = (0.0, 150.0)
# psi of helical conformations at negative phi, degrees: the wells on both sides of its barriers. At positive phi, which
# glycine alone visits often, its mirror image.
HELICAL_PSI = (-120.0, 50.0)


@dataclass(frozen=True)
class ResidueStates:
    """The slow states of one residue in all frames of a peptide's runs.

    name: of the residue, three letters.
    place: in the sequence, from 1, caps not counted.
    before_proline: whether proline comes next.
    mirrored: whether it is D: phi and psi of its states are those of its mirror image.
    positive: (F,) bool of each run, phi > 0; None where the residue has no phi that turns.
    helical: (F,) bool of each run; None where it has no psi.
    rotamer: (F,) of each run, 0 to 2 for gauche+, trans, gauche-; None where it has no free chi1.
    """

    name: str
    place: int
    before_proline: bool
    mirrored: bool
    positive: list[np.ndarray] | None
    helical: list[np.ndarray] | None
    rotamer: list[np.ndarray] | None


def is_positive(phi: np.ndarray) -> np.ndarray:
    """Whether phi, radians of any shape, is on the positive side."""
    low, high = np.radians(POSITIVE_PHI)
    positive: np.ndarray = (phi > low) & (phi < high)
    return positive


def is_helical(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Whether psi, radians of any shape, is helical: by its own window where phi is negative, mirrored elsewhere."""
    low, high = np.radians(HELICAL_PSI)
    own = np.where(is_positive(phi), -psi, psi)
    helical: np.ndarray = (own > low) & (own < high)
    return helical


def rotamer_of(chi1: np.ndarray) -> np.ndarray:
    """0, 1, 2 for gauche+, trans, gauche- of chi1, radians of any shape."""
    third = np.floor_divide(np.mod(chi1, 2 * np.pi), 2 * np.pi / 3).astype(np.int64)
    return np.clip(third, 0, 2)


def residue_states(
    torsions: list[Torsion], runs: list[np.ndarray], mirrored: frozenset[int] = frozenset()
) -> list[ResidueStates]:
    """The slow states of each residue, from the angles (F, K) in radians of each run; `mirrored` are the places of D
    residues."""
    columns = {(torsion.residue, torsion.kind): number for number, torsion in enumerate(torsions)}
    names = {torsion.residue: torsion.residue_name for torsion in torsions}

    def angles_of(place: int, kind: str) -> list[np.ndarray] | None:
        column = columns.get((place, kind))
        return None if column is None else [run[:, column] for run in runs]

    found = []
    for place, name in sorted(names.items()):
        sign = -1.0 if place in mirrored else 1.0
        phi, psi, chi1 = (angles_of(place, kind) for kind in ("phi", "psi", "chi1"))
        # Without a phi, as at the end of a chain without caps, psi is judged as at negative phi.
        sides = [np.full(len(run), -1.0) for run in runs] if phi is None else [sign * one for one in phi]
        # The ring of proline holds phi, and sets chi1, which flips within ps.
        ring = name == "PRO"
        found.append(
            ResidueStates(
                name,
                place,
                names.get(place + 1) == "PRO",
                place in mirrored,
                None if phi is None or ring else [is_positive(one) for one in sides],
                None if psi is None else [is_helical(one, sign * other) for one, other in zip(sides, psi, strict=True)],
                None if chi1 is None or ring else [rotamer_of(one) for one in chi1],
            )
        )
    return found
